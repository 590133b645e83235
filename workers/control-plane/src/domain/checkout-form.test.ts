import { expect, test } from "vitest";
import { isReturnUrl } from "./checkout-form.ts";

test.each([
  ["https://prego.example", true],
  ["https://prego.example/welcome?session={CHECKOUT_SESSION_ID}", true],
  ["https://www.prego.example/", true],
  ["https://PREGO.example/", true],
  ["http://prego.example/", false],
  ["https://evil.example/", false],
  ["https://evilprego.example/", false],
  ["https://prego.example.evil.example/", false],
  ["https://prego.example@evil.example/", false],
  ["https://user:pass@prego.example/", false],
  ["https://evil.example\\@prego.example/", false],
  ["//prego.example/", false],
  ["javascript:alert(1)//prego.example", false],
  ["", false],
])("payers may be sent to %s: %s", (url, expected) => {
  expect(isReturnUrl(url, "prego.example")).toBe(expected);
});

test("a local stack may use plain http", () => {
  expect(isReturnUrl("http://prego.localhost:8787/welcome", "prego.localhost")).toBe(true);
  expect(isReturnUrl("http://localhost:8787/welcome", "localhost")).toBe(true);
  expect(isReturnUrl("http://localhost:8787/welcome", "prego.example")).toBe(false);
});
