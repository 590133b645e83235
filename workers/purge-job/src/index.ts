import { createRuntime } from "@prego/core/http";
import { createWorker } from "./app.ts";
import type { Env } from "./env.ts";
import { startPurgeJob } from "./start.ts";

const runtime = createRuntime({ Date, crypto, console, fetch });
const app = createWorker(runtime);

export default {
  fetch: app.fetch,
  scheduled: async (controller, env) => {
    await startPurgeJob(env, runtime, {
      trigger: "cron",
      dueAtMs: controller.scheduledTime,
      actor: "cron:purge-job",
    });
  },
} satisfies ExportedHandler<Env>;
