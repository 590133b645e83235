import type { JobRun } from "@prego/core/job-run";
import { OUTBOUND_TIMEOUT_MS } from "@prego/core/limits";
import type { Budget } from "./budget.ts";
import type { Deps } from "./deps.ts";
import { createUsageSink, readFailure, type UsageSink } from "./execute.ts";
import { CLAIM_HOLD_MS, SENDS_PER_CHUNK } from "./limits.ts";
import {
  decideAfterLookUp,
  decideFailure,
  decideSend,
  type SendOutcome,
  type SendState,
  type SendStop,
} from "./plan/send-decision.ts";
import { asUnanswered } from "./plan/stripe-failure.ts";
import { recordChange } from "./record.ts";
import { sendInLanes } from "./send-lanes.ts";
import { countStuckRows } from "./store/health.ts";
import { claimRows, listDueRows, type OutboxRow, recordResults, renewIntent, type RowResult } from "./store/outbox.ts";

/** What one run sent. */
export interface SendReport {
  sent: number;
  rejected: number;
  retried: number;
  /** Charges that are pending after so many attempts that a person should look at Stripe; they are tried on. */
  stuck: number;
  /** Why the run stopped sending before the last due row. */
  stopped: string | null;
}

type Outcome = SendOutcome | SendStop;

/**
 * Sends what is due, for some customers at once and for each of them one call after the other. Rows are claimed in chunks
 * before the first call and recorded after the last one: whatever is lost in between is sent again under the same key, or
 * looked up when Stripe has forgotten the key.
 */
export async function sendOutbox(deps: Deps, run: JobRun, budget: Budget): Promise<SendReport> {
  const report: SendReport = { sent: 0, rejected: 0, retried: 0, stuck: 0, stopped: null };
  if (deps.stripe === undefined) report.stopped = "not_configured: STRIPE_SECRET_KEY is not set";
  else await sendDue(deps, run, { sink: createUsageSink(deps.stripe), budget, report });
  report.stuck = await countStuckRows(deps.db);
  return report;
}

interface Sending {
  sink: UsageSink;
  budget: Budget;
  report: SendReport;
}

async function sendDue(deps: Deps, run: JobRun, sending: Sending): Promise<void> {
  const { budget, report } = sending;
  let isFirst = true;
  while (report.stopped === null) {
    const due = await listDueRows(deps.db, deps.now(), SENDS_PER_CHUNK);
    if (due.length === 0) break;
    if (!budget.take()) {
      report.stopped = "out_of_time";
      return;
    }
    const nowMs = deps.now();
    const holdUntilMs = nowMs + CLAIM_HOLD_MS;
    const rows = await claimRows(deps.db, due, { nowMs, holdUntilMs });
    if (rows.length === 0) break;
    report.stopped = await sendChunk(deps, run, { ...sending, rows, holdUntilMs, isFirst });
    isFirst = false;
  }
}

interface Chunk extends Sending {
  rows: readonly OutboxRow[];
  holdUntilMs: number;
  /** The run has called nobody yet: then it begins with one call, which shows whether Stripe lets it in. */
  isFirst: boolean;
}

async function sendChunk(deps: Deps, run: JobRun, chunk: Chunk): Promise<string | null> {
  const results: RowResult[] = [];
  let stop: SendStop | undefined;
  let started = 0;
  const isOver = (nowMs: number): boolean =>
    nowMs > chunk.holdUntilMs - OUTBOUND_TIMEOUT_MS || (started > 0 && chunk.budget.isExhausted());
  const send = async (row: OutboxRow): Promise<void> => {
    const nowMs = deps.now();
    if (isOver(nowMs)) stop ??= { kind: "released", reason: "out_of_time", atMs: nowMs };
    started += 1;
    const outcome = stop ?? (await sendRow(deps, chunk.sink, row));
    if (outcome === undefined) return;
    if (outcome.kind === "released") stop ??= outcome;
    results.push(resultOf(row, outcome, deps.now()));
  };
  try {
    const alone = chunk.isFirst ? chunk.rows.slice(0, 1) : [];
    await sendInLanes(alone, send);
    await sendInLanes(chunk.rows.slice(alone.length), send);
  } finally {
    await record(deps, run, { results, report: chunk.report });
  }
  return stop?.reason ?? null;
}

