import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { z } from "zod";
import { jsonBody, validate, type AppEnv } from "@prego/core/http";
import { createDeps } from "../deps.ts";
import { planCompletion, planFailure, planProgress } from "../domain/provision.ts";
import type { Env } from "../env.ts";
import { claimJob, reportOnJob } from "../run-job-callback.ts";
import { jobTokenOnly, provisionerOnly } from "./provisioner-auth.ts";

const JobParam = z.object({ job_id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/) });
const Word = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/);

const ClaimBody = z.strictObject({ run_id: Word });
const ProgressBody = z.strictObject({ stage: Word });
const Check = z.union([z.boolean(), z.number(), z.string().max(200)]);
const CompleteBody = z.strictObject({
  readiness: z
    .record(z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/), Check)
    .refine((checks) => Object.keys(checks).length <= 50, "At most 50 checks")
    .refine((checks) => !Object.values(checks).includes(false), "A check that did not pass is a failure"),
  node_id: Word.optional(),
});
const FailBody = z.strictObject({
  failure_stage: Word,
  error: z
    .string()
    .max(2_000)
    .transform((text) => text.replaceAll(/\p{Cc}+/gu, " ").slice(0, 500)),
});

const describe = (summary: string) => describeRoute({ summary, security: [{ bearer: [] }] });
const [jsonOnly, boundedBody] = jsonBody();

export const provisionRoutes = new Hono<AppEnv<Env>>()
  .post(
    "/internal/provision/:job_id/claim",
    describe("Gives a job to the first run that asks, with a token for its callbacks"),
    provisionerOnly(),
    jsonOnly,
    boundedBody,
    validate("param", JobParam),
    validate("json", ClaimBody),
    async (c) => {
      const deps = createDeps(c.env, c.get("runtime"));
      return c.json(await claimJob(deps, c.req.valid("param").job_id, c.req.valid("json").run_id));
    },
  )
  .post(
    "/internal/provision/:job_id/progress",
    describe("Reports the stage that a run has reached"),
    jobTokenOnly(),
    jsonOnly,
    boundedBody,
    validate("param", JobParam),
    validate("json", ProgressBody),
    async (c) => {
      const { stage } = c.req.valid("json");
      const report = { jobId: c.req.valid("param").job_id, actor: c.get("actor") };
      const deps = createDeps(c.env, c.get("runtime"));
      return c.json(await reportOnJob(deps, report, ({ job, actor }) => planProgress(job, { stage, actor })));
    },
  )
  .post(
    "/internal/provision/:job_id/complete",
    describe("Ends a job well, with the readiness checks that passed"),
    jobTokenOnly(),
    jsonOnly,
    boundedBody,
    validate("param", JobParam),
    validate("json", CompleteBody),
    async (c) => {
      const { readiness, node_id: nodeId } = c.req.valid("json");
      const report = { jobId: c.req.valid("param").job_id, actor: c.get("actor") };
      const deps = createDeps(c.env, c.get("runtime"));
      return c.json(await reportOnJob(deps, report, (ending) => planCompletion(ending, { readiness, nodeId })));
    },
  )
  .post(
    "/internal/provision/:job_id/fail",
    describe("Ends a job badly, with the stage that failed"),
    jobTokenOnly(),
    jsonOnly,
    boundedBody,
    validate("param", JobParam),
    validate("json", FailBody),
    async (c) => {
      const { failure_stage: failureStage, error } = c.req.valid("json");
      const report = { jobId: c.req.valid("param").job_id, actor: c.get("actor") };
      const deps = createDeps(c.env, c.get("runtime"));
      return c.json(await reportOnJob(deps, report, (ending) => planFailure(ending, { failureStage, error })));
    },
  );
