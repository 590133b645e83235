import Stripe from "stripe";
import { describe, expect, it } from "vitest";
import type { RotatingSecret } from "../auth.ts";
import { verifyStripeWebhook, type WebhookRefusal } from "./signature.ts";

const NOW_SECONDS = 1_795_000_000;
const SECRET = "whsec_current";
const PREVIOUS = "whsec_previous";
const EVENT = '{"id":"evt_1","object":"event","type":"invoice.paid","created":1795000000}';
const THIN =
  '{"id":"evt_2","object":"v2.core.event","type":"v1.billing.meter.no_meter_found","created":"2026-11-18T02:26:40.000Z"}';

const encoder = new TextEncoder();
const cryptoProvider = Stripe.createSubtleCryptoProvider();

/** A header as Stripe would send it, made by the SDK. */
const sign = (options: { payload?: string; secret?: string; t?: number; scheme?: string } = {}): Promise<string> =>
  Stripe.webhooks.generateTestHeaderStringAsync({
    payload: options.payload ?? EVENT,
    secret: options.secret ?? SECRET,
    timestamp: options.t ?? NOW_SECONDS,
    scheme: options.scheme ?? "v1",
    cryptoProvider,
  });

/** The `v1` hex digits alone. */
const digits = async (options: Parameters<typeof sign>[0] = {}): Promise<string> =>
  (await sign(options)).split("=").at(-1) ?? "";

interface Vector {
  title: string;
  header: () => Promise<string | null> | string | null;
  body?: string | Uint8Array;
  secret?: RotatingSecret;
  nowSeconds?: number;
  expected: WebhookRefusal | "ok";
}

const zeros = "0".repeat(64);
const both: RotatingSecret = { current: SECRET, previous: PREVIOUS };
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const t = NOW_SECONDS;

/** The SDK signs what its decoder makes of the bytes, so a valid signature exists for a body we must not take. */
const signDecoded = (body: Uint8Array): Promise<string> => sign({ payload: new TextDecoder("utf8").decode(body) });
const withBom = Uint8Array.from([0xef, 0xbb, 0xbf, ...encoder.encode(EVENT)]);
const brokenUtf8 = Uint8Array.from([...encoder.encode('{"id":"evt_1","object":"event","x":"'), 0xff, 0x22, 0x7d]);

const ACCEPTED: Vector[] = [
  { title: "a snapshot event", header: () => sign(), expected: "ok" },
  { title: "a thin event", header: () => sign({ payload: THIN }), body: THIN, expected: "ok" },
  {
    title: "a thin event under the previous secret",
    header: () => sign({ payload: THIN, secret: PREVIOUS }),
    body: THIN,
    secret: both,
    expected: "ok",
  },
  {
    title: "the previous secret while it is rotated out",
    header: () => sign({ secret: PREVIOUS }),
    secret: both,
    expected: "ok",
  },
  { title: "the current secret beside a previous one", header: () => sign(), secret: both, expected: "ok" },
  {
    title: "a blank previous secret beside the current one",
    header: () => sign(),
    secret: { current: SECRET, previous: " " },
    expected: "ok",
  },
  { title: "exactly 300 s ago", header: () => sign({ t: t - 300 }), expected: "ok" },
  { title: "exactly 300 s ahead", header: () => sign({ t: t + 300 }), expected: "ok" },
  { title: "a scheme of the past beside v1", header: async () => `${await sign()},v0=${zeros}`, expected: "ok" },
  { title: "an unknown scheme before v1", header: async () => `t=${t},v9=abc,v1=${await digits()}`, expected: "ok" },
  { title: "v1 before t", header: async () => `v1=${await digits()},t=${t}`, expected: "ok" },
  {
    title: "a wrong v1 before the right one",
    header: async () => `t=${t},v1=${zeros},v1=${await digits()}`,
    expected: "ok",
  },
  { title: "a wrong v1 after the right one", header: async () => `${await sign()},v1=${zeros}`, expected: "ok" },
  {
    title: "the right one as the fifth",
    header: async () => `t=${t},${`v1=${zeros},`.repeat(4)}v1=${await digits()}`,
    expected: "ok",
  },
  {
    title: "both secrets' signatures in one header",
    header: async () => `${await sign()},v1=${await digits({ secret: PREVIOUS })}`,
    secret: { current: PREVIOUS },
    expected: "ok",
  },
  {
    title: "a body with characters beyond ASCII",
    header: () => sign({ payload: '{"object":"event","n":"Zoë 🚀"}' }),
    body: '{"object":"event","n":"Zoë 🚀"}',
    expected: "ok",
  },
  {
    title: "a body with a newline at the end",
    header: () => sign({ payload: `${EVENT}\n` }),
    body: `${EVENT}\n`,
    expected: "ok",
  },
  {
    title: "JSON that is no event, which is for the caller to refuse",
    header: () => sign({ payload: "[]" }),
    body: "[]",
    expected: "ok",
  },
];

