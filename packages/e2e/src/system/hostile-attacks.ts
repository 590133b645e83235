import {
  HOSTILE_DATA_VALUES,
  HOSTILE_METERS,
  HOSTILE_NAMES,
  HOSTILE_QUANTITIES,
  HOSTILE_TENANTS,
  HOSTILE_TRACE_IDS,
  type HostileValue,
  listHostileTimes,
  MARKER,
  nested,
  NO_TEXT,
  type Outcome,
  TENANTS,
  UNIQUE_METERS,
} from "./hostile-values.ts";

/** JSON by member name; undefined leaves a member out that would be there. */
export type Members = Readonly<Record<string, string | undefined>>;

/** One hostile event: members over those of a good one, or a text instead of it. */
export interface Attack {
  name: string;
  outcome: Outcome;
  members?: Members;
  text?: string;
}

const show = (text: string): string => (text.length > 48 ? `${text.slice(0, 48)}…` : text);
const over = (member: string, values: readonly HostileValue[]): Attack[] =>
  values.map(([value, outcome]) => ({ name: `${member} ${show(value)}`, outcome, members: { [member]: value } }));
const overall = (member: string, outcome: Outcome, values: readonly string[]): Attack[] =>
  over(
    member,
    values.map((value) => [value, outcome]),
  );

/** The same attacks on events of a meter that counts distinct values. */
const onUniqueMeter = (member: string, attacks: readonly Attack[]): Attack[] =>
  attacks.map(({ name, outcome, members }) => ({
    name: `of distinct values: ${name}`,
    outcome,
    members: { [member]: `"${UNIQUE_METERS.plain}"`, ...members },
  }));

const HOSTILE_NATIVE_VALUES: readonly Attack[] = [
  ...over("value", HOSTILE_NAMES),
  ...overall("value", "invalid_field", [`""`, "null", "1e309", nested(20)]),
  ...overall("value", "malformed", [nested(40), "NaN"]),
];

const NO_EVENTS: readonly Attack[] = [
  ...["7", "true", "null", `"${MARKER}"`].map((text): Attack => ({ name: text, outcome: "not_an_object", text })),
  ...["{", `{"a":}`, MARKER, `{"a":1}{"b":2}`, "{'a':1}"].map((text): Attack => ({
    name: text,
    outcome: "malformed",
    text,
  })),
];

/** Hostile events in the form of `POST /usage`. */
export function listNativeAttacks(nowMs: number): Attack[] {
  return [
    ...NO_EVENTS,
    ...over("tenant_id", HOSTILE_TENANTS),
    ...overall("tenant_id", "tenant_id_invalid", [...NO_TEXT, "null"]),
    { name: "no tenant", outcome: "tenant_id_invalid", members: { tenant_id: undefined } },
    ...over("meter_key", HOSTILE_METERS),
    ...over("qty", HOSTILE_QUANTITIES),
    ...overall("correction", "invalid_field", [`"true"`, "1", "null"]),
    { name: "taking back without saying so", outcome: "quantity_invalid", members: { correction: "false", qty: "-5" } },
    { name: "a correction of nothing", outcome: "quantity_invalid", members: { correction: "true", qty: "0" } },
    { name: "a correction", outcome: "accepted", members: { correction: "true", qty: "-2" } },
    ...over("timestamp", listHostileTimes(nowMs)),
    ...overall("timestamp", "timestamp_invalid", ["null"]),
    ...over("id", HOSTILE_NAMES),
    ...overall("id", "invalid_field", [`""`]),
    ...over("source", HOSTILE_NAMES),
    ...overall("path", "invalid_field", [`"${"a".repeat(513)}"`, String.raw`"a\nb"`, "{}", nested(20)]),
    ...overall("path", "malformed", [nested(40)]),
    ...overall("status", "invalid_field", [`"Active"`, `"200"`, "99", "600", "200.5", "1e999", "null"]),
    ...[
      "plan",
      "balance",
      "is_operator",
      "created_at",
      "received_at",
      "constructor",
      "__proto__",
      MARKER + "\u0000",
    ].map((name): Attack => ({
      name: `a member ${show(JSON.stringify(name))}`,
      outcome: "unknown_field",
      members: { [JSON.stringify(name).slice(1, -1)]: `{"admin":"${MARKER}"}` },
    })),
    ...overall("trace_id", "accepted", HOSTILE_TRACE_IDS),
    ...HOSTILE_NATIVE_VALUES,
    ...onUniqueMeter("meter_key", [
      ...HOSTILE_NATIVE_VALUES,
      { name: "no value", outcome: "value_required" },
      { name: "a quantity and no value", outcome: "value_required", members: { qty: "5" } },
      { name: "another's value", outcome: "unknown_field", members: { data: `{"value":"${MARKER}"}`, value: `"a"` } },
      { name: "a correction", outcome: "invalid_field", members: { correction: "true", qty: "-1", value: `"a"` } },
    ]),
  ];
}

