import Stripe from "stripe";
import { configuredSecrets, isConfigured, type RotatingSecret } from "../auth.ts";
import { WEBHOOK_SIGNATURES_MAX, WEBHOOK_TOLERANCE_SECONDS } from "../limits.ts";

/** Why a webhook was refused. */
export type WebhookRefusal =
  | "secret_missing"
  | "header_missing"
  | "header_malformed"
  | "signature_missing"
  | "too_many_signatures"
  | "timestamp_too_old"
  | "timestamp_in_future"
  | "body_not_utf8"
  | "body_not_json"
  | "signature_mismatch";

/** What {@link verifyStripeWebhook} is given. */
export interface SignedWebhook {
  /** The body as it came in; nothing may have parsed or re-encoded it. */
  rawBody: Uint8Array;
  /** Value of `stripe-signature`, null when absent. */
  header: string | null;
  /** Signing secret and the one it replaces. */
  secret: RotatingSecret;
  /** Clock in epoch milliseconds. */
  nowMs: number;
}

/** The event that was signed, or why it is refused. */
export type VerifiedWebhook = { ok: true; event: unknown } | { ok: false; reason: WebhookRefusal };

/** A timestamp, five signatures and some of other schemes; longer headers are not read. */
const HEADER_CHARS_MAX = 1_024;
const TIMESTAMP_PATTERN = /^[0-9]{1,12}$/;
const SIGNATURE_PATTERN = /^[0-9a-f]{64}$/;

/**
 * Verifies a webhook with Stripe's SDK, after checks the SDK leaves out: exactly one `t`, signatures in lower-case hex and
 * at most five, a timestamp within 300 s on both sides, a body that is UTF-8 without a byte order mark.
 * Snapshot and thin events (`v2.core.event`) are both accepted. Never throws for anything in the request.
 */
export async function verifyStripeWebhook(webhook: SignedWebhook): Promise<VerifiedWebhook> {
  if (!isConfigured(webhook.secret)) return refuse("secret_missing");
  const header = parseSignatureHeader(webhook.header);
  if (typeof header === "string") return refuse(header);

  const ageSeconds = Math.floor(webhook.nowMs / 1_000) - header.timestamp;
  if (ageSeconds > WEBHOOK_TOLERANCE_SECONDS) return refuse("timestamp_too_old");
  if (ageSeconds < -WEBHOOK_TOLERANCE_SECONDS) return refuse("timestamp_in_future");

  const body = decodeBody(webhook.rawBody);
  if (body === undefined) return refuse("body_not_utf8");
  for (const secret of configuredSecrets(webhook.secret)) {
    const verified = await verifyWithSecret({ body, header: header.canonical, secret, nowMs: webhook.nowMs });
    if (verified.ok || verified.reason !== "signature_mismatch") return verified;
  }
  return refuse("signature_mismatch");
}

const refuse = (reason: WebhookRefusal): VerifiedWebhook => ({ ok: false, reason });

/** Rewritten from its parsed parts, so that the SDK cannot read the header differently. */
function parseSignatureHeader(header: string | null): { timestamp: number; canonical: string } | WebhookRefusal {
  if (header === null || header === "") return "header_missing";
  if (header.length > HEADER_CHARS_MAX) return "header_malformed";
  const timestamps: string[] = [];
  const signatures: string[] = [];
  for (const item of header.split(",")) {
    const separator = item.indexOf("=");
    if (separator < 1) return "header_malformed";
    const [scheme, value] = [item.slice(0, separator), item.slice(separator + 1)];
    if (scheme !== scheme.trim()) return "header_malformed";
    if (scheme === "t") timestamps.push(value);
    if (scheme === "v1") signatures.push(value);
  }
  const [timestamp] = timestamps;
  if (timestamps.length !== 1 || timestamp === undefined) return "header_malformed";
  if (!TIMESTAMP_PATTERN.test(timestamp)) return "header_malformed";
  if (signatures.length === 0) return "signature_missing";
  if (signatures.length > WEBHOOK_SIGNATURES_MAX) return "too_many_signatures";
  if (!signatures.every((signature) => SIGNATURE_PATTERN.test(signature))) return "header_malformed";
  const canonical = [`t=${Number(timestamp)}`, ...signatures.map((signature) => `v1=${signature}`)].join(",");
  return { timestamp: Number(timestamp), canonical };
}

/** Fatal, and a byte order mark is refused: the SDK would verify a text that other bytes share. */
function decodeBody(rawBody: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(rawBody);
    return text.startsWith("\uFEFF") ? undefined : text;
  } catch {
    return undefined;
  }
}

interface VerifyRequest {
  body: string;
  header: string;
  secret: string;
  nowMs: number;
}

async function verifyWithSecret({ body, header, secret, nowMs }: VerifyRequest): Promise<VerifiedWebhook> {
  const provider = Stripe.createSubtleCryptoProvider();
  const given = [body, header, secret, WEBHOOK_TOLERANCE_SECONDS, provider, nowMs] as const;
  try {
    return { ok: true, event: await Stripe.webhooks.constructEventAsync(...given) };
  } catch (error) {
    if (error instanceof Stripe.errors.StripeSignatureVerificationError) return refuse("signature_mismatch");
    if (error instanceof SyntaxError) return refuse("body_not_json");
  }
  // The signature holds and the SDK refused the shape: a thin event, which has its own path.
  try {
    const client = new Stripe("sk_not_used_for_calls", { httpClient: Stripe.createFetchHttpClient() });
    return { ok: true, event: await client.parseEventNotificationAsync(...given) };
  } catch {
    return refuse("signature_mismatch");
  }
}
