import { isConstraintFailure, isGuardFailure } from "@prego/core/d1-error";
import { type Cycle, formatInstant, parseInstant } from "@prego/core/period";
import {
  appendAudit,
  appendTrace,
  commit,
  type Database,
  endedCharges,
  recentCycles,
  requireChanged,
  type Statement,
} from "@prego/core/store";
import { sql } from "drizzle-orm";
import { ITEMS_PER_INVOICE_MAX } from "../limits.ts";
import { InvoicePayload } from "../plan/invoice-payload.ts";
import type { OutboxRecord } from "./outbox.ts";
import { isGone } from "./waiting-objects.ts";

/** Charges that were sent as invoice items of a customer whose subscription has ended. */
export interface EndedDebt {
  tenantId: string;
  cycle: Cycle;
  currency: string;
  customer: string;
  subscriptionId: string | null;
  traceId: string | null;
  /** Identifiers of the charges. */
  charges: string[];
  /** When the newest of them was sent. */
  sentAt: string;
  /** Identifier of the newest invoice of the same tenant, cycle and currency. */
  previous: string | null;
  /** That invoice came after all of the charges, but may not have had room for them. */
  isRest: boolean;
}

/** A row of the outbox with its payload read. */
export interface InvoiceRow {
  tenantId: string;
  cycle: Cycle;
  identifier: string;
  attempts: number;
  intentAtMs: number | null;
  createdAtMs: number;
  traceId: string | null;
  payload: InvoicePayload;
}

/**
 * Debts of the newest cycles: charges sent after the last invoice, or more of them than one invoice takes. Whole cycles only:
 * none of a tenant's charges may still be on its way.
 */
export async function listEndedDebts(db: Database, limit: number): Promise<EndedDebt[]> {
  const debts = await db.all<Omit<EndedDebt, "charges" | "isRest"> & { charges: string; isRest: number }>(sql`
    WITH debts AS MATERIALIZED (SELECT t.tenant_id AS tenantId, o.cycle, o.payload_json ->> '$.currency' AS currency,
        o.payload_json ->> '$.customer' AS customer, t.stripe_subscription_id AS subscriptionId, t.trace_id AS traceId,
        json_group_array(o.identifier) AS charges, count(*) AS size, max(o.updated_at) AS sentAt
      FROM ${endedCharges}
        AND o.mode = 'invoice_item' AND o.status = 'sent' AND o.cycle IN (${recentCycles})
        AND NOT EXISTS (SELECT 1 FROM stripe_usage_outbox p WHERE p.tenant_id = t.tenant_id AND p.cycle = o.cycle
          AND p.mode = 'invoice_item' AND p.status = 'pending')
      GROUP BY t.tenant_id, o.cycle, currency, customer)
    SELECT tenantId, d.cycle, d.currency, customer, subscriptionId, traceId, charges, sentAt, i.identifier AS previous,
      i.identifier IS NOT NULL AND i.created_at >= sentAt AS isRest
    FROM debts d LEFT JOIN stripe_invoice_outbox i ON i.tenant_id = tenantId AND i.cycle = d.cycle AND i.currency = d.currency
    WHERE i.identifier IS NULL OR (i.status <> 'pending' AND (i.created_at < sentAt
      OR (i.status = 'sent' AND size > CAST(${ITEMS_PER_INVOICE_MAX} AS INTEGER))))
    ORDER BY tenantId, d.cycle LIMIT CAST(${limit} AS INTEGER)`);
  return debts.map((debt) => ({ ...debt, charges: JSON.parse(debt.charges) as string[], isRest: debt.isRest === 1 }));
}

/**
 * Writes a debt's invoice in place of the one before it. `nowMs` is when the debt was read. False when another run was first,
 * or a purge of the tenant has begun: its rows have a pseudonym, and one in its own name would keep the purge from ending.
 */
export function insertInvoice(
  db: Database,
  invoice: { debt: EndedDebt; identifier: string; status: "pending" | "nothing_pending"; payload: InvoicePayload },
  record: OutboxRecord,
): Promise<boolean> {
  const { debt, identifier, status, payload } = invoice;
  const now = formatInstant(record.nowMs);
  // Never before its charges, whatever another worker's clock said: else they would be a debt again.
  const createdAt = debt.sentAt > now ? debt.sentAt : now;
  const insert = sql`INSERT INTO stripe_invoice_outbox
      (tenant_id, cycle, currency, identifier, payload_json, status, next_attempt_at, trace_id, created_at, updated_at)
    SELECT t.tenant_id, ${debt.cycle}, ${debt.currency}, ${identifier}, ${JSON.stringify(payload)}, ${status}, ${now},
      ${debt.traceId}, ${createdAt}, ${now}
    FROM tenants_master t WHERE t.tenant_id = ${debt.tenantId} AND NOT ${isGone}
    ON CONFLICT (tenant_id, cycle, currency) DO UPDATE SET identifier = excluded.identifier,
      payload_json = excluded.payload_json, status = excluded.status, intent_at = NULL, attempts = 0,
      next_attempt_at = excluded.next_attempt_at, stripe_id = NULL, error = NULL, trace_id = excluded.trace_id,
      created_at = excluded.created_at, updated_at = excluded.updated_at
    WHERE status <> 'pending' AND identifier = ${debt.previous}`;
  return commitOne(db, insert, record);
}

