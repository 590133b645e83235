import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatQuantity } from "../quantity.ts";
import type { UsageEvent } from "./event.ts";
import { isPrintableText } from "./field-check.ts";
import {
  formatUsageLine,
  parseGeneralLine,
  parseUsageLine,
  USAGE_LINE_CHARS_MAX,
  type UsageLine,
} from "./usage-line.ts";

const LAST_MS = Date.UTC(2099, 11, 31);
const instants = fc.integer({ min: 0, max: LAST_MS });
const printable = (maxLength: number) =>
  fc
    .oneof(
      fc.string({ maxLength, unit: "binary" }),
      fc.string({ maxLength, unit: "grapheme" }),
      fc.string({ maxLength, unit: fc.constantFrom('"', "\\", "/", "}", "\u2029", "é", "\u{1f600}") }),
      fc.string({ minLength: maxLength, maxLength, unit: fc.constantFrom('"', "\\", "a") }),
    )
    .filter((text) => isPrintableText(text, maxLength));

const events: fc.Arbitrary<UsageEvent> = fc
  .record(
    {
      tenantId: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/),
      meterKey: fc.stringMatching(/^[a-z][a-z0-9_.]{0,63}$/),
      qtyMicros: fc.bigInt({ min: 1n, max: 10n ** 18n - 1n }),
      timestampMs: instants,
      timestampGiven: fc.boolean(),
      source: printable(256),
      correction: fc.boolean(),
      id: printable(256).filter((text) => text !== ""),
      path: printable(512),
      status: fc.integer({ min: 100, max: 599 }),
      traceId: fc.stringMatching(/^trace_[A-Za-z0-9_-]{1,122}$/),
      value: printable(256).filter((text) => text !== ""),
    },
    { requiredKeys: ["tenantId", "meterKey", "qtyMicros", "timestampMs", "timestampGiven", "source", "correction"] },
  )
  .map((event) => {
    const qtyMicros = event.correction ? -event.qtyMicros : event.qtyMicros;
    return { ...event, qtyMicros, qtyText: formatQuantity(qtyMicros) };
  });

const EVENT: UsageEvent = {
  tenantId: "t1",
  meterKey: "api_requests",
  qtyText: "1.50",
  qtyMicros: 1_500_000n,
  timestampMs: Date.UTC(2026, 10, 21, 2, 16, 33, 123),
  timestampGiven: true,
  source: "gw",
  id: "e1",
  path: "/a",
  status: 200,
  traceId: "trace_x",
  correction: false,
};
const RECEIVED_MS = Date.UTC(2026, 10, 21, 2, 20);

