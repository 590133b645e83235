import {
  type Attack,
  listCloudAttacks,
  listNativeAttacks,
  listStructuredAttacks,
  type Members,
} from "./hostile-attacks.ts";
import { MARKER, TENANTS } from "./hostile-values.ts";

/** A request that carries one hostile event. */
export interface HostileRequest {
  path: string;
  body: string;
  headers: Record<string, string>;
}

/** One way to send events; a listed one has good events before and behind the hostile one. */
export interface Form {
  name: string;
  listed: boolean;
  path: string;
  headers: Record<string, string>;
  attacks: readonly Attack[];
  /** The request of events given as JSON texts. */
  wrap: (events: readonly string[]) => string;
  member: { tenant: string; meter: string };
}

const NATIVE = { path: "/usage", member: { tenant: "tenant_id", meter: "meter_key" } };
const CLOUD = { path: "/api/v1/events", member: { tenant: "subject", meter: "type" } };
const array = (events: readonly string[]): string => `[${events.join(",")}]`;
const type = (name: string) => ({ "content-type": name });

/** Every form but the binary one. */
export function listForms(nowMs: number): Form[] {
  const native = { ...NATIVE, attacks: listNativeAttacks(nowMs) };
  const cloud = { ...CLOUD, attacks: listStructuredAttacks(nowMs) };
  const one = (events: readonly string[]): string => events.join("");
  const lines = (events: readonly string[]): string => events.join("\n");
  return [
    { ...native, name: "single", listed: false, headers: type("application/json"), wrap: one },
    { ...native, name: "array", listed: true, headers: type("application/json; charset=utf-8"), wrap: array },
    { ...native, name: "NDJSON", listed: true, headers: type("application/x-ndjson"), wrap: lines },
    { ...cloud, name: "structured", listed: false, headers: type("application/cloudevents+json"), wrap: one },
    { ...cloud, name: "batch", listed: true, headers: type("application/cloudevents-batch+json"), wrap: array },
  ];
}

/** The text of an event: a good one of this id, with the hostile members over it. */
export function eventText({ member, path }: Form, id: string, source: string, members: Members = {}): string {
  const good: Members = {
    [member.tenant]: JSON.stringify(TENANTS.own),
    [member.meter]: `"api_requests"`,
    id: JSON.stringify(id),
    source: JSON.stringify(source),
    ...(path === CLOUD.path ? { specversion: `"1.0"` } : {}),
  };
  return writeObject({ ...good, ...members });
}

const writeObject = (members: Members): string =>
  `{${Object.entries(members)
    .flatMap(([name, value]) => (value === undefined ? [] : [`"${name}":${value}`]))
    .join(",")}}`;

const BINARY_ONLY: readonly Attack[] = [
  ...["%ff", "%", "%zz", "%0a", "%00", "%e2%80%a8", "%ed%a0%80"].map((raw): Attack => ({
    name: `an id header ${raw}`,
    outcome: "invalid_field",
    text: raw,
  })),
  { name: `an id header "a\\"b"`, outcome: "accepted", text: `"a\\"b"` },
];

/** Hostile events in binary mode: those that headers can carry, and some that only headers can. */
export function listBinaryAttacks(nowMs: number): Attack[] {
  const representable = listCloudAttacks(nowMs).filter(({ members = {} }) =>
    Object.entries(members).every(
      ([name, value]) => name === "data" || value === undefined || asHeader(value) !== undefined,
    ),
  );
  return [...representable, ...BINARY_ONLY];
}

/** The binary request of an attack; its `text` is the raw `ce-id` header. */
export function binaryRequest({ members = {}, text }: Attack, id: string): HostileRequest {
  const { data = "", ...attributes } = {
    subject: `"${TENANTS.own}"`,
    type: `"api_requests"`,
    id: `"${id}"`,
    ...members,
  };
  const all: Members = { specversion: `"1.0"`, source: `"binary"`, ...attributes };
  const headers: Record<string, string> = type("application/json");
  for (const [name, value] of Object.entries(all)) {
    if (value !== undefined) headers[`ce-${name}`] = asHeader(value) ?? "";
  }
  if (text !== undefined) headers["ce-id"] = text;
  return { path: CLOUD.path, body: data, headers: { ...headers, "x-tenant-id": TENANTS.victim, "x-note": MARKER } };
}

/** A JSON text as the CloudEvents binding writes it into a header; undefined if it is no well-formed text. */
function asHeader(value: string): string | undefined {
  const text: unknown = value.startsWith(`"`) ? JSON.parse(value) : undefined;
  if (typeof text !== "string" || !text.isWellFormed()) return undefined;
  return text.replaceAll(/[^\x21\x23\x24\x26-\x7e]/gu, (character) =>
    Array.from(new TextEncoder().encode(character), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
  );
}
