import { parseUsageObjectKey } from "@prego/core/usage-object";
import { createLineReader, type LineReader } from "./domain/line-reader.ts";
import type { UniqueMeters } from "./domain/value-reader.ts";
import { drain } from "./drain.ts";
import { OBJECT_BYTES_MAX } from "./limits.ts";
import type { PendingObject, SummedObject } from "./plan.ts";
import type { RawUsage } from "./store/raw-usage.ts";

/** The sums of an object, or why it cannot be counted. */
export type ReadOutcome = { kind: "summed"; object: SummedObject } | { kind: "fault"; reason: string };

/**
 * Reads an object once and holds it to its row and its key. The reason of a fault names a line, never its content.
 * @throws what R2 throws: that says nothing about the object, so it stays waiting.
 */
export async function readObject(
  raw: RawUsage,
  object: PendingObject,
  uniqueMeters: UniqueMeters,
): Promise<ReadOutcome> {
  const place = parseUsageObjectKey(object.key);
  if (place === undefined || place.tenantId !== object.tenantId || place.hour !== object.hour) {
    return fault("row and key differ");
  }
  if (object.bytes > OBJECT_BYTES_MAX) return fault("object too large");
  const stored = await raw.open(object.key);
  if (stored === undefined) return fault("object missing");
  if (stored.bytes !== object.bytes) {
    await stored.body.cancel();
    return fault("size differs");
  }
  const lines = createLineReader({ ...object, uniqueMeters });
  const feed = createTextFeed(lines);
  const drained = await drain(stored.body, feed.push);
  if (typeof drained === "string") return fault(drained);
  const unfinished = feed.finish();
  if (unfinished !== undefined) return fault(unfinished);
  if (drained.bytes !== object.bytes) return fault("size differs");
  if (drained.sha256 !== object.sha256) return fault("hash differs");
  if (lines.sums.lines !== object.events) return fault("count differs");
  return { kind: "summed", object: { ...object, byMeter: lines.sums.byMeter, values: lines.sums.values } };
}

interface TextFeed {
  push: (chunk: Uint8Array) => string | undefined;
  finish: () => string | undefined;
}

function createTextFeed(lines: LineReader): TextFeed {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const decode = (chunk: Uint8Array | undefined): string | undefined => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch {
      return undefined;
    }
  };
  const push = (chunk: Uint8Array | undefined): string | undefined => {
    const text = decode(chunk);
    return text === undefined ? "not UTF-8" : lines.push(text);
  };
  return { push, finish: () => push(undefined) ?? lines.finish() };
}

const fault = (reason: string): ReadOutcome => ({ kind: "fault", reason });
