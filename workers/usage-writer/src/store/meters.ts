import { meters } from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import { isNotNull } from "drizzle-orm";
import { METER_CACHE_MS } from "../limits.ts";
import { askDatabase } from "./ask-database.ts";

/** Meters whose CloudEvents carry the quantity in a property of their own, by meter key. */
export type QuantityProperties = ReadonlyMap<string, string>;

/** A memory of the meters' quantity properties; they are few and change rarely. */
export class MeterCache {
  #properties: QuantityProperties = new Map();
  #untilMs = 0;

  async find(db: Database, nowMs: number): Promise<QuantityProperties> {
    if (nowMs < this.#untilMs) return this.#properties;
    const rows = await askDatabase(async () =>
      db
        .select({ meterKey: meters.meterKey, property: meters.valueProperty })
        .from(meters)
        .where(isNotNull(meters.valueProperty)),
    );
    this.#properties = new Map(rows.map(({ meterKey, property }) => [meterKey, property ?? ""]));
    this.#untilMs = nowMs + METER_CACHE_MS;
    return this.#properties;
  }
}
