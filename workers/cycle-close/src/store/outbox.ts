import type { AuditEntry } from "@prego/core/audit";
import { isGuardFailure } from "@prego/core/d1-error";
import { type Cycle, formatInstant, parseInstant } from "@prego/core/period";
import { stripeUsageOutbox } from "@prego/core/schema";
import { appendAudit, appendTrace, commit, type Database, requireChanged, type TraceEvent } from "@prego/core/store";
import { and, asc, eq, lte, type SQL, sql } from "drizzle-orm";
import { SUM_DELAY_MS } from "../limits.ts";
import type { Charge } from "../plan/charges.ts";
import { InvoiceItemPayload, MeterEventPayload } from "../plan/outbox-payload.ts";
import { jsonArrays } from "./json-arrays.ts";

/** A charge with the identifier that its billable fact gives it. */
export type IdentifiedCharge = Charge & { identifier: string };

/** A row of the outbox with its payload read. */
export type OutboxRow = {
  tenantId: string;
  meterKey: string;
  cycle: Cycle;
  correctedCycle: Cycle;
  /** First hour of the part of the corrected cycle; empty when it has one part only. */
  part: string;
  identifier: string;
  attempts: number;
  intentAtMs: number | null;
  createdAtMs: number;
  traceId: string | null;
} & ({ mode: "meter_event"; payload: MeterEventPayload } | { mode: "invoice_item"; payload: InvoiceItemPayload });

const { tenantId, meterKey, cycle, correctedCycle, part, mode, identifier, payloadJson, traceId } = stripeUsageOutbox;
const COLUMNS = {
  tenantId,
  meterKey,
  cycle,
  correctedCycle,
  part,
  mode,
  identifier,
  payloadJson,
  traceId,
  attempts: stripeUsageOutbox.attempts,
  intentAt: stripeUsageOutbox.intentAt,
  createdAt: stripeUsageOutbox.createdAt,
};

type StoredRow = {
  [
    K in "tenantId" | "meterKey" | "cycle" | "correctedCycle" | "part" | "identifier" | "payloadJson" | "createdAt"
  ]: string;
} & { mode: OutboxRow["mode"]; attempts: number; intentAt: string | null; traceId: string | null };

/** A charge to be stored: whose it is, and the trace it belongs to. */
export interface NewCharge {
  tenantId: string;
  traceId: string | null;
  charge: IdentifiedCharge;
}

/** Statements that insert charges as pending rows, due at once. */
export function insertCharges(charges: readonly NewCharge[], nowMs: number): SQL[] {
  const now = formatInstant(nowMs);
  const rows = charges.map(({ charge, ...of }) => ({ ...of, ...charge, payload: JSON.stringify(charge.payload) }));
  return jsonArrays(rows).map(
    (json) => sql`INSERT INTO stripe_usage_outbox (tenant_id, meter_key, cycle, corrected_cycle, part, mode, identifier,
      payload_json, status, next_attempt_at, trace_id, created_at, updated_at)
    SELECT value ->> 'tenantId', value ->> 'meterKey', value ->> 'cycle', value ->> 'correctedCycle', value ->> 'part', value ->> 'mode',
      value ->> 'identifier', value ->> 'payload', 'pending', ${now}, value ->> 'traceId', ${now}, ${now}
    FROM json_each(${json})`,
  );
}

// The word stands in the text, not in a parameter: only then is the partial index sure to be used.
const IS_PENDING = sql`${stripeUsageOutbox.status} = 'pending'`;

/** Pending rows that are due, those that wait longest first. */
export async function listDueRows(db: Database, nowMs: number, limit: number): Promise<OutboxRow[]> {
  const rows = await db
    .select(COLUMNS)
    .from(stripeUsageOutbox)
    .where(and(IS_PENDING, lte(stripeUsageOutbox.nextAttemptAt, formatInstant(nowMs))))
    .orderBy(asc(stripeUsageOutbox.nextAttemptAt), asc(identifier))
    .limit(limit);
  return rows.map(readRow);
}

/** The rows of one tenant's cycle with their fate. */
export function listChargesOf(db: Database, tenant: string, ofCycle: Cycle) {
  return db
    .select({
      meterKey,
      correctedCycle,
      part,
      mode,
      identifier,
      payloadJson,
      status: stripeUsageOutbox.status,
      attempts: stripeUsageOutbox.attempts,
      intentAt: stripeUsageOutbox.intentAt,
      stripeId: stripeUsageOutbox.stripeId,
      error: stripeUsageOutbox.error,
    })
    .from(stripeUsageOutbox)
    .where(and(eq(tenantId, tenant), eq(cycle, ofCycle)))
    .orderBy(asc(correctedCycle), asc(part), asc(meterKey))
    .limit(1_000);
}

function readRow({ payloadJson: json, attempts, intentAt, createdAt, mode: sentAs, ...row }: StoredRow): OutboxRow {
  const common = {
    ...row,
    attempts,
    intentAtMs: intentAt === null ? null : readInstant(intentAt),
    createdAtMs: readInstant(createdAt),
  };
  const payload: unknown = JSON.parse(json);
  return sentAs === "meter_event"
    ? { ...common, mode: sentAs, payload: MeterEventPayload.parse(payload) }
    : { ...common, mode: sentAs, payload: InvoiceItemPayload.parse(payload) };
}

