import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import type { Form } from "./hostile-forms.ts";
import { MARKER, nested, TENANTS } from "./hostile-values.ts";

/** A request that is hostile as a whole, and its expected status; "accepted" is the form's own. */
export interface RequestAttack {
  name: string;
  status: number | "accepted";
  query?: string;
  headers?: Record<string, string>;
  /** Instead of the good event's body. */
  body?: () => BodyInit;
}

const BODY_BYTES_MAX = 1_048_576;

const ofAnyForm: readonly RequestAttack[] = [
  { name: "no credentials", status: 401, headers: { authorization: "" } },
  { name: "an empty token", status: 401, headers: { authorization: "Bearer " } },
  { name: "the text undefined as token", status: 401, headers: { authorization: "Bearer undefined" } },
  { name: "a wrong token", status: 401, headers: { authorization: `Bearer ${MARKER}` } },
  { name: "a token in the query", status: 401, headers: { authorization: "" }, query: "?token=local-usage-key" },
  { name: "another content type", status: 415, headers: { "content-type": `text/${MARKER}` } },
  { name: "a body of all bytes that are taken, without an event", status: 400, body: () => " ".repeat(BODY_BYTES_MAX) },
  { name: "a body of a byte too many", status: 413, body: () => " ".repeat(BODY_BYTES_MAX + 1) },
  { name: "a body without a length, above the limit", status: 413, body: () => streamOf(BODY_BYTES_MAX + 1_024) },
  {
    name: "a compressed bomb",
    status: 400,
    headers: { "content-encoding": "gzip" },
    body: () => new Uint8Array(gzipSync(new Uint8Array(16 * BODY_BYTES_MAX))),
  },
  { name: "an empty body", status: 400, body: () => "" },
  { name: "blanks", status: 400, body: () => " \r\n\n" },
  { name: "bytes that are no UTF-8", status: 400, body: () => new Uint8Array([0x22, 0xff, 0xfe, 0x22]) },
  { name: "100,000 levels", status: 400, body: () => nested(100_000) },
  { name: "another tenant in the query", status: "accepted", query: `?tenant_id=${TENANTS.victim}&subject=${MARKER}` },
  { name: "another tenant in the headers", status: "accepted", headers: { "x-tenant-id": TENANTS.victim } },
  { name: "a method in a header", status: "accepted", headers: { "x-http-method-override": "DELETE" } },
  { name: "a long trace id", status: "accepted", headers: { "x-trace-id": `trace_${"a".repeat(10_240)}` } },
  { name: "a trace id of markup", status: "accepted", headers: { "x-trace-id": `trace_<script>${MARKER}` } },
  { name: "a trace id beyond ASCII", status: "accepted", headers: { "x-trace-id": "trace_é" } },
];

const ofUsage = (form: Form): RequestAttack[] => [
  { name: "an idempotency key of 10 KB", status: 400, headers: { "idempotency-key": MARKER.repeat(853) } },
  { name: "an idempotency key beyond ASCII", status: 400, headers: { "idempotency-key": "é" } },
  {
    name: "an idempotency key like SQL",
    status: "accepted",
    headers: { "idempotency-key": `' OR 1=1 --${MARKER}${form.name}` },
  },
];

/** Hostile requests of a form. */
export function listRequestAttacks(form: Form): RequestAttack[] {
  const count = form.listed
    ? [
        { name: "no events", status: 400, body: () => form.wrap([]) },
        { name: "1,001 events", status: 413, body: () => form.wrap(Array.from({ length: 1_001 }, () => "{}")) },
      ]
    : [];
  return [...ofAnyForm, ...(form.path === "/usage" ? ofUsage(form) : []), ...count];
}

function streamOf(bytes: number): ReadableStream<Uint8Array> {
  const chunk = new TextEncoder().encode(" ".repeat(65_536));
  let left = bytes;
  return new ReadableStream({
    pull: (controller) => {
      controller.enqueue(chunk);
      left -= chunk.byteLength;
      if (left <= 0) controller.close();
    },
  });
}

/** Sends a body under a `content-length` of its own over a bare socket; returns the status line, empty if none came. */
export async function sendWithLength(url: URL, { body, length }: { body: string; length: number }): Promise<string> {
  const socket = connect(Number(url.port), url.hostname);
  const head = [
    "POST /usage HTTP/1.1",
    `host: ${url.host}`,
    "authorization: Bearer local-usage-key",
    "content-type: application/json",
    `content-length: ${length}`,
    "connection: close",
  ];
  // Half-closed: the server sees that nothing more will come.
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  let answer = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => (answer += chunk));
  await new Promise((resolve) => socket.once("close", resolve).once("error", resolve));
  return answer.split("\r\n", 1)[0] ?? "";
}