const SECRETS_AND_TIME: Vector[] = [
  { title: "no secret at all", header: () => sign(), secret: { current: undefined }, expected: "secret_missing" },
  { title: "an empty secret", header: () => sign(), secret: { current: "" }, expected: "secret_missing" },
  { title: "a blank secret", header: () => sign(), secret: { current: " \t\n" }, expected: "secret_missing" },
  {
    title: "a blank secret, signed with it",
    header: () => sign({ secret: " " }),
    secret: { current: " " },
    expected: "secret_missing",
  },
  {
    title: "only a previous secret",
    header: () => sign({ secret: PREVIOUS }),
    secret: { current: undefined, previous: PREVIOUS },
    expected: "secret_missing",
  },
  {
    title: "a previous secret that was withdrawn",
    header: () => sign({ secret: PREVIOUS }),
    expected: "signature_mismatch",
  },
  {
    title: "another account's secret",
    header: () => sign({ secret: "whsec_other" }),
    secret: both,
    expected: "signature_mismatch",
  },
  {
    title: "a secret that only begins alike",
    header: () => sign({ secret: `${SECRET}x` }),
    expected: "signature_mismatch",
  },
  {
    title: "the word undefined as the secret",
    header: () => sign({ secret: "undefined" }),
    expected: "signature_mismatch",
  },
  { title: "301 s ago", header: () => sign({ t: t - 301 }), expected: "timestamp_too_old" },
  { title: "an hour ago", header: () => sign({ t: t - 3_600 }), expected: "timestamp_too_old" },
  { title: "a year ago", header: () => sign({ t: t - 31_536_000 }), expected: "timestamp_too_old" },
  { title: "second 1 of the epoch", header: () => sign({ t: 1 }), expected: "timestamp_too_old" },
  { title: "301 s ahead", header: () => sign({ t: t + 301 }), expected: "timestamp_in_future" },
  { title: "a day ahead", header: () => sign({ t: t + 86_400 }), expected: "timestamp_in_future" },
  { title: "a year 12 digits allow", header: () => sign({ t: 999_999_999_999 }), expected: "timestamp_in_future" },
  {
    title: "a fresh signature replayed 301 s later",
    header: () => sign(),
    nowSeconds: t + 301,
    expected: "timestamp_too_old",
  },
  { title: "milliseconds for seconds", header: () => sign({ t: t * 1_000 }), expected: "header_malformed" },
];

