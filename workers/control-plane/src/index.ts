import { createRuntime } from "@prego/core/http";
import { createWorker } from "./app.ts";
import { createDeps } from "./deps.ts";
import type { Env } from "./env.ts";
import { runTick } from "./tick/run-tick.ts";

const runtime = createRuntime({ Date, crypto, console, fetch });
const app = createWorker(runtime);

export default {
  fetch: app.fetch,
  scheduled: async (_controller, env) => {
    await runTick(createDeps(env, runtime));
  },
} satisfies ExportedHandler<Env>;
