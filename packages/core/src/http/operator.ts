import type { Context, MiddlewareHandler } from "hono";
import { isConfigured, matchSecret, parseBearer } from "../auth.ts";
import { ProblemError } from "../problem.ts";
import { verifyAccessJwt } from "./access.ts";
import type { AppEnv, SharedBindings } from "./app-env.ts";

/**
 * Lets operators in: `Authorization: Bearer <INTERNAL_API_KEY>` or a Cloudflare Access JWT. Neither configured: 503.
 * Sets the actor, `operator:<key id>` or `operator:access-<fingerprint>`.
 */
export const operatorOnly =
  <B extends SharedBindings>(): MiddlewareHandler<AppEnv<B>> =>
  async (c, next) => {
    c.set("actor", await authenticateOperator(c));
    await next();
  };

async function authenticateOperator<B extends SharedBindings>(c: Context<AppEnv<B>>): Promise<string> {
  const key = { current: c.env.INTERNAL_API_KEY, previous: c.env.INTERNAL_API_KEY_PREVIOUS };
  const { ACCESS_TEAM_DOMAIN: teamDomain, ACCESS_AUD: audience } = c.env;
  const access = teamDomain && audience ? { teamDomain, audience } : undefined;
  if (!isConfigured(key) && access === undefined) {
    throw new ProblemError("not_configured", { detail: "Operator authentication is not configured." });
  }
  const token = parseBearer(c.req.header("authorization"));
  if (token !== undefined && isConfigured(key)) {
    const keyId = await matchSecret(token, key);
    if (keyId !== undefined) {
      return `operator:${keyId}`;
    }
  }
  const assertion = c.req.header("cf-access-jwt-assertion");
  if (assertion !== undefined && access !== undefined) {
    const identity = await verifyAccessJwt(assertion, access, c.get("runtime").now());
    if (identity !== undefined) {
      return `operator:access-${identity}`;
    }
  }
  throw new ProblemError("unauthorized", { headers: { "www-authenticate": "Bearer" } });
}
