import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseUsageEvent } from "./native-form.ts";
import { cloudEventFromHeaders, parseCloudEvent } from "./cloud-event.ts";
import { ExactJsonError, parseExactJson } from "./exact-json.ts";

const nowMs = Date.UTC(2026, 10, 21, 2, 20);
const REQUIRED = { specversion: "1.0", id: "e1", source: "/gw", type: "api_requests", subject: "t1" };

function parse(fields: Record<string, unknown>, dataText?: string) {
  const data = dataText === undefined ? {} : { data: parseExactJson(dataText) };
  return parseCloudEvent({ ...REQUIRED, ...data, ...fields }, { nowMs });
}

function faultsOf(fields: Record<string, unknown>, dataText?: string): string[] {
  const result = parse(fields, dataText);
  return result.ok ? [] : result.errors.map(({ pointer, code }) => `${pointer} ${code}`);
}

function eventOf(fields: Record<string, unknown>, dataText?: string) {
  const result = parse(fields, dataText);
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result.event;
}

describe("a CloudEvent", () => {
  it("counts 1 without data", () => {
    expect(eventOf({})).toEqual({
      tenantId: "t1",
      meterKey: "api_requests",
      qtyText: "1",
      qtyMicros: 1_000_000n,
      timestampMs: nowMs,
      timestampGiven: false,
      source: "/gw",
      id: "e1",
      correction: false,
    });
  });

  it("says the same as the native form", () => {
    const native = parseUsageEvent(
      parseExactJson(
        '{"tenant_id":"t1","meter_key":"tokens","qty":1.50,"path":"/a","status":200,"id":"e1","source":"/gw",' +
          '"timestamp":"2026-11-21T02:16:33Z","trace_id":"trace_x"}',
      ),
      { nowMs },
    );
    const fields = { type: "tokens", time: "2026-11-21T02:16:33Z", traceid: "trace_x" };
    expect(parse(fields, '{"value":1.50,"path":"/a","status":200}')).toEqual(native);
  });

  it("is taken as OpenMeter's and CNCF's clients send it", () => {
    const text = `{"specversion":"1.0","id":"00001","time":"2026-11-21T02:00:00.001Z","source":"service-0","type":"request",
      "subject":"customer-1","datacontenttype":"application/json","dataschema":null,"partitionkey":"p","sequence":7,
      "data":{"method":"GET","route":"/hello","path":{"x":1},"status":"200","duration_ms":10}}`;
    const result = parseCloudEvent(parseExactJson(text), { nowMs });
    expect(result).toMatchObject({ ok: true, event: { tenantId: "customer-1", meterKey: "request", qtyText: "1" } });
    expect(result.ok && "path" in result.event).toBe(false);
    expect(result.ok && "status" in result.event).toBe(false);
  });

  it.each([
    [{ specversion: "0.3" }, "/specversion invalid_field"],
    [{ specversion: 1 }, "/specversion invalid_field"],
    [{ id: "" }, "/id invalid_field"],
    [{ id: 5 }, "/id invalid_field"],
    [{ id: "a\nb" }, "/id invalid_field"],
    [{ id: "x".repeat(257) }, "/id invalid_field"],
    [{ source: undefined }, "/source invalid_field"],
    [{ source: "" }, "/source invalid_field"],
    [{ subject: undefined }, "/subject tenant_id_invalid"],
    [{ subject: "a/b" }, "/subject tenant_id_invalid"],
    [{ type: "Bad-Type" }, "/type meter_key_invalid"],
    [{ time: "2026-02-30T00:00:00Z" }, "/time timestamp_invalid"],
    [{ time: "2026-01-01T00:00:00Z" }, "/time timestamp_too_old"],
    [{ time: "2026-12-01T00:00:00Z" }, "/time timestamp_in_future"],
    [{ datacontenttype: "text/xml" }, "/datacontenttype invalid_field"],
    [{ datacontenttype: 5 }, "/datacontenttype invalid_field"],
    [{ data_base64: "e30=" }, "/data_base64 invalid_field"],
    [{ data: "5" }, "/data invalid_field"],
    [{ data: [5] }, "/data invalid_field"],
  ])("is refused with %o", (fields, fault) => {
    expect(faultsOf(fields)).toEqual([fault]);
  });

  it.each(["0", "-1", "1e3", '" 5"', '"0x10"', "null", "true", "[1]", "0.0000001"])(
    "is refused with the quantity %s",
    (value) => {
      expect(faultsOf({}, `{"value":${value}}`)).toEqual(["/data/value quantity_invalid"]);
    },
  );

  it.each(["application/json", "application/json; charset=utf-8", "text/json", "application/vnd.x+JSON"])(
    "may carry data of type %s",
    (datacontenttype) => {
      expect(eventOf({ datacontenttype }, '{"value":2}').qtyText).toBe("2");
    },
  );

  it("takes null for an attribute that is not set", () => {
    expect(faultsOf({ time: null, datacontenttype: null, data: null, traceid: null })).toEqual([]);
  });

  it("counts the meter's own property and nothing else for it", () => {
    const context = { nowMs, valueProperties: new Map([["tokens", "total"]]) };
    const parseTokens = (dataText: string) =>
      parseCloudEvent(
        { ...REQUIRED, type: "tokens", data: parseExactJson(dataText, new Set(["total", "value"])) },
        context,
      );
    expect(parseTokens('{"total":1200,"value":3}')).toMatchObject({ ok: true, event: { qtyText: "1200" } });
    expect(parseTokens('{"value":3}')).toMatchObject({ ok: false, errors: [{ pointer: "/data/total" }] });
  });

  describe("of a meter that counts distinct values", () => {
    const context = {
      nowMs,
      valueProperties: new Map([["devices", "device_id"]]),
      uniqueMeters: new Set(["devices", "visitors"]),
    };
    const parseAs = (type: string, dataText: string) =>
      parseCloudEvent({ ...REQUIRED, type, data: parseExactJson(dataText, new Set(["device_id", "value"])) }, context);

    it("takes the meter's property as the value, a number by its exact text, and counts 1", () => {
      expect(parseAs("visitors", '{"value":"u 1"}')).toMatchObject({ ok: true, event: { value: "u 1", qtyText: "1" } });
      expect(parseAs("devices", '{"device_id":12345678901234567890,"value":"u1"}')).toMatchObject({
        ok: true,
        event: { value: "12345678901234567890", qtyMicros: 1_000_000n },
      });
      expect(parseAs("devices", '{"device_id":-7.0e1}')).toMatchObject({ ok: true, event: { value: "-7.0e1" } });
    });

    it("is refused without a value, and with one that is neither text nor number", () => {
      const faultOf = (type: string, dataText: string) => {
        const result = parseAs(type, dataText);
        return result.ok ? "" : `${result.errors[0]?.pointer} ${result.errors[0]?.code}`;
      };
      expect(faultOf("visitors", "{}")).toBe("/data/value value_required");
      expect(faultOf("devices", '{"value":"u1"}')).toBe("/data/device_id value_required");
      for (const value of ['""', "null", "true", "[]", '{"source":"5"}', '"a\\nb"', `"${"x".repeat(257)}"`]) {
        expect(faultOf("visitors", `{"value":${value}}`), value).toBe("/data/value invalid_field");
      }
    });
  });

  it("does not find its meter's property on the prototype", () => {
    const context = { nowMs, valueProperties: new Map([["api_requests", "constructor"]]) };
    expect(parseCloudEvent({ ...REQUIRED, data: {} }, context)).toMatchObject({ ok: false });
  });

  it("drops an invalid trace id without failing", () => {
    expect(eventOf({ traceid: "nonsense" }).traceId).toBeUndefined();
    expect(eventOf({ traceid: "trace_a" }).traceId).toBe("trace_a");
  });

  it("never makes the parser throw", () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (value, data) => {
        parseCloudEvent(value, { nowMs });
        const result = parseCloudEvent({ ...REQUIRED, data }, { nowMs });
        expect(result.ok || result.errors.length > 0).toBe(true);
      }),
    );
  });
});

