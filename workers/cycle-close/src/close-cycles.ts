import type { JobRun } from "@prego/core/job-run";
import { type Cycle, cycleBounds, cycleOf, nextCycle, parseInstant, previousCycle } from "@prego/core/period";
import type { Budget } from "./budget.ts";
import { closeTenants, type TenantsReport } from "./close-tenants.ts";
import type { Deps } from "./deps.ts";
import { CYCLES_OPENED_PER_RUN_MAX, OBJECT_WAIT_MS } from "./limits.ts";
import { type Change, recordChange, traceOfCycle } from "./record.ts";
import {
  boundRun,
  type ChangeRecord,
  countObjects,
  type CycleRun,
  findRun,
  finishRun,
  listOpenRuns,
  openRun,
  readOpeningState,
  startClosing,
  startSending,
} from "./store/cycle-runs.ts";

/** How far one cycle has come, and what it waits for. */
export interface CycleReport extends Partial<TenantsReport> {
  cycle: Cycle;
  status: CycleRun["status"];
  waiting_for?: "grace" | "objects";
  pending_objects?: number;
  /** Objects of the cycle that the aggregator set aside: their usage is not in the totals. */
  quarantined_objects?: number;
}

/** Cycles that have ended and are not opened, oldest first: after the newest opened one, or from the first tenant or usage on. */
export async function listDueCycles(deps: Pick<Deps, "db">, dueAtMs: number): Promise<Cycle[]> {
  const { newestCycle, oldestCycle } = await readOpeningState(deps.db);
  const last = previousCycle(cycleOf(dueAtMs));
  const firstUsed = oldestCycle === undefined || oldestCycle > last ? last : oldestCycle;
  const first = newestCycle === undefined ? firstUsed : nextCycle(newestCycle);
  const due: Cycle[] = [];
  for (let cycle = first; cycle <= last && due.length < CYCLES_OPENED_PER_RUN_MAX; cycle = nextCycle(cycle)) {
    due.push(cycle);
  }
  return due;
}

/** Opens what has ended and brings every open cycle as far as it can come now. */
export async function closeCycles(deps: Deps, run: JobRun, budget: Budget): Promise<CycleReport[]> {
  for (const cycle of await listDueCycles(deps, run.dueAtMs)) {
    const traceId = traceOfCycle(cycle);
    const record = await recordCycle(deps, run, { action: "cycle.opened", cycle, traceId });
    await openRun(deps.db, { cycle, nowMs: deps.now(), traceId }, record);
  }
  const reports: CycleReport[] = [];
  for (const open of await listOpenRuns(deps.db, CYCLES_OPENED_PER_RUN_MAX)) {
    reports.push(await advanceCycle(deps, run, { open, budget }));
  }
  return reports;
}

/** Ends the cycles whose outbox holds nothing to send any more. */
export async function finishCycles(deps: Deps, run: JobRun, reports: readonly CycleReport[]): Promise<void> {
  for (const report of reports) {
    if (report.status !== "sending") continue;
    const { cycle } = report;
    const record = await recordCycle(deps, run, { action: "cycle.finished", cycle, traceId: traceOfCycle(cycle) });
    if (await finishRun(deps.db, cycle, deps.now(), record)) report.status = "closed";
  }
}

async function advanceCycle(
  deps: Deps,
  run: JobRun,
  { open, budget }: { open: CycleRun; budget: Budget },
): Promise<CycleReport> {
  const { cycle, traceId } = open;
  let state = open;
  if (state.status === "waiting" && state.storedSeqBound === null) {
    const boundFromMs = cycleBounds(cycle).endMs + deps.graceMs;
    if (run.dueAtMs < boundFromMs) return { cycle, status: "waiting", waiting_for: "grace" };
    const record = await recordCycle(deps, run, { action: "cycle.bounded", cycle, traceId });
    await boundRun(deps.db, cycle, deps.now(), record);
    state = (await findRun(deps.db, cycle)) ?? state;
  }
  const objects = await countObjects(deps.db, state);
  const counts = { pending_objects: objects.pending, quarantined_objects: objects.quarantined };
  if (objects.quarantined > 0) {
    deps.log("error", "cycle.objects_quarantined", { cycle, quarantined: objects.quarantined });
  }
  if (state.status === "waiting") {
    if (objects.pending > 0 && isWaitingTime(state, deps.now())) {
      return { cycle, status: "waiting", waiting_for: "objects", ...counts };
    }
    const record = await recordCycle(deps, run, { action: "cycle.closing", cycle, traceId });
    await startClosing(deps.db, { run: state, nowMs: deps.now() }, record);
    state = (await findRun(deps.db, cycle)) ?? state;
  }
  if (state.status !== "closing") return { cycle, status: state.status, ...counts };
  const tenants = await closeTenants(deps, run, { cycleRun: state, budget });
  const record = await recordCycle(deps, run, { action: "cycle.sending", cycle, traceId });
  const isComplete = await startSending(deps.db, state, record);
  return { cycle, status: isComplete ? "sending" : "closing", ...counts, ...tenants };
}

function isWaitingTime({ boundedAt }: CycleRun, nowMs: number): boolean {
  const boundedMs = boundedAt === null ? undefined : parseInstant(boundedAt);
  return boundedMs === undefined || nowMs < boundedMs + OBJECT_WAIT_MS;
}

async function recordCycle(
  deps: Deps,
  run: JobRun,
  { action, cycle, traceId }: Pick<Change, "action" | "traceId"> & { cycle: Cycle },
): Promise<ChangeRecord> {
  const change = { action, target: `cycle_runs/${cycle}`, traceId, detail: { cycle, run_id: run.runId } };
  const { audit, trace } = await recordChange(deps, run.actor, change);
  return { audit: [audit], trace: [trace] };
}