describe("a usage line", () => {
  it("is one flat object in the documented order", () => {
    expect(formatUsageLine(EVENT, RECEIVED_MS)).toBe(
      '{"id":"e1","source":"gw","tenant_id":"t1","meter_key":"api_requests","qty":"1.50",' +
        '"timestamp":"2026-11-21T02:16:33.123Z","received_at":"2026-11-21T02:20:00.000Z","path":"/a","status":200,' +
        '"trace_id":"trace_x"}',
    );
  });

  it("holds a value at its very end, so that the keys before it keep their order", () => {
    const line = formatUsageLine({ ...EVENT, correction: true, value: 'u"1' }, RECEIVED_MS);
    expect(line.endsWith('"trace_id":"trace_x","correction":true,"value":"u\\"1"}')).toBe(true);
    expect(line.startsWith(formatUsageLine(EVENT, RECEIVED_MS).slice(0, -1))).toBe(true);
  });

  it("leaves out what is missing and marks a correction", () => {
    const event: UsageEvent = {
      tenantId: "t1",
      meterKey: "m",
      qtyText: "-2",
      qtyMicros: -2_000_000n,
      timestampMs: 0,
      timestampGiven: false,
      source: "",
      correction: true,
    };
    expect(formatUsageLine(event, 1)).toBe(
      '{"tenant_id":"t1","meter_key":"m","qty":"-2","timestamp":"1970-01-01T00:00:00.000Z",' +
        '"received_at":"1970-01-01T00:00:00.001Z","correction":true}',
    );
  });

  it("reads back to the event it was written from", () => {
    fc.assert(
      fc.property(events, instants, (event, receivedAtMs) => {
        const { timestampGiven: _timestampGiven, ...rest } = event;
        const line: UsageLine = { ...rest, receivedAtMs };
        expect(parseUsageLine(formatUsageLine(event, receivedAtMs))).toEqual({ ok: true, line });
      }),
      { numRuns: 500 },
    );
  });

  it("is written as JSON.stringify writes it, whatever its texts hold", () => {
    const anyText = fc.string({
      maxLength: 40,
      unit: fc.oneof(
        fc.constantFrom('"', "\\", "\n", "\ud800", "\u007f"),
        fc.constantFrom("a", "é", "\u2029", "\u{1f600}", "\u0001", "\udfff"),
      ),
    });
    fc.assert(
      fc.property(events, anyText, instants, (event, text, receivedAtMs) => {
        const line = { ...event, id: text, source: `${text}s`, path: text, value: text };
        const { tenantId: tenant_id, meterKey: meter_key, qtyText: qty, status, traceId: trace_id } = line;
        const [timestamp, received_at] = [line.timestampMs, receivedAtMs].map((ms) => new Date(ms).toISOString());
        const labels = { path: text, status, trace_id, correction: line.correction || undefined, value: text };
        expect(formatUsageLine(line, receivedAtMs)).toBe(
          JSON.stringify({
            id: text,
            source: line.source,
            tenant_id,
            meter_key,
            qty,
            timestamp,
            received_at,
            ...labels,
          }),
        );
      }),
    );
  });

  it("stays one line below the length limit, whatever its texts are", () => {
    fc.assert(
      fc.property(events, instants, (event, receivedAtMs) => {
        const text = formatUsageLine(event, receivedAtMs);
        expect(text.length).toBeLessThanOrEqual(USAGE_LINE_CHARS_MAX);
        expect(/[\n\r\u2028\u2029]/.test(text)).toBe(false);
      }),
    );
  });

  it("is judged alike by the short cut for canonical lines and by the general reader", () => {
    const canonical = fc.tuple(events, instants).map(([event, receivedAtMs]) => formatUsageLine(event, receivedAtMs));
    const damaged = fc
      .tuple(
        canonical,
        fc.nat(),
        fc.constantFrom("", "0", "9", '"', "\\", " ", ",", "-", "Z", "\n", "\u0000", "é", "}"),
      )
      .map(([text, at, patch]) => text.slice(0, at % text.length) + patch + text.slice((at % text.length) + 1));
    fc.assert(
      fc.property(fc.oneof(canonical, damaged), (text) => {
        expect(parseUsageLine(text)).toEqual(parseGeneralLine(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it("keeps its hour apart from its neighbour's", () => {
    const hours = [0, 1, 0, 25, 24].map((hour) => hour * 3_600_000 + 61_001);
    const read = hours.map((timestampMs) =>
      parseUsageLine(formatUsageLine({ ...EVENT, timestampMs }, timestampMs + 7)),
    );
    expect(read.map((result) => result.ok && [result.line.timestampMs, result.line.receivedAtMs])).toEqual(
      hours.map((timestampMs) => [timestampMs, timestampMs + 7]),
    );
  });

  it("of another tool may order, space and extend its fields", () => {
    const text =
      '{ "qty": "2", "tenant_id": "t1", "meter_key": "m", "region": "eu", "received_at": "2026-11-21T03:00:00+01:00",' +
      ' "timestamp": "2026-11-21T02:00:00Z", "source": "" }';
    const atMs = Date.UTC(2026, 10, 21, 2);
    const line = {
      tenantId: "t1",
      meterKey: "m",
      qtyText: "2",
      qtyMicros: 2_000_000n,
      timestampMs: atMs,
      receivedAtMs: atMs,
      source: "",
      correction: false,
    };
    expect(parseUsageLine(text)).toEqual({ ok: true, line });
  });
});

describe("a damaged usage line", () => {
  const fields = JSON.parse(formatUsageLine(EVENT, RECEIVED_MS)) as Record<string, unknown>;

  it.each([
    ["tenant_id invalid", { tenant_id: "../t2" }],
    ["tenant_id invalid", { tenant_id: undefined }],
    ["meter_key invalid", { meter_key: "A" }],
    ["qty invalid", { qty: 5 }],
    ["qty invalid", { qty: "0" }],
    ["qty invalid", { qty: "-1" }],
    ["qty invalid", { qty: "01" }],
    ["qty invalid", { qty: "1e3" }],
    ["qty invalid", { qty: undefined }],
    ["correction invalid", { correction: "true" }],
    ["timestamp invalid", { timestamp: "2026-02-30T00:00:00.000Z" }],
    ["timestamp invalid", { timestamp: "2026-11-21T24:00:00.000Z" }],
    ["timestamp invalid", { timestamp: undefined }],
    ["received_at invalid", { received_at: 1_795_227_600_000 }],
    ["received_at invalid", { received_at: undefined }],
    ["id invalid", { id: "" }],
    ["id invalid", { id: null }],
    ["id invalid", { id: "\ud800" }],
    ["source invalid", { source: 5 }],
    ["path invalid", { path: "a\nb" }],
    ["status invalid", { status: 99 }],
    ["status invalid", { status: "200" }],
    ["value invalid", { value: "" }],
    ["value invalid", { value: 5 }],
    ["value invalid", { value: null }],
    ["value invalid", { value: "a\nb" }],
    ["value invalid", { value: "x".repeat(257) }],
  ])("is refused: %s, %o", (reason, fault) => {
    expect(parseUsageLine(JSON.stringify({ ...fields, ...fault }))).toEqual({ ok: false, reason });
  });

  it.each([
    ["", "not JSON"],
    ['{"tenant_id":"t1"', "not JSON"],
    ["null", "not a JSON object"],
    ["[]", "not a JSON object"],
    ['"x"', "not a JSON object"],
    ["x".repeat(USAGE_LINE_CHARS_MAX + 1), "line too long"],
  ])("is refused: %j", (text, reason) => {
    expect(parseUsageLine(text)).toEqual({ ok: false, reason });
  });

  it("loses its trace id but counts when only that is invalid", () => {
    const result = parseUsageLine(JSON.stringify({ ...fields, trace_id: "nonsense" }));
    expect(result).toMatchObject({ ok: true });
    expect(result.ok && "traceId" in result.line).toBe(false);
  });
});
