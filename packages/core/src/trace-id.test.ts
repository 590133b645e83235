import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newTraceId, sanitizeTraceIdValue } from "./trace-id.ts";

describe("a trace id from outside", () => {
  it.each([
    ["trace_a", "trace_a"],
    ["  trace_A-b_9\n", "trace_A-b_9"],
    [`trace_${"x".repeat(122)}`, `trace_${"x".repeat(122)}`],
  ])("is taken trimmed: %j", (value, expected) => {
    expect(sanitizeTraceIdValue(value)).toBe(expected);
  });

  it.each([
    "",
    "trace_",
    "trace",
    "Trace_a",
    "xtrace_a",
    "trace_a b",
    "trace_a\nb",
    "trace_é",
    "trace_a\u0000",
    "trace_a' OR 1=1--",
    `trace_${"x".repeat(123)}`,
    " ".repeat(1_000) + "trace_a",
    null,
    undefined,
    7,
    ["trace_a"],
    { toString: () => "trace_a" },
  ])("is dropped: %j", (value) => {
    expect(sanitizeTraceIdValue(value)).toBeNull();
  });

  it("never yields anything but the one safe form", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.string().map((text) => `trace_${text}`),
        ),
        (value) => {
          const traceId = sanitizeTraceIdValue(value);
          expect(traceId === null || /^trace_[A-Za-z0-9_-]{1,122}$/.test(traceId)).toBe(true);
        },
      ),
    );
  });

  it("passes the gate unchanged a second time", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^ {0,3}trace_[A-Za-z0-9_-]{1,60} {0,3}$/), (value) => {
        const traceId = sanitizeTraceIdValue(value);
        expect(traceId).toBe(value.trim());
        expect(sanitizeTraceIdValue(traceId)).toBe(traceId);
      }),
    );
  });
});

it("a new trace id passes its own gate", () => {
  const traceId = newTraceId(1_800_000_000_000, new Uint8Array(10).fill(7));
  expect(sanitizeTraceIdValue(traceId)).toBe(traceId);
});
