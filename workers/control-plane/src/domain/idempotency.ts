import { canonicalJson } from "@prego/core/audit";
import { sha256Hex } from "@prego/core/auth";
import { newId } from "@prego/core/id";
import { ProblemError } from "@prego/core/problem";
import { newTraceId } from "@prego/core/trace-id";

const KEY_PATTERN = /^[\x21-\x7e]{1,255}$/;
const ULID_RANDOM_HEX_CHARS = 20;

/** The `Idempotency-Key` of a request; undefined without one. */
export function readIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined || KEY_PATTERN.test(header)) return header;
  throw new ProblemError("validation_failed", {
    detail: "Idempotency-Key takes 1 to 255 printable ASCII characters without spaces.",
  });
}

/** Digest of a parsed body; the order of its members does not count. */
export const digestBody = (body: unknown): Promise<string> => sha256Hex(canonicalJson(body));

/**
 * The id of the tenant that a key makes: always the same, so the primary key settles a race of two requests. Its time is
 * 0, for the id must not depend on the clock.
 */
export const tenantIdOfKey = async (key: string): Promise<string> => newId("ten", 0, await bytesOf(["signup-v1", key]));

/** The trace id of a keyed request that came without one: a repeat must send Stripe the same parameters. */
export const traceIdOfKey = async (key: string): Promise<string> => newTraceId(0, await bytesOf(["trace-v1", key]));

/** Idempotency key for Stripe; callers' own keys are hashed, so that they can be anything and show nothing. */
export const checkoutKeyOf = async (parts: readonly string[]): Promise<string> =>
  `prego_checkout_${await sha256Hex(JSON.stringify(parts))}`;

async function bytesOf(parts: readonly string[]): Promise<Uint8Array> {
  const hex = (await sha256Hex(JSON.stringify(parts))).slice(0, ULID_RANDOM_HEX_CHARS);
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
