import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startUsageStack, type UsageStack } from "./usage-test-kit.ts";

const SEED = 20_261_121;
const TENANTS = ["duck-a", "duck-b", "duck-b0", "007"];
const METERS = ["api_requests", "data_gb", "tokens.in", "cpu_seconds", "active_users"];
/** Of which distinct values are counted; the others carry none. */
const UNIQUE_METER = "active_users";
const VISITORS = 60;
const HOURS = 5;
const EVENTS = 2_400;
const BATCH = 200;
const HOUR_MS = 3_600_000;

interface Sums {
  tenant_id: string;
  meter_key: string;
  hour: string;
  qty: string;
  events: string;
  min_qty: string;
  max_qty: string;
  first_event_at: string;
  last_event_at: string;
}

let stack: UsageStack;
let folder: string;

beforeAll(async () => {
  stack = await startUsageStack();
  await stack.database
    .prepare("INSERT INTO meters VALUES (?1, ?1, 'visitor', 'unique', NULL, '2026-11-01T00:00:00.000Z')")
    .bind(UNIQUE_METER)
    .run();
  folder = await mkdtemp(path.join(tmpdir(), "usage-export-"));
});
afterAll(async () => {
  await stack.close();
  await rm(folder, { recursive: true });
});

function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Quantities of many lengths, from a millionth to eleven digits with six decimals: an hour's sum stays within 64 bits. */
function drawQuantity(draw: (below: number) => number): string {
  const whole = draw(3) === 0 ? draw(100_000_000) * 1_000 + draw(1_000) : draw(50);
  const fraction = draw(2) === 0 ? "" : `.${String(1 + draw(999_999)).padStart(6, "0")}`;
  return whole === 0 && fraction === "" ? "1" : `${whole}${fraction}`;
}

function drawEvents(nowMs: number) {
  const draw = createRandom(SEED);
  const pick = (from: readonly string[]): string => from[draw(from.length)] ?? "";
  return Array.from({ length: EVENTS }, (_, index) => {
    const meterKey = pick(METERS);
    const isUnique = meterKey === UNIQUE_METER;
    const correction = !isUnique && draw(12) === 0;
    return {
      tenant_id: pick(TENANTS),
      meter_key: meterKey,
      qty: `${correction ? "-" : ""}${drawQuantity(draw)}`,
      id: `evt-${index}`,
      source: pick(["a", "b"]),
      timestamp: new Date(nowMs - draw(HOURS * HOUR_MS)).toISOString(),
      ...(correction ? { correction } : {}),
      ...(isUnique ? { value: `visitor "${draw(VISITORS)}" é` } : {}),
      ...(draw(4) === 0 ? { path: "/v1/items", status: 200 } : {}),
    };
  });
}

/** Sends the events in batches, every third batch twice; returns how many were accepted and how many duplicates. */
async function sendTwiceInPart(events: readonly object[]): Promise<{ accepted: number; duplicates: number }> {
  const counts = { accepted: 0, duplicates: 0 };
  for (let start = 0; start < events.length; start += BATCH) {
    const batch = events.slice(start, start + BATCH);
    for (let round = 0; round < (start % (3 * BATCH) === 0 ? 2 : 1); round += 1) {
      const answer = await (await stack.postUsage(batch)).json<typeof counts>();
      counts.accepted += answer.accepted;
      counts.duplicates += answer.duplicates;
    }
  }
  return counts;
}

interface DistinctValues {
  tenant_id: string;
  hour: string;
  new_values: string;
}

/** Distinct values of a month under the hour that had each of them first. */
const recomputeDistinct = (): Promise<DistinctValues[]> =>
  queryDuckdb<DistinctValues>(`
    WITH value AS (
      SELECT tenant_id, min(dt || 'T' || hour) AS hour FROM read_json('${folder}/usage_raw/**/*.jsonl',
        format = 'newline_delimited', hive_partitioning = true, hive_types_autocast = false,
        columns = { meter_key: 'VARCHAR', timestamp: 'VARCHAR', value: 'VARCHAR' })
      WHERE meter_key = '${UNIQUE_METER}' GROUP BY tenant_id, timestamp[1:7], value)
    SELECT tenant_id, hour, CAST(count(*) AS VARCHAR) AS new_values FROM value GROUP BY ALL ORDER BY ALL`);

async function readDistinct(): Promise<DistinctValues[]> {
  const { results } = await stack.database
    .prepare(
      `SELECT tenant_id, hour, CAST(new_values AS TEXT) AS new_values FROM usage_rollups
       WHERE new_values <> 0 ORDER BY tenant_id, hour`,
    )
    .all<DistinctValues>();
  return results;
}

