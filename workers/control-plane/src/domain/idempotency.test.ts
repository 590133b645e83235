import { isGeneratedId, isTenantId } from "@prego/core/id";
import { sanitizeTraceIdValue } from "@prego/core/trace-id";
import { expect, test } from "vitest";
import { checkoutKeyOf, digestBody, readIdempotencyKey, tenantIdOfKey, traceIdOfKey } from "./idempotency.ts";

test("one key makes one tenant id and one trace id, both well formed; another key makes others", async () => {
  const [tenantId, traceId] = [await tenantIdOfKey("key"), await traceIdOfKey("key")];
  expect([isTenantId(tenantId), isGeneratedId("ten", tenantId)]).toEqual([true, true]);
  expect(sanitizeTraceIdValue(traceId)).toBe(traceId);
  expect([await tenantIdOfKey("key"), await traceIdOfKey("key")]).toEqual([tenantId, traceId]);
  expect(await tenantIdOfKey("yek")).not.toBe(tenantId);
  expect(tenantId.slice("ten_".length)).not.toBe(traceId.slice("trace_".length));
});

test("a body's digest depends on its members and not on their order", async () => {
  expect(await digestBody({ a: 1, b: "x" })).toBe(await digestBody({ b: "x", a: 1 }));
  expect(await digestBody({ a: 1, b: "x" })).not.toBe(await digestBody({ a: 1, b: "y" }));
});

test("a key for Stripe shows nothing of what it was made from and fits its 255 characters", async () => {
  const key = await checkoutKeyOf(["key", "x".repeat(255)]);
  expect(key).toMatch(/^prego_checkout_[0-9a-f]{64}$/);
  expect(await checkoutKeyOf(["key", "a,b"])).not.toBe(await checkoutKeyOf(["key", "a", "b"]));
});

test("a header is a key of 1 to 255 printable characters, or refused", () => {
  expect([readIdempotencyKey(undefined), readIdempotencyKey("a"), readIdempotencyKey("k".repeat(255))]).toEqual([
    undefined,
    "a",
    "k".repeat(255),
  ]);
  for (const header of ["", " ", "a b", "é", "k".repeat(256)]) {
    expect(() => readIdempotencyKey(header)).toThrow("Idempotency-Key");
  }
});
