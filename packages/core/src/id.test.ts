import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ID_PREFIXES,
  type IdPrefix,
  isGeneratedId,
  isMeterKey,
  isReservedSlug,
  isSlug,
  isTenantId,
  newId,
} from "./id.ts";

const random = new Uint8Array(10);
const PREFIXES = Object.keys(ID_PREFIXES) as IdPrefix[];
const times = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const randomBytes = fc.uint8Array({ minLength: 10, maxLength: 10 });

describe("generated ids", () => {
  it("encode the ULID specification's own example", () => {
    expect(newId("ten", 1_469_918_176_385, random)).toBe("ten_01ARYZ6S410000000000000000");
  });

  it("carry every bit of the random bytes", () => {
    expect(newId("evt", 0, new Uint8Array(10).fill(255))).toBe("evt_0000000000ZZZZZZZZZZZZZZZZ");
    expect(newId("evt", 2 ** 48 - 1, Uint8Array.of(0x08, 0, 0, 0, 0, 0, 0, 0, 0, 1))).toBe(
      "evt_7ZZZZZZZZZ1000000000000001",
    );
  });

  it("are recognised under their own prefix only", () => {
    fc.assert(
      fc.property(fc.constantFrom(...PREFIXES), times, randomBytes, (prefix, nowMs, bytes) => {
        const id = newId(prefix, nowMs, bytes);
        expect(PREFIXES.filter((each) => isGeneratedId(each, id))).toEqual([prefix]);
      }),
    );
  });

  it("sort by their time as text", () => {
    fc.assert(
      fc.property(times, times, randomBytes, randomBytes, (left, right, leftBytes, rightBytes) => {
        fc.pre(left < right);
        expect(newId("job", left, leftBytes) < newId("job", right, rightBytes)).toBe(true);
      }),
    );
  });

  it("are different whenever their random bytes are", () => {
    fc.assert(
      fc.property(times, randomBytes, randomBytes, (nowMs, left, right) => {
        const isSame = left.every((byte, index) => byte === right[index]);
        expect(newId("req", nowMs, left) === newId("req", nowMs, right)).toBe(isSame);
      }),
    );
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 48])("refuse the time %s", (nowMs) => {
    expect(() => newId("ten", nowMs, random)).toThrow(RangeError);
  });

  it("refuse less than 80 bits of randomness", () => {
    expect(() => newId("ten", 0, new Uint8Array(9))).toThrow(RangeError);
  });

  it("of tenants are tenant ids", () => {
    expect(isTenantId(newId("ten", 1_800_000_000_000, random))).toBe(true);
  });
});

describe("tenant ids", () => {
  it.each(["t1", "T", "0", "ten_01ARYZ6S410000000000000000", "a-b_c", "a".repeat(64)])("allow %s", (text) => {
    expect(isTenantId(text)).toBe(true);
  });

  it.each(["", "_a", "-a", "a/b", "a.b", "../x", "a b", "a\n", "é", "a".repeat(65), "tenant_id=x"])(
    "refuse %j",
    (text) => {
      expect(isTenantId(text)).toBe(false);
    },
  );
});

describe("meter keys", () => {
  it.each(["api_requests", "a", "gb.out", "x9", "a".repeat(64)])("allow %s", (text) => {
    expect(isMeterKey(text)).toBe(true);
  });

  it.each(["", "9a", "_a", "A", "a-b", "a/b", "a\n", "a".repeat(65)])("refuse %j", (text) => {
    expect(isMeterKey(text)).toBe(false);
  });
});

describe("slugs", () => {
  it.each(["abc", "a-b", "a1b", "123", "a".repeat(40)])("allow %s", (text) => {
    expect(isSlug(text)).toBe(true);
  });

  it.each(["", "ab", "-ab", "ab-", "a--b", "xn--abc", "Abc", "a_b", "a.b", "abc\n", "äbc", "a".repeat(41)])(
    "refuse %j",
    (text) => {
      expect(isSlug(text)).toBe(false);
    },
  );

  it.each(["www", "api", "admin", "app", "mail", "internal", "static", "assets", "status", "prego", "tenant-abc123"])(
    "keep %s back",
    (text) => {
      expect(isReservedSlug(text)).toBe(true);
    },
  );

  it.each(["acme", "my-app", "apis", "tenancy", "constructor"])("leave %s to customers", (text) => {
    expect(isReservedSlug(text)).toBe(false);
  });
});
