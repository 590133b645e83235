/** Words of 32 bits that one id takes: four of the key's digest, two of the content's. */
export const ID_WORDS = 6;

/**
 * What the stateless part hands to a {@link UsageBuffer}: plain columns, one entry per event; append-wire says how. Objects
 * pick up new code up to five minutes later than it: a change of meaning needs a new `v`, another form a method of its own.
 */
export interface AppendRequest {
  v: 1;
  tenantId: string;
  shard: number;
  /** {@link ID_WORDS} words per event; all zero for an event without an id. */
  ids: Uint32Array;
  /** UTC hour of each event, `2026-11-21T02`. */
  hours: string[];
  /** Finished JSONL lines without their line feeds. */
  lines: string[];
  /** The request's Idempotency-Key and body as one id. */
  claim?: Uint32Array;
}

/** What became of an event, one character each. */
export const STATUS_CODES = { accepted: "a", duplicate: "d", conflict: "c" } as const;

export type AppendResult =
  /** Durable once it is received: one character of {@link STATUS_CODES} per event. */
  | { v: 1; kind: "done"; statuses: string }
  /** The claim's key is known with another body; nothing was appended. */
  | { v: 1; kind: "key_reused" }
  /** The backlog is full; nothing was appended. */
  | { v: 1; kind: "busy"; retryAfterSeconds: number }
  /** The request is of a version that this object does not know. */
  | { v: 1; kind: "unsupported" };
