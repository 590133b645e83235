import { createRuntime } from "@prego/core/http";
import { createWorker } from "./app.ts";
import type { Env } from "./env.ts";
import { startScaling } from "./start.ts";

const runtime = createRuntime({ Date, crypto, console, fetch });
const app = createWorker(runtime);

export default {
  fetch: app.fetch,
  scheduled: async (controller, env) => {
    await startScaling(env, runtime, {
      trigger: "cron",
      actor: "cron:autoscaler",
      dueAtMs: controller.scheduledTime,
    });
  },
} satisfies ExportedHandler<Env>;
