import { z } from "zod";
import { RETURN_URL_CHARS_MAX } from "../intake-limits.ts";
import { WISH_SHAPE } from "./onboarding.ts";

const ReturnUrl = z.string().max(RETURN_URL_CHARS_MAX).optional().describe("https, on the base domain or below it");

/** Body of `POST /v1/checkout`. */
export const CheckoutForm = z.strictObject({ ...WISH_SHAPE, success_url: ReturnUrl, cancel_url: ReturnUrl });
export type CheckoutForm = z.infer<typeof CheckoutForm>;

/**
 * Whether payers may be sent to an address: only to the base domain and below it, for anyone may ask for a checkout and
 * Stripe's page lends its good name to wherever it leads. Plain http is for local hosts.
 */
export function isReturnUrl(text: string, baseDomain: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return false;
  const { hostname } = url;
  const isLocal = hostname === "localhost" || hostname.endsWith(".localhost");
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLocal)) return false;
  return hostname === baseDomain || hostname.endsWith(`.${baseDomain}`);
}

/** What the webhook needs to make the tenant; the names are its contract. */
export function metadataOf(form: CheckoutForm, traceId: string): Record<string, string> {
  const { slug, plan, region, name } = form;
  return { slug, plan, region, trace_id: traceId, ...(name === undefined ? {} : { name }) };
}
