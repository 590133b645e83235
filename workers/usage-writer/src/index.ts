import { createRuntime } from "@prego/core/http";
import { createWorker } from "./app.ts";
import type { Env } from "./env.ts";

const app = createWorker(createRuntime({ Date, crypto, console, fetch }));

export { UsageBuffer } from "./buffer/usage-buffer.ts";
export default { fetch: app.fetch } satisfies ExportedHandler<Env>;