/** Writes every object of R2 under its own key. */
async function exportObjects(): Promise<number> {
  const objects = await stack.listObjects();
  for (const { key, text } of objects) {
    await mkdir(path.join(folder, path.dirname(key)), { recursive: true });
    await writeFile(path.join(folder, key), text);
  }
  return objects.length;
}

async function queryDuckdb<Row>(sql: string): Promise<Row[]> {
  // The JSON reader is linked in; nothing is downloaded.
  const instance = await DuckDBInstance.create(":memory:", { autoinstall_known_extensions: "false" });
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson() as Row[];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const micros = (expression: string): string => `CAST(CAST(${expression} * 1000000 AS HUGEINT) AS VARCHAR)`;

const recomputeByHour = (): Promise<Sums[]> =>
  queryDuckdb<Sums>(`
    WITH line AS (
      SELECT *, qty::DECIMAL(38, 6) AS amount FROM read_json('${folder}/usage_raw/**/*.jsonl',
        format = 'newline_delimited', hive_partitioning = true, hive_types_autocast = false,
        columns = { meter_key: 'VARCHAR', qty: 'VARCHAR', timestamp: 'VARCHAR' }))
    SELECT tenant_id, meter_key, dt || 'T' || hour AS hour, ${micros("sum(amount)")} AS qty,
      CAST(count(*) AS VARCHAR) AS events, ${micros("min(amount)")} AS min_qty, ${micros("max(amount)")} AS max_qty,
      min(timestamp) AS first_event_at, max(timestamp) AS last_event_at
    FROM line GROUP BY ALL ORDER BY ALL`);

async function readRollups(): Promise<Sums[]> {
  const { results } = await stack.database
    .prepare(
      `SELECT tenant_id, meter_key, hour, CAST(qty AS TEXT) AS qty, CAST(events AS TEXT) AS events,
         CAST(min_qty AS TEXT) AS min_qty, CAST(max_qty AS TEXT) AS max_qty, first_event_at, last_event_at
       FROM usage_rollups ORDER BY tenant_id, meter_key, hour`,
    )
    .all<Sums>();
  return results;
}

test(`DuckDB recomputes the rollups of seed ${SEED} from the raw objects, to the millionth and by the hour`, async () => {
  const events = drawEvents(Date.now());
  for (const tenantId of TENANTS) await stack.addTenant(tenantId);
  expect(await sendTwiceInPart(events)).toEqual({ accepted: EVENTS, duplicates: EVENTS / 3 });
  for (const tenantId of TENANTS) {
    await stack.awaitLines(tenantId, events.filter((event) => event.tenant_id === tenantId).length);
  }
  await stack.aggregate();
  expect(await exportObjects()).toBeGreaterThanOrEqual(TENANTS.length * HOURS);

  const rollups = await readRollups();
  expect(rollups.length).toBeGreaterThanOrEqual(TENANTS.length * METERS.length * HOURS);
  expect(await recomputeByHour()).toEqual(rollups);
  expect(rollups.reduce((sum, row) => sum + Number(row.events), 0)).toBe(EVENTS);

  const sentMicros = events.reduce((sum, { qty }) => sum + toMicros(qty), 0n);
  expect(rollups.reduce((sum, { qty }) => sum + BigInt(qty), 0n)).toBe(sentMicros);

  const distinct = await readDistinct();
  expect(await recomputeDistinct()).toEqual(distinct);
  const sentValues = new Set(
    events.flatMap(({ tenant_id: tenantId, timestamp, value }) =>
      value === undefined ? [] : [`${tenantId} ${timestamp.slice(0, 7)} ${value}`],
    ),
  );
  expect(sentValues.size).toBeGreaterThan(TENANTS.length * (VISITORS / 2));
  expect(distinct.reduce((sum, row) => sum + Number(row.new_values), 0)).toBe(sentValues.size);

  const [sumsQuery = "", valuesQuery = ""] = await readDocumentedQueries();
  const quantities = await queryDuckdb<{ qty: string }>(sumsQuery);
  expect(quantities.reduce((sum, { qty }) => sum + toMicros(qty), 0n)).toBe(sentMicros);
  const counted = await queryDuckdb<{ distinct_values: string }>(valuesQuery);
  expect(counted.reduce((sum, row) => sum + Number(row.distinct_values), 0)).toBe(sentValues.size);
});

/** The queries of docs/storage.md, over the exported objects. */
async function readDocumentedQueries(): Promise<string[]> {
  const document = await readFile(path.join(import.meta.dirname, "../../../../docs/storage.md"), "utf8");
  const queries = [...document.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, query = ""]) => query);
  return queries.map((query) => query.replaceAll("'usage_raw/", `'${folder}/usage_raw/`));
}

function toMicros(text: string): bigint {
  const [, sign = "", whole = "", fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  return BigInt(`${sign}${whole}${fraction.padEnd(6, "0")}`);
}