/** Undefined when the row is not ours any more. */
async function sendRow(deps: Deps, sink: UsageSink, row: OutboxRow): Promise<Outcome | undefined> {
  const state = stateOf(row);
  const decision = decideSend(state, deps.now());
  if (decision.kind === "reject") return { kind: "rejected", reason: decision.reason };
  try {
    if (decision.kind === "send") return { kind: "sent", stripeId: await sink.send(row) };
  } catch (error) {
    return decideFailure(state, readFailure(error, row.mode), deps.now());
  }
  return lookUpAndSend(deps, sink, row);
}

async function lookUpAndSend(deps: Deps, sink: UsageSink, row: OutboxRow): Promise<Outcome | undefined> {
  const state = stateOf(row);
  let next: SendOutcome | { kind: "renew" };
  try {
    next = decideAfterLookUp(state, await sink.lookUp(row), deps.now());
  } catch (error) {
    return decideFailure(state, asUnanswered(readFailure(error, row.mode)), deps.now());
  }
  if (next.kind !== "renew") return next;
  // Storage errors are not caught: without a stored intent there is no call.
  if (!(await renewIntent(deps.db, row, deps.now()))) return undefined;
  try {
    return { kind: "sent", stripeId: await sink.send(withNextKey(row)) };
  } catch (error) {
    return decideFailure(state, readFailure(error, row.mode), deps.now());
  }
}

const withNextKey = (row: OutboxRow): OutboxRow =>
  row.mode === "meter_event"
    ? { ...row, payload: { ...row.payload, key_epoch: row.payload.key_epoch + 1 } }
    : { ...row, payload: { ...row.payload, key_epoch: row.payload.key_epoch + 1 } };

const stateOf = (row: OutboxRow): SendState => ({
  mode: row.mode,
  identifier: row.identifier,
  intentAtMs: row.intentAtMs,
  keyEpoch: row.payload.key_epoch,
  mustLookUp: row.payload.look_up_first === true,
  attempts: row.attempts,
  eventAtMs: row.mode === "meter_event" ? row.payload.timestamp * 1_000 : null,
  finalAtMs: row.mode === "meter_event" && row.payload.send_by !== undefined ? row.payload.send_by * 1_000 : null,
});

function resultOf(row: OutboxRow, outcome: Outcome, nowMs: number): RowResult {
  const base = { row, stripeId: null, error: null, nextAttemptAtMs: nowMs, released: false };
  switch (outcome.kind) {
    case "sent":
      return { ...base, status: "sent", stripeId: outcome.stripeId };
    case "rejected":
      return { ...base, status: "rejected", error: outcome.reason };
    case "retry":
      return { ...base, status: "pending", error: outcome.reason, nextAttemptAtMs: outcome.atMs };
    case "released":
      return { ...base, status: "pending", error: outcome.reason, nextAttemptAtMs: outcome.atMs, released: true };
  }
}

async function record(
  deps: Deps,
  run: JobRun,
  { results, report }: { results: readonly RowResult[]; report: SendReport },
): Promise<void> {
  if (results.length === 0) return;
  const final = results.filter((result) => result.status !== "pending");
  const changes = await Promise.all(final.map((result) => recordChange(deps, run.actor, describeResult(result))));
  const audit = changes.map((change) => change.audit);
  const trace = changes.map((change) => change.trace);
  if (!(await recordResults(deps.db, results, { nowMs: deps.now(), audit, trace }))) {
    deps.log("warn", "outbox.results_not_ours", { rows: results.length });
    return;
  }
  for (const { status, released } of results) {
    if (status === "pending") report.retried += released ? 0 : 1;
    else report[status] += 1;
  }
}

function describeResult({ row, status, stripeId, error }: RowResult) {
  return {
    action: `stripe.usage_${status}`,
    target: `stripe_usage_outbox/${row.identifier}`,
    tenantId: row.tenantId,
    traceId: row.traceId,
    level: status === "sent" ? ("info" as const) : ("error" as const),
    detail: {
      meter_key: row.meterKey,
      cycle: row.cycle,
      corrected_cycle: row.correctedCycle,
      ...(row.part === "" ? {} : { part: row.part }),
      mode: row.mode,
      stripe_id: stripeId,
      error,
    },
  };
}