function readInstant(text: string): number {
  const ms = parseInstant(text);
  if (ms === undefined) throw new RangeError("an outbox row holds something else than an instant");
  return ms;
}

/**
 * Claims rows for this run before any call: counts the attempt, stores the time of the intent if there is none, and holds the
 * row until `holdUntilMs`. Rows that another run has taken meanwhile are left out.
 */
export async function claimRows(
  db: Database,
  rows: readonly OutboxRow[],
  { nowMs, holdUntilMs }: { nowMs: number; holdUntilMs: number },
): Promise<OutboxRow[]> {
  const seen = rows.map((row) => [row.identifier, String(row.attempts)]);
  const now = formatInstant(nowMs);
  const claimed = await db.all<{ identifier: string }>(sql`UPDATE stripe_usage_outbox
    SET attempts = attempts + 1, intent_at = coalesce(intent_at, ${now}), next_attempt_at = ${formatInstant(holdUntilMs)},
      updated_at = ${now}
    WHERE status = 'pending' AND next_attempt_at <= ${now} AND (identifier, attempts) IN
      (SELECT value ->> 0, CAST(value ->> 1 AS INTEGER) FROM json_each(${JSON.stringify(seen)}))
    RETURNING identifier`);
  const mine = new Set(claimed.map((row) => row.identifier));
  return rows.filter((row) => mine.has(row.identifier)).map((row) => ({ ...row, attempts: row.attempts + 1 }));
}

/** Stores a new intent under a new idempotency key, after a look-up found nothing. False if the row is not ours any more. */
export async function renewIntent(db: Database, row: OutboxRow, nowMs: number): Promise<boolean> {
  const renewed = await db.all(sql`UPDATE stripe_usage_outbox
    SET intent_at = ${formatInstant(nowMs)}, updated_at = ${formatInstant(nowMs)},
      payload_json = json_set(json_remove(payload_json, '$.look_up_first'),
        '$.key_epoch', CAST(${row.payload.key_epoch + 1} AS INTEGER))
    WHERE identifier = ${row.identifier} AND status = 'pending' AND attempts = CAST(${row.attempts} AS INTEGER)
      AND payload_json ->> '$.key_epoch' = CAST(${row.payload.key_epoch} AS INTEGER)
    RETURNING identifier`);
  return renewed.length === 1;
}

/** How a claimed row is left. */
export interface RowResult {
  row: OutboxRow;
  status: "pending" | "sent" | "rejected";
  stripeId: string | null;
  error: string | null;
  nextAttemptAtMs: number;
  /** A row that was given back without a call: its attempt does not count, its intent is as it was before the claim. */
  released: boolean;
}

/** When a change of the outbox was made, and what is recorded of it. */
export interface OutboxRecord {
  nowMs: number;
  audit: readonly AuditEntry[];
  trace: readonly TraceEvent[];
}

/** Records what became of claimed rows, with audit and trace. False if one of them is not ours any more: then none is recorded. */
export async function recordResults(
  db: Database,
  results: readonly RowResult[],
  record: OutboxRecord,
): Promise<boolean> {
  const rows = results.map(({ row, status, stripeId, error, nextAttemptAtMs, released }) => ({
    identifier: row.identifier,
    claimed: String(row.attempts),
    status,
    stripe_id: stripeId,
    error: error?.slice(0, 300) ?? null,
    next: formatInstant(nextAttemptAtMs),
    attempts: String(released ? row.attempts - 1 : row.attempts),
    untried: released && row.intentAtMs === null ? 1 : 0,
  }));
  const compareAfter = formatInstant(record.nowMs + SUM_DELAY_MS);
  const update = sql`UPDATE stripe_usage_outbox AS o
    SET status = r.value ->> 'status', stripe_id = r.value ->> 'stripe_id', error = r.value ->> 'error',
      attempts = CAST(r.value ->> 'attempts' AS INTEGER), next_attempt_at = r.value ->> 'next',
      intent_at = iif(r.value ->> 'untried' = 1, NULL, o.intent_at),
      compare_after = iif(r.value ->> 'status' = 'sent' AND o.mode = 'meter_event', ${compareAfter}, NULL),
      updated_at = ${formatInstant(record.nowMs)}
    FROM json_each(${JSON.stringify(rows)}) AS r
    WHERE o.identifier = r.value ->> 'identifier' AND o.status = 'pending'
      AND o.attempts = CAST(r.value ->> 'claimed' AS INTEGER)`;
  return commitAll(db, update, { expected: rows.length, ...record });
}

/** Commits a change of rows with its audit and trace rows. False if not all of them are as they were any more. */
export async function commitAll(
  db: Database,
  update: SQL,
  record: OutboxRecord & { expected: number },
): Promise<boolean> {
  try {
    await commit(db, [
      update,
      requireChanged(record.expected),
      ...appendAudit(record.audit),
      ...appendTrace(record.trace),
    ]);
    return true;
  } catch (error) {
    if (isGuardFailure(error)) return false;
    throw error;
  }
}
