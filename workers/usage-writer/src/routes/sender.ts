import { configuredSecrets, matchSecret, parseBearer } from "@prego/core/auth";
import type { AppEnv } from "@prego/core/http";
import { ProblemError } from "@prego/core/problem";
import type { Context, MiddlewareHandler } from "hono";
import type { Env } from "../env.ts";

/** Whether anyone may send usage: no secret is set. */
export const isIngestOpen = (env: Env): boolean => configuredSecrets(sendersSecret(env)).length === 0;

/** Lets senders in: `Authorization: Bearer <USE_WRITER_SECRET>`, or anyone if no secret is set. */
export const senderOnly = (): MiddlewareHandler<AppEnv<Env>> => (c, next) =>
  isIngestOpen(c.env) ? next() : authenticateSender(c).then(next);

async function authenticateSender(c: Context<AppEnv<Env>>): Promise<void> {
  const token = parseBearer(c.req.header("authorization"));
  const keyId = token === undefined ? undefined : await matchSecret(token, sendersSecret(c.env));
  if (keyId === undefined) throw new ProblemError("unauthorized", { headers: { "www-authenticate": "Bearer" } });
  c.set("actor", `sender:${keyId}`);
}

const sendersSecret = (env: Env) => ({ current: env.USE_WRITER_SECRET, previous: env.USE_WRITER_SECRET_PREVIOUS });
