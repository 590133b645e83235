import { describe, expect, it } from "vitest";
import type { AppendRequest, AppendResult } from "./append-request.ts";
import { packAppend, packResult, unpackAppend, unpackResult } from "./append-wire.ts";

const request: AppendRequest = {
  v: 1,
  tenantId: "ten_a",
  shard: 3,
  ids: Uint32Array.from({ length: 24 }, (_, word) => word * 0x0f0f_0f0f),
  hours: ["2026-11-21T02", "2026-11-21T02", "2026-11-21T03", "2026-11-21T02"],
  lines: ['{"id":"ä\\n𝄞"}', '{"id":"b"}', '{"id":"{"}', "{}"],
};

describe("a call to a buffer", () => {
  it.each<[string, AppendRequest]>([
    ["with events of several hours", request],
    ["with a claim", { ...request, claim: Uint32Array.from([0, 1, 2, 0xffff_ffff, 4, 5]) }],
    ["that only claims", { ...request, ids: new Uint32Array(0), hours: [], lines: [], claim: new Uint32Array(6) }],
  ])("%s arrives as it was sent", (_name, sent) => {
    expect(unpackAppend(...packAppend(sent))).toEqual(sent);
  });

  it("of another version is not read", () => {
    expect(unpackAppend(...packAppend({ ...request, v: 2 as 1 }))).toBeUndefined();
  });

  it.each<[string, unknown[]]>([
    ["nothing", []],
    ["an object, as an earlier form had it", [request]],
    ["ids that are not a column of words", [[1, 2, 3], packAppend(request)[1]]],
    ["a text that is not JSON", [request.ids, "no JSON\n{}"]],
    ["a text without members", [request.ids, "null"]],
    ["no hours", [new Uint32Array(0), '{"v":1,"tenantId":"a","shard":0}']],
    ["fewer lines than hours", [request.ids, packAppend(request)[1].replace(/\n.*$/, "")]],
    ["fewer ids than lines", [request.ids.slice(6), packAppend(request)[1]]],
  ])("with %s is not read", (_name, packed) => {
    expect(unpackAppend(...packed)).toBeUndefined();
  });

  it.each<AppendResult>([
    { v: 1, kind: "done", statuses: "adca" },
    { v: 1, kind: "done", statuses: "" },
    { v: 1, kind: "key_reused" },
    { v: 1, kind: "busy", retryAfterSeconds: 5 },
    { v: 1, kind: "unsupported" },
  ])("is answered as decided: %j", (result) => {
    expect(unpackResult(packResult(result))).toEqual(result);
  });
});