/** Hostile events as CloudEvents; members of `data` are written `data.<name>`. */
export function listCloudAttacks(nowMs: number): Attack[] {
  return [
    ...over("subject", HOSTILE_TENANTS),
    ...overall("subject", "tenant_id_invalid", NO_TEXT),
    { name: "no subject", outcome: "tenant_id_invalid", members: { subject: undefined } },
    ...over("type", HOSTILE_METERS),
    { name: "no type", outcome: "meter_key_invalid", members: { type: undefined } },
    ...over("time", listHostileTimes(nowMs)),
    ...over("id", HOSTILE_NAMES),
    ...overall("id", "invalid_field", [`""`]),
    { name: "no id", outcome: "invalid_field", members: { id: undefined } },
    ...over("source", HOSTILE_NAMES),
    { name: "no source", outcome: "invalid_field", members: { source: undefined } },
    ...overall("specversion", "invalid_field", [`"0.3"`, `"1.0.0"`, `"${MARKER}"`]),
    ...over(
      "data",
      HOSTILE_QUANTITIES.map(([value, outcome]) => [`{"value":${value}}`, outcome]),
    ),
    ...overall("data", "invalid_field", ["7", `"${MARKER}"`, "[]", "true"]),
    ...overall("data", "malformed", ["{", nested(40), `{"value":1}}`]),
    ...overall("data", "accepted", [
      `{"path":"${"a".repeat(513)}","status":"Active"}`,
      `{"__proto__":{"value":"${MARKER}"}}`,
      `{"tenant_id":"${TENANTS.victim}","subject":"${TENANTS.victim}"}`,
    ]),
    ...onUniqueMeter("type", listDataValueAttacks()),
    ...overall("traceid", "accepted", HOSTILE_TRACE_IDS.slice(2)),
    ...["plan", "isoperator", "receivedat", "tenantid"].map((name): Attack => ({
      name: `an extension ${name}`,
      outcome: "accepted",
      members: { [name]: `"${MARKER}"` },
    })),
  ];
}

function listDataValueAttacks(): Attack[] {
  const inherited = { type: `"${UNIQUE_METERS.inherited}"` };
  return [
    ...over(
      "data",
      HOSTILE_DATA_VALUES.map(([value, outcome]) => [`{"value":${value}}`, outcome]),
    ),
    ...overall("data", "value_required", ["{}", `{"Value":"a"}`, `{"__proto__":{"value":"${MARKER}"}}`]),
    { name: "no data", outcome: "value_required" },
    { name: "a value beside the data", outcome: "value_required", members: { value: `"${MARKER}"` } },
    { name: "a property that every object has", outcome: "value_required", members: { ...inherited, data: "{}" } },
    {
      name: "a property that hides one of every object",
      outcome: "accepted",
      members: { ...inherited, data: `{"${UNIQUE_METERS.property}":"a"}` },
    },
  ];
}

/** Hostile CloudEvents that only JSON can write. */
export function listStructuredAttacks(nowMs: number): Attack[] {
  return [
    ...NO_EVENTS,
    ...listCloudAttacks(nowMs),
    ...overall("specversion", "invalid_field", ["1", "1.0", "null"]),
    ...overall("datacontenttype", "invalid_field", [`"text/plain"`, "7", `"application/json${MARKER}"`]),
    ...overall("data_base64", "invalid_field", [`"e30="`, "{}", "null"]),
    ...overall("__proto__", "accepted", [`{"subject":"${TENANTS.victim}"}`]),
  ];
}
