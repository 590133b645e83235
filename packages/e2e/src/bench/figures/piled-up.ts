import { formatNumber, makeFigure, type Report } from "../figure.ts";
import { type Counts, subtractCounts } from "../instrument/counts.ts";
import type { MeasuredUsage } from "../measured-usage.ts";
import { type MeteredStack, startMeteredStack } from "../metered-stack.ts";

import type { Scale } from "../scale.ts";
import { lastHourMs, makeLines, storeObject } from "../stored-objects.ts";

const FEW = 100;
const MANY = 100_000;
const OLD_TENANTS = 1_000;
const NEW_OBJECTS = 10;
const LINES_PER_OBJECT = 100;
const TENANT = "ten_new";

/** Bytes of database that a row takes, its indexes included. */
interface RowBytes {
  usageObjects: number;
  usageRollups: number;
}

/** Work of a run that finds ten new objects, among few and among many that are done. */
export async function measurePiledUp(scale: Scale): Promise<Report & { usage: Pick<MeasuredUsage, "objectRowBytes"> }> {
  const stack = await startMeteredStack();
  try {
    await stack.addTenants([TENANT]);
    // The day's comparison of R2 with the rows is not part of a run's work, whatever there is: it is done before.
    await stack.aggregate();
    await addOldObjects(stack.database, 0, FEW);
    const amongFew = await measureRun(stack, "few", scale);
    const many = Math.max(FEW + OLD_TENANTS, scale.count(MANY));
    const rowBytes = await addOldObjects(stack.database, FEW, many);
    const amongMany = await measureRun(stack, "many", scale);
    const figure = makeFigure({
      figure: "work_of_10_new_objects_among_many_old",
      value: workOf(amongMany) / workOf(amongFew),
      unit: "x",
      baseline: `${formatNumber(workOf(amongFew))} calls and rows among ${FEW} old ones, ${formatNumber(workOf(amongMany))} among ${formatNumber(many)}`,
      target: { atMost: 1.2 },
    });
    const notes = [
      describe(amongFew, FEW),
      describe(amongMany, many),
      `A row of usage_objects takes ${formatNumber(rowBytes.usageObjects)} bytes with its indexes, one of usage_rollups ${formatNumber(rowBytes.usageRollups)}.`,
    ];
    return { figures: [figure], notes, usage: { objectRowBytes: rowBytes.usageObjects } };
  } finally {
    await stack.close();
  }
}

/** Rows that D1 reads, its statements, and calls of R2. */
const workOf = (counts: Counts): number =>
  counts.d1RowsRead + counts.d1Statements + counts.r2ClassA + counts.r2ClassB + counts.r2Free;

const describe = (counts: Counts, old: number): string =>
  `Among ${formatNumber(old)} old objects a run with ${NEW_OBJECTS} new ones took ${counts.d1Statements} D1 statements, ${counts.d1RowsRead} rows read, ` +
  `${counts.d1RowsWritten} rows written, ${counts.r2ClassB} R2 gets, ${counts.r2ClassA} R2 lists or puts.`;

async function measureRun(stack: MeteredStack, name: string, scale: Scale): Promise<Counts> {
  const target = { database: stack.database, bucket: await stack.runtime.bucket("aggregator") };
  for (let index = 0; index < NEW_OBJECTS; index += 1) {
    const place = { tenantId: TENANT, hourMs: lastHourMs(Date.now()), name: `${name}-${index}` };
    const bytes = makeLines(place, LINES_PER_OBJECT, scale.seed + index);
    await storeObject(target, place, { bytes, events: LINES_PER_OBJECT });
  }
  const before = await stack.readCounts();
  await stack.aggregate();
  const counts = subtractCounts(await stack.readCounts(), before);
  if (counts.r2ClassB !== NEW_OBJECTS) {
    throw new Error(`a run read ${counts.r2ClassB} objects instead of ${NEW_OBJECTS}`);
  }
  return counts;
}

/** Rows number `from` to `to` of objects that were rolled up long ago, and one rollup for each. */
async function addOldObjects(database: D1Database, from: number, to: number): Promise<RowBytes> {
  const numbers = `WITH RECURSIVE old (i) AS (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT i + 1 FROM old WHERE i + 1 < CAST(?2 AS INTEGER)),
    named AS (SELECT i, printf('ten_%026d', i % ${OLD_TENANTS}) AS tenant, i / ${OLD_TENANTS} AS hour_index FROM old),
    placed AS (SELECT i, tenant, printf('2026-01-%02dT%02d', 1 + hour_index / 24, hour_index % 24) AS hour FROM named)`;
  const insert = async (statement: string): Promise<{ rows: number; size: number }> => {
    const { meta } = await database.prepare(`${numbers} ${statement}`).bind(from, to).run();
    return { rows: to - from, size: meta.size_after };
  };
  const sizeBefore = (await database.prepare("SELECT 1").run()).meta.size_after;
  const objects =
    await insert(`INSERT INTO usage_objects (r2_key, tenant_id, hour, events, bytes, sha256, status, created_at, processed_at)
    SELECT 'usage_raw/tenant_id=' || tenant || '/dt=' || substr(hour, 1, 10) || '/hour=' || substr(hour, 12) || '/s0-1-' || i || '.jsonl',
      tenant, hour, 5000, 1000000, printf('%064x', i), 'done', hour || ':59:00.000Z', hour || ':59:30.000Z' FROM placed`);
  const rollups =
    await insert(`INSERT INTO usage_rollups (tenant_id, meter_key, hour, qty, events, min_qty, max_qty, last_qty,
      first_event_at, last_event_at, updated_at)
    SELECT tenant, 'api_requests', hour, 5000000000, 5000, 1000000, 1000000, 1000000, hour || ':00:00.000Z', hour || ':59:00.000Z',
      hour || ':59:30.000Z' FROM placed`);
  return {
    usageObjects: (objects.size - sizeBefore) / objects.rows,
    usageRollups: (rollups.size - objects.size) / rollups.rows,
  };
}
