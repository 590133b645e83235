import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { LoadPlan, LoadResult } from "./load-thread.ts";

export type { LoadPlan, LoadResult } from "./load-thread.ts";

/** Sends a bounded load from a thread of its own and returns what was measured. */
export async function sendLoad(plan: LoadPlan): Promise<LoadResult> {
  const thread = new Worker(new URL("./load-thread.ts", import.meta.url), { workerData: plan });
  const [result] = (await once(thread, "message")) as [LoadResult];
  await thread.terminate();
  return result;
}
