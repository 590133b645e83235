import { createHash } from "node:crypto";
import { eventContent, eventKey, type UsageEvent } from "@prego/core/usage-event";
import { ID_WORDS } from "../buffer/append-request.ts";
import { writeHash128 } from "./hash-128.ts";

const KEY_WORDS = 4;

/**
 * Writes the id of an event into a packed column: 128 bits of its key (at 10^9 ids a collision has odds of 10^-21), 64 bits of
 * its content. Neither is cryptography: who forges a collision only gets what sending one id twice gets, and two tenants'
 * ids never meet in one object. An event without an id leaves zeros.
 */
export function writeEventId(event: UsageEvent, ids: Uint32Array, at: number): void {
  const key = eventKey(event);
  if (key === undefined) return;
  writeHash128(key, ids, at);
  writeContentHash(eventContent(event), ids, at + KEY_WORDS);
}

/** The id of a request with an Idempotency-Key. Four members: never equal to an event's key of three. */
export function claimOf(tenantId: string, idempotencyKey: string, body: Uint8Array): Uint32Array {
  const claim = new Uint32Array(ID_WORDS);
  const key = JSON.stringify(["idempotency-key", tenantId, idempotencyKey, ""]);
  writeDigest(key, { ids: claim, at: 0, words: KEY_WORDS });
  writeDigest(body, { ids: claim, at: KEY_WORDS, words: ID_WORDS - KEY_WORDS });
  return claim;
}

/** The id that protects an event without one: from the request's key and the event's place in the request. */
export function derivedId(idempotencyKey: string, position: number): string {
  return `idem:${createHash("sha256")
    .update(JSON.stringify([idempotencyKey, position]))
    .digest("hex")}`;
}

/** Shard of an id; the last key word, because the first ones order and filter ids inside the shard. */
export function shardOf(ids: Uint32Array, at: number, shards: number): number {
  return (ids[at + KEY_WORDS - 1] ?? 0) % shards;
}

function writeDigest(text: string | Uint8Array, target: { ids: Uint32Array; at: number; words: number }): void {
  const digest = createHash("sha256").update(text).digest();
  for (let word = 0; word < target.words; word++) target.ids[target.at + word] = digest.readUInt32LE(word * 4);
}

// cyrb64: no cryptography, and none is needed where both texts come from the one who may send them.
function writeContentHash(text: string, ids: Uint32Array, at: number): void {
  let h1 = 0xdeadbeef;
  let h2 = 0x41c6ce57;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    h1 = Math.imul(h1 ^ code, 2_654_435_761);
    h2 = Math.imul(h2 ^ code, 1_597_334_677);
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2_246_822_507) ^ Math.imul(h2 ^ (h2 >>> 13), 3_266_489_909);
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2_246_822_507) ^ Math.imul(h1 ^ (h1 >>> 13), 3_266_489_909);
  ids[at] = h1;
  ids[at + 1] = h2;
}
