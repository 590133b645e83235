import type { StripeCall } from "./api.ts";
import { decodeForm, type FormObject, type FormValue } from "./form-decoder.ts";
import { Params } from "./params.ts";
import { createInvalidRequest } from "./stripe-failure.ts";

export interface ReceivedCall extends StripeCall {
  readonly method: string;
  readonly requestId: string;
  /** The Idempotency-Key of a POST; other methods ignore it. */
  readonly key: string | null;
  readonly fingerprint: string;
}

export function checkSecretKey(request: Request, accepted: readonly string[] | undefined): void {
  const header = request.headers.get("authorization") ?? "";
  const key = /^Bearer (\S+)$/.exec(header)?.[1];
  if (key === undefined) {
    throw createInvalidRequest({
      status: 401,
      message:
        "You did not provide an API key. You need to provide your API key in the Authorization header, using " +
        "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
    });
  }
  const isKnown = accepted === undefined ? key.startsWith("sk_test_") : accepted.includes(key);
  if (!isKnown) {
    throw createInvalidRequest({ status: 401, message: `Invalid API Key provided: ${maskKey(key)}` });
  }
}

export async function readCall(
  request: Request,
  named: { readonly id: string; readonly requestId: string },
): Promise<ReceivedCall> {
  const url = new URL(request.url);
  const values = request.method === "POST" ? await readBody(request) : decodeForm(url.search.slice(1));
  const fingerprint = [request.method, url.pathname, writeCanonical(values)].join("\n");
  return {
    id: named.id,
    requestId: named.requestId,
    method: request.method,
    path: url.pathname,
    params: new Params(values),
    key: request.method === "POST" ? request.headers.get("idempotency-key") : null,
    fingerprint,
  };
}

async function readBody(request: Request): Promise<FormObject> {
  const text = await request.text();
  const type = request.headers.get("content-type") ?? "";
  if (text === "") return decodeForm("");
  if (!type.startsWith("application/x-www-form-urlencoded")) {
    throw createInvalidRequest({
      message:
        "Invalid request (check that your POST content type is application/x-www-form-urlencoded). " +
        "If you have any questions, we can help at https://support.stripe.com/.",
    });
  }
  return decodeForm(text);
}

/** Two bodies with the same parameters in another order are the same request. */
function writeCanonical(value: FormValue): string {
  if (typeof value === "string") return JSON.stringify(value);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${writeCanonical(item)}`).join(",")}}`;
}

function maskKey(key: string): string {
  return `${key.slice(0, 8)}${"*".repeat(Math.min(12, Math.max(0, key.length - 8)))}`;
}
