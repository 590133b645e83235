import { describe, expect, it } from "vitest";
import { equalsInConstantTime, hmacSha256Hex, matchSecret, parseBearer, sha256Hex } from "./auth.ts";

describe("matchSecret", () => {
  const secret = { current: "new-secret", previous: "old-secret" };

  it.each(["new-secret", "old-secret"])("names %s by the first 8 hex digits of its SHA-256", async (presented) => {
    expect(await matchSecret(presented, secret)).toBe((await sha256Hex(presented)).slice(0, 8));
  });

  it.each(["", "new-secre", "new-secret ", "NEW-SECRET", "new-secretold-secret", "\u0000"])(
    "matches neither secret with %j",
    async (presented) => {
      expect(await matchSecret(presented, secret)).toBeUndefined();
    },
  );

  it.each([undefined, "", "  "])("lets nobody in while the secret is %j", async (current) => {
    expect(await matchSecret("", { current })).toBeUndefined();
    expect(await matchSecret("  ", { current, previous: current })).toBeUndefined();
  });
});

describe("equalsInConstantTime", () => {
  it("tells equal from unequal, whatever the lengths", async () => {
    expect(await equalsInConstantTime("äöü", "äöü")).toBe(true);
    expect(await equalsInConstantTime("", "")).toBe(true);
    expect(await equalsInConstantTime("a", "aa")).toBe(false);
    expect(await equalsInConstantTime("a".repeat(10_000), `${"a".repeat(9_999)}b`)).toBe(false);
  });
});

describe("parseBearer", () => {
  it.each([undefined, null, "", "Bearer ", "bearer abc", "Bearer a b", "Bearer undefined", "Bearer null", "Basic abc"])(
    "finds no token in %j",
    (header) => {
      expect(parseBearer(header)).toBeUndefined();
    },
  );

  it("finds the token", () => {
    expect(parseBearer("Bearer abc-._~+/=")).toBe("abc-._~+/=");
  });
});

it("hmacSha256Hex agrees with RFC 4231's second vector", async () => {
  expect(await hmacSha256Hex("Jefe", "what do ya want for nothing?")).toBe(
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});
