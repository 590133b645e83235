import { expect, test } from "vitest";
import { emailDomain, fingerprintEmail, fingerprintSubject } from "./fingerprint.ts";

test("one person is one fingerprint, however the address is typed", async () => {
  const fingerprint = await fingerprintEmail("key", "Ada@Example.com");
  expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
  expect(await fingerprintEmail("key", "  ada@example.COM ")).toBe(fingerprint);
});

test("another address, key or kind of name has another fingerprint", async () => {
  const fingerprints = await Promise.all([
    fingerprintEmail("key", "ada@example.com"),
    fingerprintEmail("key", "bob@example.com"),
    fingerprintEmail("other", "ada@example.com"),
    fingerprintSubject("key", "ada@example.com"),
  ]);
  expect(new Set(fingerprints).size).toBe(4);
});

test.each([
  ["Ada@Example.COM", "example.com"],
  ["a@b@mail.example.co.kr", "mail.example.co.kr"],
  ["a@xn--9t4b11yi5a.xn--3e0b707e", "xn--9t4b11yi5a.xn--3e0b707e"],
  ["no-at-sign", null],
  ["a@localhost", null],
  ["a@127.0.0.1", null],
  ["a@-bad.example", null],
  ["a@", null],
  [`a@${"x".repeat(64)}.example`, null],
])("the domain of %s is %s", (email, domain) => {
  expect(emailDomain(email)).toBe(domain);
});
