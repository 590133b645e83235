import { parseUsageEvent, type UsageEvent } from "@prego/core/usage-event";
import { describe, expect, it } from "vitest";
import { ID_WORDS } from "../buffer/append-request.ts";
import { NOON_MS } from "../usage-test-kit.ts";
import { claimOf, derivedId, shardOf, writeEventId } from "./digest.ts";

function readEvent(form: Record<string, unknown>): UsageEvent {
  const read = parseUsageEvent({ tenant_id: "t", ...form }, { nowMs: NOON_MS });
  if (!read.ok) throw new Error("the test's event is not valid");
  return read.event;
}

function idOf(form: Record<string, unknown>): { key: string; content: string } {
  const ids = new Uint32Array(ID_WORDS);
  writeEventId(readEvent(form), ids, 0);
  return { key: ids.subarray(0, 4).join(), content: ids.subarray(4).join() };
}

describe("writeEventId", () => {
  it("gives one key to tenant, source and id, whatever else an event says", () => {
    const plain = idOf({ id: "a" });
    const same = [{ qty: "5" }, { meter_key: "m" }, { timestamp: "2026-11-21T12:00:00Z" }, { path: "/" }];
    expect(same.map((more) => idOf({ id: "a", ...more }).key)).toEqual(same.map(() => plain.key));
    const different = [{ id: "b" }, { id: "a", source: "s" }, { id: "a", tenant_id: "u" }];
    expect(new Set([plain.key, ...different.map((form) => idOf(form).key)]).size).toBe(4);
  });

  it("keeps parts apart that look alike when they are joined", () => {
    expect(idOf({ source: "a-b", id: "c" }).key).not.toBe(idOf({ source: "a", id: "b-c" }).key);
    expect(idOf({ source: 'a","b', id: "c" }).key).not.toBe(idOf({ source: "a", id: 'b","c' }).key);
  });

  it("gives one content to one quantity however it is written, and another to every other change", () => {
    const plain = idOf({ id: "a", qty: "1.5" }).content;
    expect(idOf({ id: "a", qty: "1.500" }).content).toBe(plain);
    const changed = [{ qty: "1.6" }, { meter_key: "m" }, { path: "/" }, { status: 200 }, { correction: true }];
    const contents = changed.map((more) => idOf({ id: "a", qty: "1.5", ...more }).content);
    expect(new Set([plain, ...contents]).size).toBe(6);
  });

  it("leaves zeros for an event without an id", () => {
    expect(idOf({})).toEqual({ key: "0,0,0,0", content: "0,0" });
  });
});

describe("shardOf", () => {
  it("spreads ids evenly and sends one id always to one shard", () => {
    const counts = [0, 0, 0, 0];
    for (let index = 0; index < 2_000; index++) {
      const ids = new Uint32Array(ID_WORDS);
      writeEventId(readEvent({ id: `e${index}` }), ids, 0);
      const shard = shardOf(ids, 0, 4);
      expect(shardOf(ids, 0, 4)).toBe(shard);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(400);
  });
});

describe("Idempotency-Key", () => {
  it("makes another id for every key and place", () => {
    const ids = [derivedId("a", 0), derivedId("a", 1), derivedId("a,0", 0), derivedId("b", 0)];
    expect(new Set(ids).size).toBe(4);
    expect(ids[0]).toMatch(/^idem:[0-9a-f]{64}$/);
  });

  it("makes another claim for every tenant and key, and another content for every body", () => {
    const body = (text: string) => new TextEncoder().encode(text);
    const claims = [claimOf("t", "k", body("1")), claimOf("u", "k", body("1")), claimOf("t", "l", body("1"))];
    expect(new Set(claims.map((claim) => claim.subarray(0, 4).join())).size).toBe(3);
    expect(claims[0]?.subarray(4)).not.toEqual(claimOf("t", "k", body("2")).subarray(4));
  });
});
