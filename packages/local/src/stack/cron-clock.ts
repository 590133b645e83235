import { Cron } from "croner";
import { parse } from "smol-toml";
import { readFileSync } from "node:fs";
import { configPath, WORKERS, type WorkerName } from "../wrangler-config.ts";

/** One cron trigger of one worker. */
export interface CronTrigger {
  worker: WorkerName;
  cron: string;
}

/** Every cron trigger of the workers' committed configurations. */
export function listCronTriggers(): CronTrigger[] {
  return WORKERS.flatMap((worker) => {
    const config = parse(readFileSync(configPath(worker), "utf8"));
    const crons = (config["triggers"] as { crons?: string[] } | undefined)?.crons ?? [];
    return crons.map((cron) => ({ worker, cron }));
  });
}

/** Fires triggers on time, in UTC: local runtimes never do. Returns a function that stops the clock. */
export function startCronClock(
  triggers: readonly CronTrigger[],
  fire: (trigger: CronTrigger, scheduledTimeMs: number) => Promise<void>,
): () => void {
  const jobs = triggers.map(
    (trigger) =>
      new Cron(trigger.cron, { timezone: "UTC", protect: true }, async (job: Cron) => {
        const dueAtMs = job.currentRun()?.getTime() ?? Date.now();
        await fire(trigger, dueAtMs - (dueAtMs % 1_000));
      }),
  );
  return () => {
    for (const job of jobs) job.stop();
  };
}

/** Fires one trigger in a running `wrangler dev` session, through its local scheduling endpoint. */
export async function fireLocalCron(origin: string, trigger: CronTrigger, scheduledTimeMs: number): Promise<void> {
  const url = new URL("/cdn-cgi/local/explorer/api/local/scheduled", origin);
  url.searchParams.set("worker", `prego-${trigger.worker}`);
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ cron: trigger.cron, scheduled_time: scheduledTimeMs }),
  });
  const text = await response.text();
  if (!response.ok) {
    throw new Error(`${trigger.worker} ${trigger.cron}: ${response.status} ${text.slice(0, 200)}`);
  }
}
