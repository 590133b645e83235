import type { UsageRejection } from "@prego/core/usage-event";

/** Text that no answer may repeat. */
export const MARKER = "zq-echo-7f3a";

/** Tenants of the hostile world. Only `own` sends; `victim` and the twin must stay empty. */
export const TENANTS = { own: "ten-own", twin: "ten-own0", victim: "ten-victim", purged: "ten-purged" } as const;

/** What must become of a hostile event: taken as it is, unreadable, or rejected for this reason. */
export type Outcome = "accepted" | "malformed" | "tenant_unknown" | "tenant_gone" | UsageRejection;

/** A value as it stands in the JSON of the request, and what must become of its event. */
export type HostileValue = readonly [json: string, outcome: Outcome];

const json = (value: unknown): string => JSON.stringify(value);
const all = (outcome: Outcome, values: readonly string[]): HostileValue[] => values.map((value) => [value, outcome]);

export const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

export const HOSTILE_TENANTS: readonly HostileValue[] = [
  ...all("tenant_id_invalid", [
    json(`${TENANTS.own}/dt=2026-11-01/${MARKER}`),
    json(`../${TENANTS.victim}`),
    json(`${TENANTS.own}/../${TENANTS.victim}`),
    json("a%2F..%2Fb"),
    json("%2e%2e/"),
    json(`${TENANTS.own}\u0000`),
    json(`${TENANTS.own}\n`),
    json(` ${TENANTS.own}`),
    json(""),
    json(MARKER.repeat(25)),
    json("t\u0435n-own"),
    json("\uff54en-own"),
    json(`' OR 1=1 --${MARKER}`),
    json("*"),
  ]),
  [json(TENANTS.own.toUpperCase()), "tenant_unknown"],
  [json(`${TENANTS.own}-`), "tenant_unknown"],
  [json(`unknown-${MARKER}`), "tenant_unknown"],
  [json(TENANTS.purged), "tenant_gone"],
];

/** Values of another type than text, for places that take text. */
export const NO_TEXT = ["7", "true", "{}", `["${TENANTS.own}"]`];

export const HOSTILE_METERS: readonly HostileValue[] = [
  ...all("meter_key_invalid", [
    json(""),
    json("__proto__"),
    json(`a/../${MARKER}`),
    json("a b"),
    json("A"),
    json("a".repeat(65)),
    json("a\n"),
  ]),
  [json("constructor"), "accepted"],
  [json("tostring"), "accepted"],
];

export const HOSTILE_QUANTITIES: readonly HostileValue[] = [
  ...all("quantity_invalid", [
    "1e309",
    "1e-400",
    "1e2",
    "-1",
    "-0",
    "0",
    "0.0000001",
    "0.30000000000000004",
    "1234567890123",
    "9007199254740993",
    "null",
    "true",
    "[1]",
    "{}",
    json("0x10"),
    json(" 12 "),
    json("+1"),
    json("1."),
    json(".5"),
    json("1,5"),
    json("1_000"),
    json("NaN"),
    json("Infinity"),
    json("\u0967"),
    json(""),
    json(MARKER),
    json("9".repeat(5_000)),
  ]),
  ...all("malformed", ["NaN", "0x10", "01", "+1", "1."]),
  ["1.50", "accepted"],
  ["999999999999.999999", "accepted"],
  [json("0.000001"), "accepted"],
];

/** Meters that count distinct values: one by `data.value` of a CloudEvent, one by a property that every object inherits. */
export const UNIQUE_METERS = { plain: "active_users", inherited: "active_devices", property: "constructor" } as const;

/** For `data.value` of a meter that counts distinct values: a number is one too, by the text that it is. */
export const HOSTILE_DATA_VALUES: readonly HostileValue[] = [
  ...all("invalid_field", [
    json(""),
    json(`${MARKER}\n`),
    json("a\u0000"),
    json("a\u2029b"),
    String.raw`"\udfff"`,
    json("a".repeat(257)),
    "9".repeat(257),
    "null",
    "true",
    "{}",
    `["${MARKER}"]`,
    nested(20),
  ]),
  ...all("malformed", ["NaN", "01", nested(40), `"${MARKER}`]),
  ...all("accepted", [
    "7",
    "7.0",
    "1e309",
    "-0",
    json("7 "),
    json("é"),
    json("e\u0301"),
    json("a".repeat(256)),
    json("__proto__"),
    json(`' OR 1=1 --`),
    json(`","tenant_id":"${TENANTS.victim}","x":"`),
  ]),
];

const DAY_MS = 86_400_000;

export const listHostileTimes = (nowMs: number): readonly HostileValue[] => [
  ...all("timestamp_invalid", [
    json("2026-02-30T00:00:00Z"),
    json("2026-11-21T24:00:00Z"),
    json("2026-06-30T23:59:60Z"),
    json("2026-11-21T02:00:00"),
    json("2026-11-21"),
    json("1"),
    json(""),
    json(`${MARKER}T00:00:00Z`),
    String(nowMs),
    String(Math.floor(nowMs / 1_000)),
  ]),
  [json("1970-01-01T00:00:00Z"), "timestamp_too_old"],
  [json(new Date(nowMs - 36 * DAY_MS).toISOString()), "timestamp_too_old"],
  [json(new Date(nowMs + 3_650 * DAY_MS).toISOString()), "timestamp_in_future"],
  [json(new Date(nowMs + 600_000).toISOString()), "timestamp_in_future"],
];

const FORGED_LINE = `x\n{"tenant_id":"${TENANTS.victim}","meter_key":"m","qty":"1"}`;

/** For `id` and `source`: texts that could pass for a second record, or that only look bad. */
export const HOSTILE_NAMES: readonly HostileValue[] = [
  ...all("invalid_field", [
    json(FORGED_LINE),
    json(`\u001b[31m${MARKER}`),
    json("a\u2028b"),
    json("a\u0000"),
    json("a\u0085"),
    String.raw`"\ud800"`,
    json("a".repeat(257)),
    ...NO_TEXT,
  ]),
  ...all("accepted", [
    json(`' OR 1=1; DROP TABLE tenants_master; --`),
    json(`","tenant_id":"${TENANTS.victim}","x":"`),
    json(`{"level":"error"}`),
    json("=cmd|' /C calc'!A0"),
    json("\u202egnp.exe"),
    json("<script>1</script>"),
  ]),
];

/** Trace ids that are dropped, never a reason to refuse usage. */
export const HOSTILE_TRACE_IDS = ["7", "{}", json("a\r\nx: y"), json("x".repeat(10_240)), json(`<script>${MARKER}`)];
