import { createRuntime } from "@prego/core/http";
import { createWorker } from "@prego/usage-writer/app";
export { UsageBuffer } from "@prego/usage-writer/buffer/usage-buffer";
const app = createWorker(createRuntime({ Date, crypto, console: { ...console, log: () => undefined, info: () => undefined, error: () => undefined }, fetch } as never));
export default { fetch: app.fetch };
