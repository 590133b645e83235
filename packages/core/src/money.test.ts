import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { currencyDecimals, divideHalfUp, formatAmount, isCurrency, parseRate, RATE_SCALE } from "./money.ts";

const anyBigint = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n });
const positiveBigint = fc.bigInt({ min: 1n, max: 10n ** 20n });

describe("parseRate", () => {
  it.each([
    ["0", 0n],
    ["0.0", 0n],
    ["1", RATE_SCALE],
    ["0.000000000001", 1n],
    ["0.05", 50_000_000_000n],
    ["1234.123456789012", 1_234_123_456_789_012n],
    ["999999999999.999999999999", 10n ** 24n - 1n],
  ])("reads %s exactly", (text, scaled) => {
    expect(parseRate(text)).toEqual({ scaled });
  });

  it.each([
    "",
    "-1",
    "-0",
    "+1",
    "01",
    ".5",
    "5.",
    "1e-3",
    "0x1",
    "NaN",
    " 1",
    "1 ",
    "1\n",
    "1,5",
    "0.0000000000001",
    "1000000000000",
  ])("refuses %j", (text) => {
    expect(parseRate(text)).toBeUndefined();
  });

  it("keeps all twelve decimals", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 24n - 1n }), (scaled) => {
        const text = `${scaled / RATE_SCALE}.${(scaled % RATE_SCALE).toString().padStart(12, "0")}`;
        expect(parseRate(text)).toEqual({ scaled });
      }),
    );
  });
});

describe("isCurrency", () => {
  it.each(["eur", "usd", "jpy", "kwd", "gbp", "xof"])("knows %s", (code) => {
    expect(isCurrency(code)).toBe(true);
  });

  it.each(["", "EUR", "Eur", "eu", "euro", "erq", "xxx", "xts", "xau", " eur", "toString", "__proto__"])(
    "refuses %j",
    (code) => {
      expect(isCurrency(code)).toBe(false);
    },
  );
});

describe("currencyDecimals", () => {
  it.each(["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"])(
    "counts no decimals for %s",
    (code) => {
      expect(currencyDecimals(code)).toBe(0);
      expect(isCurrency(code)).toBe(true);
    },
  );

  it.each(["bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"])("counts three decimals for %s", (code) => {
    expect(currencyDecimals(code)).toBe(3);
    expect(isCurrency(code)).toBe(true);
  });

  it.each(["eur", "usd", "chf", "huf", "twd", "isk", "ugx"])("counts two decimals for %s", (code) => {
    expect(currencyDecimals(code)).toBe(2);
  });
});

describe("formatAmount", () => {
  it.each([
    [1234n, "eur", "12.34 eur"],
    [0n, "eur", "0.00 eur"],
    [5n, "eur", "0.05 eur"],
    [-5n, "eur", "-0.05 eur"],
    [-1234n, "usd", "-12.34 usd"],
    [500n, "jpy", "500 jpy"],
    [-1n, "jpy", "-1 jpy"],
    [0n, "jpy", "0 jpy"],
    [5124n, "kwd", "5.124 kwd"],
    [7n, "kwd", "0.007 kwd"],
    [10n ** 20n + 1n, "eur", "1000000000000000000.01 eur"],
  ])("writes %s minor units of %s as %s", (amountMinor, currency, text) => {
    expect(formatAmount(amountMinor, currency)).toBe(text);
  });

  it("writes digits that are the amount again without the point", () => {
    fc.assert(
      fc.property(anyBigint, fc.constantFrom("eur", "jpy", "kwd"), (amountMinor, currency) => {
        const [digits = "", code] = formatAmount(amountMinor, currency).split(" ");
        expect(BigInt(digits.replace(".", ""))).toBe(amountMinor);
        expect(code).toBe(currency);
      }),
    );
  });
});

describe("divideHalfUp", () => {
  it.each([
    [0n, 7n, 0n],
    [1n, 2n, 1n],
    [-1n, 2n, -1n],
    [1n, -2n, -1n],
    [-1n, -2n, 1n],
    [3n, 2n, 2n],
    [-3n, 2n, -2n],
    [5n, 2n, 3n],
    [1n, 3n, 0n],
    [-1n, 3n, 0n],
    [2n, 3n, 1n],
    [-2n, 3n, -1n],
    [49n, 100n, 0n],
    [50n, 100n, 1n],
    [6n, 3n, 2n],
    [1n, 1n, 1n],
  ])("divides %s by %s to %s", (n, d, quotient) => {
    expect(divideHalfUp(n, d)).toBe(quotient);
  });

  it("refuses to divide by zero", () => {
    expect(() => divideHalfUp(1n, 0n)).toThrow(RangeError);
  });

  it("is never further than half a step away, and at half a step lies away from zero", () => {
    fc.assert(
      fc.property(anyBigint, positiveBigint, (n, d) => {
        const quotient = divideHalfUp(n, d);
        const distance = 2n * (n - quotient * d);
        expect(distance >= -d && distance <= d).toBe(true);
        expect(distance !== d || n < 0n).toBe(true);
        expect(distance !== -d || n > 0n).toBe(true);
      }),
    );
  });

  it("lies away from zero at every exact half", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 20n }), positiveBigint, (whole, d) => {
        expect(divideHalfUp((2n * whole + 1n) * d, 2n * d)).toBe(whole + 1n);
        expect(divideHalfUp(-(2n * whole + 1n) * d, 2n * d)).toBe(-whole - 1n);
      }),
    );
  });

  it("treats both signs alike", () => {
    fc.assert(
      fc.property(anyBigint, positiveBigint, (n, d) => {
        expect(divideHalfUp(-n, d)).toBe(-divideHalfUp(n, d));
        expect(divideHalfUp(n, -d)).toBe(-divideHalfUp(n, d));
      }),
    );
  });
});
