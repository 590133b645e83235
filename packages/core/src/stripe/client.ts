import Stripe from "stripe";
import { OUTBOUND_TIMEOUT_MS } from "../limits.ts";

/** The API version whose shapes this code was checked against. */
export const STRIPE_API_VERSION = "2026-10-28.endive";

/** Settings of the Stripe client; `apiBase` is `https://api.stripe.com` in production. */
export interface StripeSettings {
  secretKey: string;
  apiBase?: string | undefined;
  /** Outbound fetch; tests put faults here. */
  fetch?: typeof fetch | undefined;
}

/**
 * Makes the real Stripe client on fetch. It never retries by itself: a retry is decided by the outbox,
 * which knows how old the idempotency key is.
 */
export function createStripeClient(settings: StripeSettings): Stripe {
  const base = new URL(settings.apiBase ?? "https://api.stripe.com");
  const protocol = base.protocol === "http:" ? "http" : "https";
  return new Stripe(settings.secretKey, {
    apiVersion: STRIPE_API_VERSION,
    httpClient: Stripe.createFetchHttpClient(settings.fetch),
    host: base.hostname,
    port: base.port === "" ? (protocol === "http" ? 80 : 443) : base.port,
    protocol,
    maxNetworkRetries: 0,
    timeout: OUTBOUND_TIMEOUT_MS,
    telemetry: false,
  });
}
