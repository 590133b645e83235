import { createRuntime } from "@prego/core/http";
import { createWorker } from "./app.ts";
import type { Env } from "./env.ts";
import { startAggregation } from "./start.ts";

const runtime = createRuntime({ Date, crypto, console, fetch });
const app = createWorker(runtime);

export default {
  fetch: app.fetch,
  scheduled: async (controller, env) => {
    await startAggregation(env, runtime, {
      trigger: "cron",
      actor: "cron:usage-aggregator",
      dueAtMs: controller.scheduledTime,
    });
  },
} satisfies ExportedHandler<Env>;
