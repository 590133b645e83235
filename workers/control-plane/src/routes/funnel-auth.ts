import {
  configuredSecrets,
  equalsInConstantTime,
  hmacSha256Hex,
  matchSecret,
  parseBearer,
  type RotatingSecret,
} from "@prego/core/auth";
import type { AppEnv } from "@prego/core/http";
import { ProblemError } from "@prego/core/problem";
import type { Context, MiddlewareHandler } from "hono";
import type { Env } from "../env.ts";
import { FUNNEL_SIGNATURE_TOLERANCE_SECONDS } from "../intake-limits.ts";

const SIGNATURE_PATTERN = /^[0-9a-f]{64}$/;
const TIMESTAMP_PATTERN = /^[1-9][0-9]{0,11}$/;

export const funnelSecretOf = ({ FUNNEL_SECRET, FUNNEL_SECRET_PREVIOUS }: Env): RotatingSecret => ({
  current: FUNNEL_SECRET,
  previous: FUNNEL_SECRET_PREVIOUS,
});

/** The secret that keys new fingerprints; undefined while it is unset or blank. */
export const findFunnelKey = ({ FUNNEL_SECRET: current }: Env): string | undefined => configuredSecrets({ current })[0];

/** The same, for routes that cannot do without. */
export function requireFunnelKey(env: Env): string {
  const key = findFunnelKey(env);
  if (key === undefined) throw new ProblemError("not_configured", { detail: "The funnel secret is not configured." });
  return key;
}

/** Refuses a request without credentials before its body is read: a wrong bearer, or neither bearer nor signature. */
export const refuseStrangers: MiddlewareHandler<AppEnv<Env>> = async (c, next) => {
  requireFunnelKey(c.env);
  const header = c.req.header("authorization");
  if (header === undefined) {
    if (readSignature(c) === undefined) throw unauthorized();
  } else if ((await matchSecret(parseBearer(header) ?? "", funnelSecretOf(c.env))) === undefined) {
    throw unauthorized();
  }
  await next();
};

/** Checks the signature of a request that came without a bearer: HMAC-SHA-256 over time and body, a few minutes old. */
export const verifySignature: MiddlewareHandler<AppEnv<Env>> = async (c, next) => {
  if (c.req.header("authorization") === undefined && !(await isSigned(c))) throw unauthorized();
  await next();
};

async function isSigned(c: Context<AppEnv<Env>>): Promise<boolean> {
  const signed = readSignature(c);
  if (signed === undefined) return false;
  const skewSeconds = Math.abs(c.get("runtime").now() / 1_000 - Number(signed.timestamp));
  if (skewSeconds > FUNNEL_SIGNATURE_TOLERANCE_SECONDS) return false;
  const text = `${signed.timestamp}.${await c.req.text()}`;
  let isValid = false;
  for (const secret of configuredSecrets(funnelSecretOf(c.env))) {
    if (await equalsInConstantTime(signed.signature, await hmacSha256Hex(secret, text))) isValid = true;
  }
  return isValid;
}

function readSignature(c: Context<AppEnv<Env>>): { timestamp: string; signature: string } | undefined {
  const timestamp = c.req.header("x-funnel-timestamp") ?? "";
  const signature = c.req.header("x-funnel-signature") ?? "";
  return TIMESTAMP_PATTERN.test(timestamp) && SIGNATURE_PATTERN.test(signature) ? { timestamp, signature } : undefined;
}

const unauthorized = (): ProblemError =>
  new ProblemError("unauthorized", { headers: { "www-authenticate": "Bearer" } });
