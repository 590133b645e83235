import { describe, expect, it } from "vitest";
import { readFlushMs, readShards } from "./env.ts";

describe("settings", () => {
  it.each([
    ["5", 5_000],
    ["300", 300_000],
    ["0", 1_000],
    ["9999", 3_600_000],
    ["-1", 300_000],
    ["1.5", 300_000],
    ["", 300_000],
    [undefined, 300_000],
  ])("read a flush time of %j", (text, expected) => {
    expect(readFlushMs(text === undefined ? {} : { FLUSH_SECONDS: text })).toBe(expected);
  });

  it("read shards and pass over what is none", () => {
    const shards = readShards({ USAGE_SHARDS: "ten_a=4, ten_b=2\n../c=3 ten_d=0 ten_e=99 ten_f ten_g=x" });
    expect([...shards]).toEqual([
      ["ten_a", 4],
      ["ten_b", 2],
      ["ten_e", 64],
    ]);
    expect(readShards({}).size).toBe(0);
  });
});