describe("a CloudEvent in binary mode", () => {
  const headersOf = (extra: Record<string, string> = {}) =>
    new Headers({
      "Ce-Specversion": "1.0",
      "ce-id": "e1",
      "ce-source": "/gw",
      "ce-type": "api_requests",
      "ce-subject": "t1",
      "content-type": "application/json; charset=utf-8",
      ...extra,
    });

  it("is the same event as in structured mode", () => {
    const event = cloudEventFromHeaders(headersOf({ "ce-time": "2026-11-21T02:16:33Z" }), '{"value":2.50}');
    expect(parseCloudEvent(event, { nowMs })).toEqual(parse({ time: "2026-11-21T02:16:33Z" }, '{"value":2.50}'));
  });

  it("has no data when the body is empty", () => {
    const event = cloudEventFromHeaders(headersOf(), "");
    expect(parseCloudEvent(event, { nowMs })).toMatchObject({ ok: true, event: { qtyText: "1" } });
  });

  it.each([
    ["Euro%20%E2%82%AC%20%f0%9f%98%80", "Euro € 😀"],
    ["%41%42", "AB"],
    ["%2525", "%25"],
    ['"quoted text"', "quoted text"],
    ['"a \\"b\\" \\\\c"', 'a "b" \\c'],
    ['"%41"', "A"],
  ])("decodes the header value %s once", (value, id) => {
    expect(cloudEventFromHeaders(headersOf({ "ce-id": value }), "")["id"]).toBe(id);
  });

  it.each(["%C0%A0", "100%", "%zz", "%E2%82", "a%0Ab"])("is refused with the id %s", (value) => {
    const event = cloudEventFromHeaders(headersOf({ "ce-id": value }), "");
    expect(parseCloudEvent(event, { nowMs })).toMatchObject({ ok: false, errors: [{ pointer: "/id" }] });
  });

  it("does not let a header stand in for the data or its type", () => {
    const event = cloudEventFromHeaders(headersOf({ "ce-data": "5", "ce-datacontenttype": "text/xml" }), '{"value":2}');
    expect(parseCloudEvent(event, { nowMs })).toMatchObject({ ok: true, event: { qtyText: "2" } });
  });

  it("is refused with a body of another type, and throws on one that is not JSON", () => {
    const xml = cloudEventFromHeaders(headersOf({ "content-type": "text/xml" }), "{}");
    expect(parseCloudEvent(xml, { nowMs })).toMatchObject({ ok: false, errors: [{ pointer: "/datacontenttype" }] });
    expect(() => cloudEventFromHeaders(headersOf(), "<value/>")).toThrow(ExactJsonError);
  });
});
