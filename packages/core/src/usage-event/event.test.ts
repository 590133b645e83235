import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventContent, eventKey, type UsageEvent } from "./event.ts";

const BASE: UsageEvent = {
  tenantId: "t1",
  meterKey: "api_requests",
  qtyText: "1",
  qtyMicros: 1_000_000n,
  timestampMs: 1_795_000_000_000,
  timestampGiven: true,
  source: "gw",
  id: "e1",
  correction: false,
};

describe("the dedupe key", () => {
  it("does not exist without an id", () => {
    const { id: _id, ...withoutId } = BASE;
    expect(eventKey(withoutId)).toBeUndefined();
  });

  it("does not depend on time, meter or quantity", () => {
    const other = { ...BASE, timestampMs: 5, meterKey: "other", qtyText: "7", qtyMicros: 7_000_000n };
    expect(eventKey(other)).toBe(eventKey(BASE));
  });

  it("tells a-b + c from a + b-c", () => {
    expect(eventKey({ ...BASE, source: "a-b", id: "c" })).not.toBe(eventKey({ ...BASE, source: "a", id: "b-c" }));
    expect(eventKey({ ...BASE, source: 'a","b', id: "c" })).not.toBe(eventKey({ ...BASE, source: "a", id: 'b","c' }));
  });

  it("is different for every way to cut one text into tenant, source and id", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "-", '"', ",", "\\", "[", "é"), minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(text, (whole) => {
        const cuts = Array.from({ length: whole.length + 1 }, (_, at) => at);
        const keys = cuts.flatMap((first) =>
          cuts
            .filter((second) => second >= first)
            .map((second) => {
              const [tenantId, source] = [whole.slice(0, first), whole.slice(first, second)];
              return eventKey({ ...BASE, tenantId, source, id: whole.slice(second) });
            }),
        );
        expect(new Set(keys).size).toBe(keys.length);
      }),
    );
  });
});

describe("the content of an event", () => {
  it("is the same for one quantity in two writings", () => {
    expect(eventContent({ ...BASE, qtyText: "1.000" })).toBe(eventContent(BASE));
  });

  it("leaves out the time of arrival and the trace id, which differ between a request and its repeat", () => {
    const first: UsageEvent = { ...BASE, timestampGiven: false, traceId: "trace_1" };
    const second: UsageEvent = { ...BASE, timestampGiven: false, timestampMs: 7, traceId: "trace_2" };
    expect(eventContent(second)).toBe(eventContent(first));
  });

  it.each<Partial<UsageEvent>>([
    { meterKey: "other" },
    { qtyMicros: 1_000_001n },
    { timestampMs: 1_795_000_000_001 },
    { timestampGiven: false },
    { path: "" },
    { path: "/a" },
    { status: 200 },
    { correction: true },
    { value: "a" },
    { value: "" },
  ])("changes with %o", (change) => {
    expect(eventContent({ ...BASE, ...change })).not.toBe(eventContent(BASE));
  });

  // Copies sent before and after a release meet: without a value the text must stay what it was.
  it("without a value is what it was before there were values", () => {
    expect(eventContent({ ...BASE, path: "/a", status: 200 })).toBe(
      "12:api_requests1000000:1795000000000:200:false//a",
    );
  });

  it("is different for every way to cut one text into value and path", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "/", "=", ":", "1"), minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(text, (whole) => {
        const contents = Array.from({ length: whole.length + 1 }, (_, at) =>
          eventContent({ ...BASE, value: whole.slice(0, at), path: whole.slice(at) }),
        );
        const without = eventContent({ ...BASE, path: whole });
        expect(new Set([...contents, without]).size).toBe(contents.length + 1);
      }),
    );
  });
});
