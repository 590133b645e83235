import { type AppendRequest, type AppendResult, ID_WORDS } from "../buffer/append-request.ts";
import { packAppend, unpackResult } from "../buffer/append-wire.ts";
import { hasId } from "../buffer/digest-table.ts";
import type { UsageBuffer } from "../buffer/usage-buffer.ts";
import { APPEND_ATTEMPTS_MAX, BUSY_RETRY_AFTER_SECONDS, RETRY_AFTER_SECONDS } from "../limits.ts";

/** What a buffer answered, or that it could not be asked. */
export type AppendOutcome =
  | Exclude<AppendResult, { kind: "busy" | "unsupported" }>
  | { kind: "unavailable"; retryAfterSeconds: number; cause?: unknown };

/**
 * Hands events to the buffer of their tenant and shard. A passing failure is tried again only if every event has an id: the
 * first attempt may have been written, and only ids keep it from counting twice.
 */
export async function appendToBuffer(
  namespace: DurableObjectNamespace<UsageBuffer>,
  request: AppendRequest,
): Promise<AppendOutcome> {
  const repeatable = isRepeatable(request);
  const packed = packAppend(request);
  for (let attempt = 1; ; attempt++) {
    try {
      // A stub is broken after an exception, so each attempt takes its own. No tenant id holds a slash.
      const stub = namespace.getByName(`${request.tenantId}/${request.shard}`);
      return toOutcome(unpackResult(await stub.append(...packed)));
    } catch (error) {
      if (!repeatable || attempt >= APPEND_ATTEMPTS_MAX || !isPassing(error)) {
        return { kind: "unavailable", retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error };
      }
    }
  }
}

function toOutcome(result: AppendResult): AppendOutcome {
  switch (result.kind) {
    case "done":
    case "key_reused":
      return result;
    case "busy":
      return { kind: "unavailable", retryAfterSeconds: result.retryAfterSeconds };
    case "unsupported":
      return { kind: "unavailable", retryAfterSeconds: BUSY_RETRY_AFTER_SECONDS };
  }
}

function isRepeatable({ ids, lines }: AppendRequest): boolean {
  return lines.every((_, position) => hasId(ids, position * ID_WORDS));
}

function isPassing(error: unknown): boolean {
  const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
  return retryable === true && overloaded !== true;
}
