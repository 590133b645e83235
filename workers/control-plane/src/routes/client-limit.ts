import type { AppEnv } from "@prego/core/http";
import { ProblemError } from "@prego/core/problem";
import type { MiddlewareHandler } from "hono";
import { clientOfAddress, createClientLimit } from "../domain/client-limit.ts";
import type { Env } from "../env.ts";
import { RATE_LIMIT_CLIENTS_MAX } from "../intake-limits.ts";

/** Slows each client address down with 429; the memory belongs to one app. */
export function limitClients(allowance: { burst: number; refillMs: number }): MiddlewareHandler<AppEnv<Env>> {
  const take = createClientLimit({ ...allowance, clientsMax: RATE_LIMIT_CLIENTS_MAX });
  return async (c, next) => {
    const waitSeconds = take(clientOfAddress(c.req.header("cf-connecting-ip")), c.get("runtime").now());
    if (waitSeconds !== undefined) {
      throw new ProblemError("rate_limited", { headers: { "retry-after": String(waitSeconds) } });
    }
    await next();
  };
}
