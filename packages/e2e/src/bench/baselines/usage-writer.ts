import { createRuntime } from "@prego/core/http";
import { createWorker } from "@prego/usage-writer/app";
import type { AppendRequest, AppendResult } from "@prego/usage-writer/buffer/append-request";
import { DurableObject } from "cloudflare:workers";

/** The buffer of usage-writer without its work: it answers "accepted" at once and keeps nothing. */
export class UsageBuffer extends DurableObject {
  append({ lines }: AppendRequest): AppendResult {
    return { v: 1, kind: "done", statuses: "a".repeat(lines.length) };
  }
}

// The same HTTP side: path, authorization, parsing, validation, digests and the call.
const app = createWorker(createRuntime({ Date, crypto, console, fetch }));

export default { fetch: app.fetch };
