import { isGuardFailure } from "@prego/core/d1-error";
import type { JobRun } from "@prego/core/job-run";
import { describeError } from "@prego/core/log";
import { carryOn, hasRoom } from "./carry-on.ts";
import type { Deps } from "./deps.ts";
import { deliverCertificate } from "./deliver.ts";
import { beginPurge, type Beginning } from "./begin.ts";
import { planPurge, type Candidate } from "./plan.ts";
import { createEmptyReport, type PurgeReport } from "./report.ts";
import { countTenants, listCandidates } from "./store/candidates.ts";
import { listOwedCertificates } from "./store/completion.ts";
import { listRunning, type RunningPurge } from "./store/purge-runs.ts";
import { sweepPurged } from "./sweep.ts";

/** Carries on what was begun, looks again at what was purged lately, then begins what is due, up to the cap. */
export async function runPurge(deps: Deps, run: JobRun): Promise<PurgeReport> {
  const report = createEmptyReport();
  const { purgeKey } = deps;
  if (purgeKey === undefined) return { ...report, failed: 1, not_configured: ["PURGE_KEY"] };
  for (const owed of await listOwedCertificates(deps.storage)) {
    await countFailure(deps, report, owed.purgeId, () => deliverCertificate(deps, owed));
  }
  for (const purge of await listRunning(deps.storage)) {
    if (!hasRoom(deps, run)) {
      report.stopped_early = true;
      break;
    }
    report.continued += 1;
    await carryOnReported(deps, run, { purge, purgeKey, report });
  }
  await countFailure(deps, report, "sweep", () => sweepPurged(deps, run, { purgeKey, report }));
  await beginDue(deps, run, { purgeKey, report });
  return report;
}

interface Work {
  purgeKey: string;
  report: PurgeReport;
}

async function beginDue(deps: Deps, run: JobRun, { purgeKey, report }: Work): Promise<void> {
  const plan = planPurge({
    candidates: await listCandidates(deps.storage),
    tenantCount: await countTenants(deps.storage),
    dueAtMs: run.dueAtMs,
  });
  report.cap = plan.cap;
  report.refused = plan.refused;
  report.beyond_cap = plan.beyondCap;
  if (plan.beyondCap > 0) deps.log("error", "purge.cap_reached", { cap: plan.cap, beyond_cap: plan.beyondCap });
  let begun = 0;
  for (const candidate of [...plan.start, ...plan.standby]) {
    if (begun === plan.start.length) return;
    if (!hasRoom(deps, run)) {
      report.remaining = plan.start.length - begun;
      report.stopped_early = true;
      return;
    }
    const kind = await beginOne(deps, run, { candidate, purgeKey, report });
    // Tenants that pay again or wait for their bill leave their places to the next ones.
    if (kind !== "subscription_alive" && kind !== "unbilled") begun += 1;
  }
}

/** Begins on one tenant and carries on as far as it comes. Returns how it began; undefined when it did not. */
async function beginOne(
  deps: Deps,
  run: JobRun,
  { candidate, purgeKey, report }: Work & { candidate: Candidate },
): Promise<Beginning["kind"] | undefined> {
  const purgeId = deps.newId("prg");
  let kind: Beginning["kind"] | undefined;
  await countFailure(deps, report, purgeId, async () => {
    const beginning = await beginPurge(deps, {
      candidate,
      purgeId,
      purgeKey,
      dueAtMs: run.dueAtMs,
      actor: run.actor,
    }).catch((error: unknown) => {
      if (isGuardFailure(error)) return undefined;
      throw error;
    });
    kind = beginning?.kind;
    if (beginning === undefined) {
      report.changed_meanwhile += 1;
    } else if (beginning.kind === "subscription_alive") {
      report.subscription_alive += 1;
      deps.log("warn", "purge.subscription_alive", { trace_id: candidate.traceId });
    } else if (beginning.kind === "waiting" || beginning.kind === "unbilled") {
      const { reason } = beginning;
      report.waiting += 1;
      report.purges.push({ purge_id: purgeId, outcome: "waiting", step: "begin", reason });
      deps.log("warn", "purge.not_begun", { purge_id: purgeId, reason });
    } else {
      report.started += 1;
      await carryOnReported(deps, run, { purge: beginning.purge, purgeKey, report });
    }
  });
  return kind;
}

async function carryOnReported(
  deps: Deps,
  run: JobRun,
  { purge, purgeKey, report }: Work & { purge: RunningPurge },
): Promise<void> {
  await countFailure(deps, report, purge.purgeId, async () => {
    const outcome = await carryOn(deps, run, { purge, purgeKey });
    if (outcome.kind === "completed") report.completed += 1;
    if (outcome.kind === "waiting") report.waiting += 1;
    if (outcome.kind === "held") report.held += 1;
    if (outcome.kind === "stopped_early") report.stopped_early = true;
    const { kind, ...rest } = outcome;
    report.purges.push({ purge_id: purge.purgeId, outcome: kind, ...rest });
    deps.log("info", "purge.carried_on", { purge_id: purge.purgeId, outcome: kind, ...rest });
  });
}

/** One failing tenant is counted with its reason and never stops the others. */
async function countFailure(
  deps: Deps,
  report: PurgeReport,
  purgeId: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    report.failed += 1;
    const reason = describeFailure(error);
    report.purges.push({ purge_id: purgeId, outcome: "failed", reason });
    deps.log("error", "purge.failed", { purge_id: purgeId, reason });
  }
}

/** Stripe's messages name customers, so only their code is kept. */
function describeFailure(error: unknown): string {
  if (error instanceof Error && "rawType" in error) {
    const { type, code } = error as Error & { type?: string; code?: string };
    return `Stripe: ${code ?? type ?? "error"}`;
  }
  return describeError(error);
}
