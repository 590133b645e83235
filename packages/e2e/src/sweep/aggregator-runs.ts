import type { Runtime, SharedBindings } from "@prego/core/http";
import { JOB_RUN_BUDGET_MS } from "@prego/core/limits";
import { createDeps } from "@prego/usage-aggregator/deps";
import { runAggregation } from "@prego/usage-aggregator/run";
import { startAggregation } from "@prego/usage-aggregator/start";
import type { FaultLane } from "./fault-source.ts";

/** What one run works with. */
interface RunParts {
  env: SharedBindings;
  lane: FaultLane;
}

/**
 * Runs the aggregator so many times at once. Only the first takes the lease: the others do what a run does whose lease ran out
 * while it was still at work, which must be safe.
 */
export async function runAggregators(runtime: Runtime, runs: number, createParts: () => RunParts): Promise<string[]> {
  const actor = "cron:usage-aggregator";
  const dueAtMs = runtime.now();
  const deadlineMs = dueAtMs + JOB_RUN_BUDGET_MS;
  const work = Array.from({ length: runs }, async (_, index) => {
    const { env, lane } = createParts();
    const outcome = await lane.watch<unknown>(() =>
      index === 0
        ? startAggregation(env, runtime, { trigger: "cron", actor, dueAtMs })
        : runAggregation(createDeps(env, runtime), {
            runId: `run_${index}`,
            dueAtMs,
            deadlineMs,
            trigger: "cron",
            actor,
          }),
    );
    return outcome === "hung" ? "hung" : "ended";
  });
  const outcomes = await Promise.allSettled(work);
  return outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : "failed"));
}
