import { createRuntime } from "@prego/core/http";
import { createWorker } from "@prego/usage-writer/app";
import { ID_WORDS, STATUS_CODES } from "@prego/usage-writer/buffer/append-request";
import type { PackedAppend } from "@prego/usage-writer/buffer/append-wire";
import { DurableObject } from "cloudflare:workers";

/** The buffer of usage-writer without its work: it answers "accepted" at once and keeps nothing. */
export class UsageBuffer extends DurableObject {
  append(...[ids]: PackedAppend): string {
    return STATUS_CODES.accepted.repeat(ids.length / ID_WORDS);
  }
}

// The same HTTP side: path, authorization, parsing, validation, digests and the call.
const app = createWorker(createRuntime({ Date, crypto, console, fetch }));

export default { fetch: app.fetch };
