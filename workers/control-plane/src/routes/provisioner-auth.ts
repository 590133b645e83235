import type { Context, MiddlewareHandler } from "hono";
import {
  configuredSecrets,
  equalsInConstantTime,
  isConfigured,
  jobToken,
  matchSecret,
  parseBearer,
} from "@prego/core/auth";
import type { AppEnv } from "@prego/core/http";
import { ProblemError } from "@prego/core/problem";
import { createDeps } from "../deps.ts";
import { readSettings, type Env } from "../env.ts";
import { findJob } from "../store/provision-jobs.ts";

/** Lets the provisioning workflow in: `Authorization: Bearer <PROVISIONER_SECRET>`. */
export const provisionerOnly = (): MiddlewareHandler<AppEnv<Env>> => async (c, next) => {
  const { secret, token } = readCredentials(c);
  const keyId = await matchSecret(token, secret);
  if (keyId === undefined) throw refusal();
  c.set("actor", `provisioner:${keyId}`);
  await next();
};

/** Lets the run in that claimed the job of the path, with the token it got for that. */
export const jobTokenOnly = (): MiddlewareHandler<AppEnv<Env>, "/internal/provision/:job_id"> => async (c, next) => {
  const { secret, token } = readCredentials(c);
  const jobId = c.req.param("job_id");
  const job = await findJob(createDeps(c.env, c.get("runtime")).db, jobId);
  // Also worked out for a job that nobody claimed or that does not exist: the answer is the same.
  const runId = job?.runId ?? "";
  const matches = await Promise.all(
    configuredSecrets(secret).map(async (key) => equalsInConstantTime(token, await jobToken(key, jobId, runId))),
  );
  if (runId === "" || !matches.includes(true)) throw refusal();
  c.set("actor", `provisioner:${runId}`);
  await next();
};

function readCredentials(c: Context<AppEnv<Env>>): {
  secret: ReturnType<typeof readSettings>["provisionerSecret"];
  token: string;
} {
  const { provisionerSecret: secret } = readSettings(c.env);
  if (!isConfigured(secret)) {
    throw new ProblemError("not_configured", { detail: "The provisioner secret is not configured." });
  }
  const token = parseBearer(c.req.header("authorization"));
  if (token === undefined) throw refusal();
  return { secret, token };
}

const refusal = (): ProblemError => new ProblemError("unauthorized", { headers: { "www-authenticate": "Bearer" } });
