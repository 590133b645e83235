import { MICROS_PER_UNIT } from "@prego/core/quantity";
import { requireTrue, type Statement } from "@prego/core/store";
import { type SQL, sql } from "drizzle-orm";
import type { HourValues, PlannedValues } from "../domain/plan-values.ts";
import { VALUES_JSON_CHARS_MAX } from "../limits.ts";

/**
 * Writes the values of a plan, after its rollups and adjustments: each statement that counts what is new to a cycle stands
 * before the one that makes it known. Values in time come first, so that a late object of the group adds none of them.
 */
export const writeValues = ({ inTime, late, unread }: PlannedValues): Statement[] => [
  ...(unread.length === 0 ? [] : [requireTrue(areUncounted(unread))]),
  ...packValues(inTime).flatMap((json) => [countFirstSeen(json), insertFirstSeen(json)]),
  ...packValues(late).flatMap((json) => [countLate(json), insertLate(json)]),
];

/** No meter has begun to count distinct values since the lines were read: what they say would be lost. */
const areUncounted = (meterKeys: readonly string[]): SQL => sql`NOT EXISTS (SELECT 1
  FROM json_each(${JSON.stringify(meterKeys)}) k JOIN meters m ON m.meter_key = k.value WHERE m.aggregation = 'unique')`;

/** Values as JSON rows, as many to a text as one statement takes. */
function packValues(values: readonly HourValues[]): string[] {
  const texts: string[] = [];
  let rows: string[] = [];
  let chars = 0;
  for (const { tenantId, meterKey, cycle, hour, key, digests } of values) {
    for (let start = 0; start < digests.length; start += DIGESTS_PER_ROW) {
      const row = JSON.stringify([tenantId, meterKey, cycle, hour, key, digests.slice(start, start + DIGESTS_PER_ROW)]);
      if (rows.length > 0 && chars + row.length > VALUES_JSON_CHARS_MAX) {
        texts.push(`[${rows.join(",")}]`);
        rows = [];
        chars = 0;
      }
      rows.push(row);
      chars += row.length;
    }
  }
  return rows.length === 0 ? texts : [...texts, `[${rows.join(",")}]`];
}

/** 25 kB of text: a row that is full leaves little of its statement empty. */
const DIGESTS_PER_ROW = 1_000;

/** The rows of a text, one for each digest. Rows are taken apart once: a path into their text would parse it for every digest. */
const valuesOf = (json: string): SQL => sql`part AS MATERIALIZED (
    SELECT value ->> 0 AS tenant_id, value ->> 1 AS meter_key, value ->> 2 AS cycle, value ->> 3 AS hour,
      value ->> 4 AS r2_key, value ->> 5 AS digests FROM json_each(${json})),
  said AS (SELECT tenant_id, meter_key, cycle, hour, r2_key, d.value AS value_digest
    FROM part CROSS JOIN json_each(part.digests) d)`;

/** What is known of the same value. */
const isKnown = sql.raw(`known.tenant_id = said.tenant_id AND known.meter_key = said.meter_key
  AND known.cycle = said.cycle AND known.value_digest = said.value_digest`);

/** Counts values under the hour that has them first; one that was counted under a later hour moves. */
const countFirstSeen = (json: string): Statement => sql`WITH ${valuesOf(json)},
  first AS MATERIALIZED (SELECT said.tenant_id, said.meter_key, said.hour, known.hour AS counted_hour
    FROM said LEFT JOIN usage_distinct_values known ON ${isKnown}
    WHERE known.hour IS NULL OR known.is_late = 0 AND said.hour < known.hour),
  change AS MATERIALIZED (SELECT tenant_id, meter_key, hour, sum(n) AS n FROM (
      SELECT tenant_id, meter_key, hour, 1 AS n FROM first
      UNION ALL SELECT tenant_id, meter_key, counted_hour, -1 FROM first WHERE counted_hour IS NOT NULL)
    GROUP BY tenant_id, meter_key, hour)
  UPDATE usage_rollups AS r SET new_values = r.new_values + change.n FROM change
  WHERE r.tenant_id = change.tenant_id AND r.meter_key = change.meter_key AND r.hour = change.hour`;

const insertFirstSeen = (json: string): Statement => sql`WITH ${valuesOf(json)}
  INSERT INTO usage_distinct_values (tenant_id, meter_key, cycle, value_digest, hour, is_late)
  SELECT tenant_id, meter_key, cycle, value_digest, hour, 0 FROM said WHERE true
  ON CONFLICT (tenant_id, meter_key, cycle, value_digest) DO UPDATE SET hour = excluded.hour
    WHERE usage_distinct_values.is_late = 0 AND excluded.hour < usage_distinct_values.hour`;

/** A late object is billed for the values that its cycle did not have yet, in time or late. */
const countLate = (json: string): Statement => sql`WITH ${valuesOf(json)},
  change AS MATERIALIZED (SELECT tenant_id, meter_key, cycle, r2_key, count(*) AS n FROM said
    WHERE NOT EXISTS (SELECT 1 FROM usage_distinct_values known WHERE ${isKnown})
    GROUP BY tenant_id, meter_key, cycle, r2_key)
  UPDATE usage_adjustments AS a SET qty = a.qty + change.n * ${sql.raw(MICROS_PER_UNIT.toString())} FROM change
  WHERE a.tenant_id = change.tenant_id AND a.meter_key = change.meter_key AND a.corrected_cycle = change.cycle
    AND a.r2_key = change.r2_key`;

const insertLate = (json: string): Statement => sql`WITH ${valuesOf(json)}
  INSERT INTO usage_distinct_values (tenant_id, meter_key, cycle, value_digest, hour, is_late)
  SELECT tenant_id, meter_key, cycle, value_digest, hour, 1 FROM said WHERE true
  ON CONFLICT (tenant_id, meter_key, cycle, value_digest) DO NOTHING`;