const HEADERS: Vector[] = [
  { title: "no header", header: () => null, expected: "header_missing" },
  { title: "an empty header", header: () => "", expected: "header_missing" },
  { title: "no t", header: async () => `v1=${await digits()}`, expected: "header_malformed" },
  { title: "an empty t", header: async () => `t=,v1=${await digits()}`, expected: "header_malformed" },
  {
    title: "two t, the last one right",
    header: async () => `t=1,t=${t},v1=${await digits()}`,
    expected: "header_malformed",
  },
  { title: "two equal t", header: async () => `t=${t},t=${t},v1=${await digits()}`, expected: "header_malformed" },
  {
    title: "letters after the digits of t",
    header: async () => `t=${t}abc,v1=${await digits()}`,
    expected: "header_malformed",
  },
  { title: "a negative t", header: async () => `t=-${t},v1=${await digits()}`, expected: "header_malformed" },
  { title: "a t with a plus", header: async () => `t=+${t},v1=${await digits()}`, expected: "header_malformed" },
  { title: "a t with an exponent", header: async () => `t=1e9,v1=${await digits()}`, expected: "header_malformed" },
  { title: "a t with a fraction", header: async () => `t=${t}.0,v1=${await digits()}`, expected: "header_malformed" },
  { title: "a hexadecimal t", header: async () => `t=0x6afd,v1=${await digits()}`, expected: "header_malformed" },
  { title: "a t of 13 digits", header: async () => `t=000${t},v1=${await digits()}`, expected: "header_malformed" },
  { title: "a space before v1", header: async () => `t=${t}, v1=${await digits()}`, expected: "header_malformed" },
  { title: "a space before t", header: async () => ` t=${t},v1=${await digits()}`, expected: "header_malformed" },
  {
    title: "a space after the signature",
    header: async () => `t=${t},v1=${await digits()} `,
    expected: "header_malformed",
  },
  { title: "a space in t", header: async () => `t= ${t},v1=${await digits()}`, expected: "header_malformed" },
  { title: "semicolons for commas", header: async () => `t=${t};v1=${await digits()}`, expected: "header_malformed" },
  {
    title: "an item without a value",
    header: async () => `t=${t},v1,v1=${await digits()}`,
    expected: "header_malformed",
  },
  { title: "an empty item", header: async () => `t=${t},,v1=${await digits()}`, expected: "header_malformed" },
  { title: "a comma at the end", header: async () => `${await sign()},`, expected: "header_malformed" },
  { title: "JSON for a header", header: () => '{"t":1}', expected: "header_malformed" },
  { title: "t alone", header: () => `t=${t}`, expected: "signature_missing" },
  { title: "v0 only", header: () => sign({ scheme: "v0" }), expected: "signature_missing" },
  { title: "v2 only", header: () => sign({ scheme: "v2" }), expected: "signature_missing" },
  { title: "V1 in capitals", header: () => sign({ scheme: "V1" }), expected: "signature_missing" },
  {
    title: "six signatures, the first right",
    header: async () => `${await sign()}${`,v1=${zeros}`.repeat(5)}`,
    expected: "too_many_signatures",
  },
  {
    title: "six signatures, the last right",
    header: async () => `t=${t}${`,v1=${zeros}`.repeat(5)},v1=${await digits()}`,
    expected: "too_many_signatures",
  },
  {
    title: "10,000 signatures",
    header: async () => `${await sign()}${`,v1=${zeros}`.repeat(10_000)}`,
    expected: "header_malformed",
  },
];