/** Of rows of `stripe_invoice_outbox`: no purge of the tenant has begun. */
const isThere = sql`EXISTS (SELECT 1 FROM tenants_master t WHERE t.tenant_id = stripe_invoice_outbox.tenant_id AND NOT ${isGone})`;

/** Pending rows that are due, those that wait longest first. */
export async function listDueInvoices(db: Database, nowMs: number, limit: number): Promise<InvoiceRow[]> {
  const rows =
    await db.all<StoredRow>(sql`SELECT tenant_id AS tenantId, cycle, identifier, attempts, intent_at AS intentAt,
      created_at AS createdAt, trace_id AS traceId, payload_json AS payloadJson
    FROM stripe_invoice_outbox WHERE status = 'pending' AND next_attempt_at <= ${formatInstant(nowMs)} AND ${isThere}
    ORDER BY next_attempt_at, identifier LIMIT CAST(${limit} AS INTEGER)`);
  return rows.map(readRow);
}

type StoredRow = Pick<InvoiceRow, "tenantId" | "cycle" | "identifier" | "attempts" | "traceId"> & {
  intentAt: string | null;
  createdAt: string;
  payloadJson: string;
};

const readRow = ({ intentAt, createdAt, payloadJson, ...row }: StoredRow): InvoiceRow => ({
  ...row,
  intentAtMs: intentAt === null ? null : readInstant(intentAt),
  createdAtMs: readInstant(createdAt),
  payload: InvoicePayload.parse(JSON.parse(payloadJson)),
});

function readInstant(text: string): number {
  const ms = parseInstant(text);
  if (ms === undefined) throw new RangeError("an invoice row holds something else than an instant");
  return ms;
}

/** Takes a row before any call: counts the attempt, stores the time of the intent, holds it. Undefined if another run or a purge has it. */
export async function claimInvoice(
  db: Database,
  row: InvoiceRow,
  { nowMs, holdUntilMs }: { nowMs: number; holdUntilMs: number },
): Promise<InvoiceRow | undefined> {
  const now = formatInstant(nowMs);
  const claimed = await db.all(sql`UPDATE stripe_invoice_outbox
    SET attempts = attempts + 1, intent_at = coalesce(intent_at, ${now}), updated_at = ${now},
      next_attempt_at = ${formatInstant(holdUntilMs)}
    WHERE identifier = ${row.identifier} AND status = 'pending' AND next_attempt_at <= ${now}
      AND attempts = CAST(${row.attempts} AS INTEGER) AND ${isThere} RETURNING identifier`);
  return claimed.length === 1 ? { ...row, attempts: row.attempts + 1 } : undefined;
}

/** Stores a new intent under a new key, after a look-up found nothing. Undefined if the row is not ours any more. */
export async function renewInvoiceIntent(
  db: Database,
  row: InvoiceRow,
  nowMs: number,
): Promise<InvoiceRow | undefined> {
  const payload = { ...row.payload, key_epoch: row.payload.key_epoch + 1 };
  const renewed = await db.all(sql`UPDATE stripe_invoice_outbox
    SET intent_at = ${formatInstant(nowMs)}, updated_at = ${formatInstant(nowMs)}, payload_json = ${JSON.stringify(payload)}
    WHERE identifier = ${row.identifier} AND status = 'pending' AND attempts = CAST(${row.attempts} AS INTEGER) AND ${isThere}
    RETURNING identifier`);
  return renewed.length === 1 ? { ...row, payload } : undefined;
}

/** How a claimed row is left. */
export interface InvoiceResult {
  row: InvoiceRow;
  status: "pending" | "sent" | "rejected";
  stripeId: string | null;
  error: string | null;
  nextAttemptAtMs: number;
}

/** Records what became of a claimed row. False if it is not ours any more. */
export function recordInvoice(db: Database, result: InvoiceResult, record: OutboxRecord): Promise<boolean> {
  const { row, status, stripeId, error, nextAttemptAtMs } = result;
  const update = sql`UPDATE stripe_invoice_outbox
    SET status = ${status}, stripe_id = ${stripeId}, error = ${error?.slice(0, 300) ?? null},
      next_attempt_at = ${formatInstant(nextAttemptAtMs)}, updated_at = ${formatInstant(record.nowMs)}
    WHERE identifier = ${row.identifier} AND status = 'pending' AND attempts = CAST(${row.attempts} AS INTEGER)`;
  return commitOne(db, update, record);
}

async function commitOne(db: Database, change: Statement, { audit, trace }: OutboxRecord): Promise<boolean> {
  try {
    await commit(db, [change, requireChanged(1), ...appendAudit(audit), ...appendTrace(trace)]);
    return true;
  } catch (error) {
    if (isGuardFailure(error) || isConstraintFailure(error)) return false;
    throw error;
  }
}
