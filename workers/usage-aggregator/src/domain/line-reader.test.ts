import { describe, expect, it } from "vitest";
import { createLineReader } from "./line-reader.ts";

const HOUR = "2026-11-21T02";
const lineOf = (meterKey: string, path: string): string =>
  JSON.stringify({
    tenant_id: "t1",
    meter_key: meterKey,
    qty: "0.5",
    timestamp: `${HOUR}:00:00.000Z`,
    received_at: `${HOUR}:00:01.000Z`,
    path,
  });

const TEXT = `${lineOf("a", "/é/😀")}\n${lineOf("b", "/\\n")}\n${lineOf("a", "")}\n`;

describe("createLineReader", () => {
  it("sums the same wherever the text is cut", () => {
    for (let first = 0; first <= TEXT.length; first += 1) {
      for (let second = first; second <= TEXT.length; second += 7) {
        const reader = createLineReader({ tenantId: "t1", hour: HOUR, uniqueMeters: new Map() });
        const faults = [TEXT.slice(0, first), TEXT.slice(first, second), TEXT.slice(second)].map(reader.push);
        expect([...faults, reader.finish()]).toEqual([undefined, undefined, undefined, undefined]);
        expect(reader.sums.lines).toBe(3);
        expect([...reader.sums.byMeter].map(([key, { qty, events }]) => [key, qty, events])).toEqual([
          ["a", 1_000_000n, 2],
          ["b", 500_000n, 1],
        ]);
      }
    }
  });

  it("counts a last line without its line feed", () => {
    const reader = createLineReader({ tenantId: "t1", hour: HOUR, uniqueMeters: new Map() });
    expect(reader.push(TEXT.trimEnd())).toBeUndefined();
    expect(reader.finish()).toBeUndefined();
    expect(reader.sums.lines).toBe(3);
  });

  it("keeps no more than one line of text that has no end", () => {
    const reader = createLineReader({ tenantId: "t1", hour: HOUR, uniqueMeters: new Map() });
    expect(reader.push(" ".repeat(4_096))).toBeUndefined();
    expect(reader.push(" ")).toBe("line 1: line too long");
  });

  it("refuses more meters than one commit takes", () => {
    const reader = createLineReader({ tenantId: "t1", hour: HOUR, uniqueMeters: new Map() });
    for (let meter = 0; meter < 10_000; meter += 1) {
      expect(reader.push(`${lineOf(`m${meter}`, "")}\n`)).toBeUndefined();
    }
    expect(reader.push(`${lineOf("m0", "")}\n`)).toBeUndefined();
    expect(reader.push(`${lineOf("one_more", "")}\n`)).toBe("too many meters");
  });
});