const SIGNATURES_AND_BODIES: Vector[] = [
  {
    title: "upper-case hex",
    header: async () => `t=${t},v1=${(await digits()).toUpperCase()}`,
    expected: "header_malformed",
  },
  {
    title: "a signature cut by one digit",
    header: async () => (await sign()).slice(0, -1),
    expected: "header_malformed",
  },
  { title: "a signature one digit longer", header: async () => `${await sign()}0`, expected: "header_malformed" },
  { title: "an empty signature", header: () => `t=${t},v1=`, expected: "header_malformed" },
  { title: "64 characters that are no hex", header: () => `t=${t},v1=${"g".repeat(64)}`, expected: "header_malformed" },
  { title: "zeros", header: () => `t=${t},v1=${zeros}`, expected: "signature_mismatch" },
  {
    title: "reversed digits",
    header: async () => `t=${t},v1=${(await digits()).split("").toReversed().join("")}`,
    expected: "signature_mismatch",
  },
  {
    title: "one second moved after signing",
    header: async () => `t=${t + 1},v1=${await digits()}`,
    expected: "signature_mismatch",
  },
  {
    title: "a leading zero on t after signing, which signs as the number",
    header: async () => `t=0${t},v1=${await digits()}`,
    expected: "ok",
  },
  { title: "the signature of another body", header: () => sign({ payload: "{}" }), expected: "signature_mismatch" },
  { title: "a body with one character more", header: () => sign(), body: `${EVENT} `, expected: "signature_mismatch" },
  { title: "a truncated body", header: () => sign(), body: EVENT.slice(0, -1), expected: "signature_mismatch" },
  {
    title: "a reformatted body",
    header: () => sign(),
    body: JSON.stringify(JSON.parse(EVENT), null, 2),
    expected: "signature_mismatch",
  },
  { title: "an empty body", header: () => sign({ payload: "" }), body: "", expected: "signature_mismatch" },
  {
    title: "a body that is no JSON, rightly signed",
    header: () => sign({ payload: "id=evt_1" }),
    body: "id=evt_1",
    expected: "body_not_json",
  },
  {
    title: "JSON cut short, rightly signed",
    header: () => sign({ payload: '{"id":' }),
    body: '{"id":',
    expected: "body_not_json",
  },
  { title: "a byte order mark", header: () => signDecoded(withBom), body: withBom, expected: "body_not_utf8" },
  { title: "invalid UTF-8", header: () => signDecoded(brokenUtf8), body: brokenUtf8, expected: "body_not_utf8" },
  {
    title: "UTF-16",
    header: () => signDecoded(bytes(0xff, 0xfe, 0x7b, 0x00)),
    body: bytes(0xff, 0xfe, 0x7b, 0x00),
    expected: "body_not_utf8",
  },
  {
    title: "a lone continuation byte",
    header: () => signDecoded(bytes(0x80)),
    body: bytes(0x80),
    expected: "body_not_utf8",
  },
];

async function judge({ header, body, secret, nowSeconds }: Vector): Promise<Vector["expected"]> {
  const raw = body ?? EVENT;
  const verified = await verifyStripeWebhook({
    rawBody: typeof raw === "string" ? encoder.encode(raw) : raw,
    header: await header(),
    secret: secret ?? { current: SECRET },
    nowMs: (nowSeconds ?? NOW_SECONDS) * 1_000 + 999,
  });
  return verified.ok ? "ok" : verified.reason;
}

const titled = (vectors: Vector[]) => vectors.map((vector) => [vector.title, vector] as const);

describe("verifyStripeWebhook", () => {
  it.each(titled(ACCEPTED))("accepts %s", async (_, vector) => {
    expect(await judge(vector)).toBe("ok");
  });

  it.each(titled(SECRETS_AND_TIME))("refuses %s", async (_, vector) => {
    expect(await judge(vector)).toBe(vector.expected);
  });

  it.each(titled(HEADERS))("refuses a header with %s", async (_, vector) => {
    expect(await judge(vector)).toBe(vector.expected);
  });

  it.each(titled(SIGNATURES_AND_BODIES))("judges %s", async (_, vector) => {
    expect(await judge(vector)).toBe(vector.expected);
  });

  it("is tried with at least 60 vectors", () => {
    const vectors = [...ACCEPTED, ...SECRETS_AND_TIME, ...HEADERS, ...SIGNATURES_AND_BODIES];
    expect(new Set(vectors.map(({ title }) => title)).size).toBeGreaterThanOrEqual(60);
  });

  it("hands out what was signed: with a key twice, the last one, from one reading", async () => {
    const payload = '{"object":"event","id":"evt_A","id":"evt_B"}';
    const verified = await verifyStripeWebhook({
      rawBody: encoder.encode(payload),
      header: await sign({ payload }),
      secret: { current: SECRET },
      nowMs: NOW_SECONDS * 1_000,
    });
    expect(verified).toEqual({ ok: true, event: { object: "event", id: "evt_B" } });
  });
});
