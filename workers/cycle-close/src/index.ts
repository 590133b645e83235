import { createRuntime } from "@prego/core/http";
import { createWorker } from "./app.ts";
import type { Env } from "./env.ts";
import { startClose } from "./start.ts";

const CRON_OPEN = "0 0 1 * *";
const CRON_RESUME = "*/10 * * * *";

const runtime = createRuntime({ Date, crypto, console, fetch });
const app = createWorker(runtime);

export default {
  fetch: app.fetch,
  scheduled: async (controller, env) => {
    switch (controller.cron) {
      case CRON_OPEN:
      case CRON_RESUME:
        await startClose(env, runtime, {
          trigger: "cron",
          dueAtMs: controller.scheduledTime,
          actor: "cron:cycle-close",
        });
        return;
      default:
        throw new Error("a cron that this worker does not know");
    }
  },
} satisfies ExportedHandler<Env>;
