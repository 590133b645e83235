import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EVENT_AGE_MS_MAX, EVENT_AHEAD_MS_MAX } from "../limits.ts";
import { formatInstant } from "../period.ts";
import { parseExactJson } from "./exact-json.ts";
import { parseUsageEvent } from "./native-form.ts";

const nowMs = Date.UTC(2026, 10, 21, 2, 20);

/** Parses a native event whose fields are given as JSON text. */
function parse(fields: string, traceId?: string) {
  const value = parseExactJson(`{"tenant_id":"t1"${fields === "" ? "" : `,${fields}`}}`);
  return parseUsageEvent(value, traceId === undefined ? { nowMs } : { nowMs, traceId });
}

function faultsOf(fields: string): string[] {
  const result = parse(fields);
  return result.ok ? [] : result.errors.map(({ pointer, code }) => `${pointer} ${code}`);
}

function eventOf(fields: string, traceId?: string) {
  const result = parse(fields, traceId);
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result.event;
}

describe("a usage event", () => {
  it("needs no more than a tenant", () => {
    expect(eventOf("")).toEqual({
      tenantId: "t1",
      meterKey: "api_requests",
      qtyText: "1",
      qtyMicros: 1_000_000n,
      timestampMs: nowMs,
      timestampGiven: false,
      source: "",
      correction: false,
    });
  });

  it("keeps every field it may have", () => {
    const fields =
      '"value":"é 😀","meter_key":"gb.out","qty":1.50,"path":"/a b/é😀","status":404,"id":"e-1","source":"gw/1",' +
      '"timestamp":"2026-11-21T03:16:33.1239+01:00","correction":true,"trace_id":" trace_x "';
    expect(eventOf(fields)).toEqual({
      tenantId: "t1",
      meterKey: "gb.out",
      qtyText: "1.50",
      qtyMicros: 1_500_000n,
      timestampMs: Date.UTC(2026, 10, 21, 2, 16, 33, 123),
      timestampGiven: true,
      source: "gw/1",
      id: "e-1",
      path: "/a b/é😀",
      status: 404,
      traceId: "trace_x",
      correction: true,
      value: "é 😀",
    });
  });

  it.each([
    ["1", 1_000_000n],
    ['"5"', 5_000_000n],
    ["1.0", 1_000_000n],
    ["0.000001", 1n],
    ["999999999999.999999", 999_999_999_999_999_999n],
  ])("counts the quantity %s exactly", (qty, qtyMicros) => {
    expect(eventOf(`"qty":${qty}`)).toMatchObject({ qtyMicros, qtyText: qty.replaceAll('"', "") });
  });

  it.each([
    "0",
    "-0",
    "0.0",
    "-1",
    "1e309",
    "1e3",
    "1E0",
    "1e-400",
    "0.0000001",
    "1000000000000",
    "9007199254740993",
    '""',
    '"0x10"',
    '" 5"',
    '"5 "',
    '"+5"',
    '"NaN"',
    '"Infinity"',
    '"1e3"',
    '"05"',
    '"5."',
    '".5"',
    '"1,5"',
    '"٣"',
    `"${"9".repeat(100_000)}"`,
    "true",
    "null",
    "[5]",
    '{"source":"5"}',
  ])("refuses the quantity %s", (qty) => {
    expect(faultsOf(`"qty":${qty}`)).toEqual(["/qty quantity_invalid"]);
  });

  it("refuses a quantity whose digits JavaScript has already lost", () => {
    const result = parseUsageEvent({ tenant_id: "t1", qty: 5 }, { nowMs });
    expect(result).toMatchObject({ ok: false, errors: [{ pointer: "/qty", code: "quantity_invalid" }] });
  });

  it("takes a negative quantity only as a correction, and 0 never", () => {
    expect(eventOf('"qty":-2.5,"correction":true').qtyMicros).toBe(-2_500_000n);
    expect(faultsOf('"qty":-2.5,"correction":false')).toEqual(["/qty quantity_invalid"]);
    expect(faultsOf('"qty":0,"correction":true')).toEqual(["/qty quantity_invalid"]);
    expect(faultsOf('"qty":-2.5,"correction":"true"')).toEqual(["/correction invalid_field", "/qty quantity_invalid"]);
  });

  it.each([
    [nowMs - EVENT_AGE_MS_MAX, []],
    [nowMs - EVENT_AGE_MS_MAX - 1, ["/timestamp timestamp_too_old"]],
    [nowMs + EVENT_AHEAD_MS_MAX, []],
    [nowMs + EVENT_AHEAD_MS_MAX + 1, ["/timestamp timestamp_in_future"]],
  ])("may be 35 days old and 5 minutes ahead, to the millisecond: %d", (timestampMs, faults) => {
    expect(faultsOf(`"timestamp":"${formatInstant(timestampMs)}"`)).toEqual(faults);
  });

  it.each([
    '"2026-02-30T00:00:00Z"',
    '"1"',
    '""',
    '"2026-11-21"',
    '"2026-11-21T02:00:00"',
    '"2026-11-20T24:00:00Z"',
    '"2026-11-21T02:00:60Z"',
    '"2026-11-21t02:00:00z"',
    "1795227600",
    "1795227600000",
    "null",
    `"2026-11-21T02:00:00.${"1".repeat(9_999)}Z"`,
  ])("refuses the time %s", (timestamp) => {
    expect(faultsOf(`"timestamp":${timestamp}`)).toEqual(["/timestamp timestamp_invalid"]);
  });

  it.each([
    ["id", ["", "a\nb", "\u0000", "\u0085", "\u2028", "\ud800", "x".repeat(257)]],
    ["source", ["a\r", "\u007f", "\udc00", "x".repeat(257)]],
    ["value", ["", "a\nb", "\u007f", "\u2029", "\ud800", "x".repeat(257)]],
    ["path", ['/a\n{"tenant_id":"t2"}', "\u001b[31m", "x".repeat(513)]],
  ])("refuses text in %s that could break a record or is too long", (field, texts) => {
    for (const text of texts) {
      expect(faultsOf(`"${field}":${JSON.stringify(text)}`), `${field} ${JSON.stringify(text)}`).toEqual([
        `/${field} invalid_field`,
      ]);
    }
  });

  it.each(["id", "source", "path", "value"])("refuses a %s that is not text", (field) => {
    for (const value of ["null", "5", "[]", "{}", "true"]) {
      expect(faultsOf(`"${field}":${value}`), `${field} ${value}`).toEqual([`/${field} invalid_field`]);
    }
  });

  it.each(["99", "600", "200.5", '"200"', "null"])("refuses the status %s", (status) => {
    expect(faultsOf(`"status":${status}`)).toEqual(["/status invalid_field"]);
  });

  it.each(["", "../t1", "t1/", "t".repeat(65), "_"])("refuses the tenant id %j", (tenantId) => {
    const result = parseUsageEvent({ tenant_id: tenantId }, { nowMs });
    expect(result).toMatchObject({ ok: false, errors: [{ pointer: "/tenant_id", code: "tenant_id_invalid" }] });
  });

  it.each(['"API"', '"a-b"', '""', "null", "7"])("refuses the meter key %s", (meterKey) => {
    expect(faultsOf(`"meter_key":${meterKey}`)).toEqual(["/meter_key meter_key_invalid"]);
  });

  it("refuses fields it does not know, and those that aim at the prototype", () => {
    expect(faultsOf('"quantity":5,"is_operator":true')).toEqual([
      "/quantity unknown_field",
      "/is_operator unknown_field",
    ]);
    expect(faultsOf('"__proto__":{"qty":"7"},"constructor":1')).toEqual([
      "/__proto__ unknown_field",
      "/constructor unknown_field",
    ]);
  });

  it("does not repeat a hostile field name", () => {
    expect(faultsOf('"<script>\\n":1')).toEqual([" unknown_field"]);
  });

  it("lists all faults at once, but at most 16", () => {
    expect(faultsOf('"qty":0,"status":1,"id":""')).toEqual([
      "/id invalid_field",
      "/status invalid_field",
      "/qty quantity_invalid",
    ]);
    const many = Array.from({ length: 1_000 }, (_, index) => `"x${index}":1`).join(",");
    expect(faultsOf(many)).toHaveLength(16);
  });

  it.each(["null", "[]", "5", '"x"', '[{"tenant_id":"t1"}]'])("is an object, not %s", (text) => {
    const result = parseUsageEvent(parseExactJson(text), { nowMs });
    expect(result).toMatchObject({ ok: false, errors: [{ pointer: "", code: "not_an_object" }] });
  });

  it("drops an invalid trace id and falls back to the request's", () => {
    expect(eventOf('"trace_id":"nonsense"').traceId).toBeUndefined();
    expect(eventOf('"trace_id":"nonsense"', "trace_request").traceId).toBe("trace_request");
    expect(eventOf('"trace_id":"trace_own"', "trace_request").traceId).toBe("trace_own");
  });

  it("of a meter that counts distinct values needs one, counts 1, and takes nothing back", () => {
    const context = { nowMs, uniqueMeters: new Set(["visitors"]) };
    const parseIn = (fields: string) => parseUsageEvent(parseExactJson(`{"tenant_id":"t1",${fields}}`), context);
    expect(parseIn('"meter_key":"visitors","value":"u1"')).toMatchObject({
      ok: true,
      event: { value: "u1", qtyText: "1" },
    });
    expect(parseIn('"meter_key":"visitors","value":"u1","qty":3')).toMatchObject({ ok: true, event: { qtyText: "3" } });
    expect(parseIn('"meter_key":"visitors"')).toMatchObject({
      ok: false,
      errors: [{ pointer: "/value", code: "value_required" }],
    });
    expect(parseIn('"meter_key":"visitors","value":"u1","qty":-1,"correction":true')).toMatchObject({
      ok: false,
      errors: [{ pointer: "/correction", code: "invalid_field" }],
    });
    expect(parseIn('"meter_key":"tokens"')).toMatchObject({ ok: true });
  });

  it("never throws, whatever it is given", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), (value) => {
        const result = parseUsageEvent(value, { nowMs });
        expect(result.ok || result.errors.length > 0).toBe(true);
      }),
    );
  });
});
