import { meters } from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import { eq, isNotNull, or } from "drizzle-orm";
import { METER_CACHE_MS, METER_CACHE_OUTAGE_MS } from "../limits.ts";
import { askDatabase } from "./ask-database.ts";

/** What reading events needs to know of the meters. */
export interface MeterRules {
  /** Property of a CloudEvent's data that a meter counts, where it is one of its own. */
  valueProperties: ReadonlyMap<string, string>;
  /** Keys of the meters that count distinct values. */
  uniqueMeters: ReadonlySet<string>;
}

/** A memory of the meters' rules; they are few and change rarely. */
export class MeterCache {
  #rules: MeterRules = { valueProperties: new Map(), uniqueMeters: new Set() };
  #untilMs = 0;

  async find(db: Database, nowMs: number): Promise<MeterRules> {
    if (nowMs < this.#untilMs) return this.#rules;
    try {
      return await this.#read(db, nowMs);
    } catch (error) {
      // Meters are hardly ever made, and usage of known tenants must not wait for the database because of them.
      if (nowMs < this.#untilMs + METER_CACHE_OUTAGE_MS) return this.#rules;
      throw error;
    }
  }

  async #read(db: Database, nowMs: number): Promise<MeterRules> {
    const rows = await askDatabase(async () =>
      db
        .select({ meterKey: meters.meterKey, property: meters.valueProperty, aggregation: meters.aggregation })
        .from(meters)
        .where(or(isNotNull(meters.valueProperty), eq(meters.aggregation, "unique"))),
    );
    const properties = rows.flatMap(({ meterKey, property }) =>
      property === null ? [] : [[meterKey, property] as const],
    );
    const unique = rows.flatMap(({ meterKey, aggregation }) => (aggregation === "unique" ? [meterKey] : []));
    this.#rules = { valueProperties: new Map(properties), uniqueMeters: new Set(unique) };
    this.#untilMs = nowMs + METER_CACHE_MS;
    return this.#rules;
  }
}
