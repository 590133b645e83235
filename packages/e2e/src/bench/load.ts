import { once } from "node:events";
import path from "node:path";
import { Worker } from "node:worker_threads";
import type { LoadPlan, LoadResult } from "./load-thread.ts";

export type { LoadPlan, LoadResult } from "./load-thread.ts";

/** Sends a bounded load from a thread of its own and returns what was measured. */
export async function sendLoad(plan: LoadPlan): Promise<LoadResult> {
  const thread = new Worker(path.join(import.meta.dirname, "load-thread.ts"), { workerData: plan });
  const [result] = (await once(thread, "message")) as [LoadResult];
  await thread.terminate();
  return result;
}

/**
 * A load of which every request must be answered with 202, or the status given: a rate of refusals would say nothing.
 * @throws Error if any was answered otherwise.
 */
export async function sendAcceptedLoad(plan: LoadPlan, status = 202): Promise<LoadResult> {
  const result = await sendLoad(plan);
  if (result.statuses[String(status)] !== result.requests || result.requests === 0) {
    throw new Error(`${plan.path} did not accept every request: ${JSON.stringify(result.statuses)}`);
  }
  return result;
}
