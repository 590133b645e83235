import { isConfigured, matchSecret, nodeToken, parseBearer } from "@prego/core/auth";
import { type AppEnv, jsonBody } from "@prego/core/http";
import { METRICS_BODY_BYTES_MAX } from "@prego/core/limits";
import { type FieldError, ProblemError } from "@prego/core/problem";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { describeRoute, resolver } from "hono-openapi";
import { z } from "zod";
import { createDeps } from "../deps.ts";
import { isTimely, MetricsReport, NodeId, readReport, SAMPLES_PER_REPORT_MAX } from "../domain/metrics-report.ts";
import type { MetricsSample } from "../domain/metrics-sample.ts";
import { findExportedNode, isOtlpExport, OtlpExport, readExport } from "../domain/otlp-metrics.ts";
import { type Env, readNodeSecret } from "../env.ts";
import { recordMetrics } from "../record-metrics.ts";

const MetricsReceipt = z.strictObject({ accepted: z.int(), duplicates: z.int() });

export function metricsRoutes(): Hono<AppEnv<Env>> {
  const app = new Hono<AppEnv<Env>>();
  app.post("/metrics", documentation, requireBearer, ...jsonBody(METRICS_BODY_BYTES_MAX), async (c) => {
    const body = await readObject(c);
    const nodeId = readNodeId(body);
    await authenticateNode(c, nodeId);
    const samples = readSamples(body, c.get("runtime").now());
    const deps = createDeps(c.env, c.get("runtime"));
    return c.json(await recordMetrics(deps, { nodeId, samples, traceId: c.get("traceId") }), 202);
  });
  return app;
}

const documentation = describeRoute({
  summary: "Report metrics of a node, as samples or as an OTLP/HTTP JSON export",
  security: [{ bearer: [] }],
  requestBody: {
    required: true,
    content: {
      "application/json": {
        schema: z.toJSONSchema(z.union([MetricsReport, OtlpExport]), { io: "input" }) as object,
      },
    },
  },
  responses: {
    202: { description: "Recorded", content: { "application/json": { schema: resolver(MetricsReceipt) } } },
  },
});

/** A request without any token is refused before its body is read. */
const requireBearer: MiddlewareHandler<AppEnv<Env>> = async (c, next) => {
  if (!isConfigured(readNodeSecret(c.env))) {
    throw new ProblemError("not_configured", { detail: "Node authentication is not configured." });
  }
  if (parseBearer(c.req.header("authorization")) === undefined) throw unauthorized();
  await next();
};

/** The token belongs to one node, so its id is read before anything else of the body is looked at. */
async function authenticateNode(c: Context<AppEnv<Env>>, nodeId: string): Promise<void> {
  const { current, previous } = readNodeSecret(c.env);
  const tokenFor = async (secret: string | undefined) => (secret?.trim() ? nodeToken(secret, nodeId) : undefined);
  const expected = { current: await tokenFor(current), previous: await tokenFor(previous) };
  const token = parseBearer(c.req.header("authorization")) ?? "";
  if ((await matchSecret(token, expected)) === undefined) throw unauthorized();
  c.set("actor", `node:${nodeId}`);
}

const unauthorized = () => new ProblemError("unauthorized", { headers: { "www-authenticate": "Bearer" } });

async function readObject(c: Context<AppEnv<Env>>): Promise<object> {
  const encoding = c.req.header("content-encoding") ?? "identity";
  if (encoding !== "identity") throw new ProblemError("unsupported_media_type", { detail: "Send it uncompressed." });
  const body = await c.req.json<unknown>().catch((error: unknown) => {
    if (error instanceof SyntaxError) throw new ProblemError("malformed_request", { detail: "Expected JSON." });
    throw error;
  });
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalid([{ pointer: "", message: "Expected an object" }]);
  }
  return body;
}

function readNodeId(body: object): string {
  const stated = isOtlpExport(body)
    ? findExportedNode(parse(OtlpExport, body))
    : (body as { node_id?: unknown }).node_id;
  const nodeId = NodeId.safeParse(stated);
  if (nodeId.success) return nodeId.data;
  const pointer = isOtlpExport(body) ? "/resourceMetrics" : "/node_id";
  throw invalid([{ pointer, message: "Expected the id of one node" }]);
}

function readSamples(body: object, nowMs: number): MetricsSample[] {
  const isOtlp = isOtlpExport(body);
  const samples = isOtlp ? readExport(parse(OtlpExport, body)) : readReport(parse(MetricsReport, body));
  if (samples === undefined) {
    throw invalid([{ pointer: "/resourceMetrics", message: "Expected utilizations between 0 and 1" }]);
  }
  if (samples.length === 0 || samples.length > SAMPLES_PER_REPORT_MAX) {
    throw invalid([{ pointer: "/resourceMetrics", message: `Expected 1 to ${SAMPLES_PER_REPORT_MAX} samples` }]);
  }
  const errors = samples.flatMap((sample, index) => {
    const pointer = isOtlp ? "/resourceMetrics" : `/samples/${index}/ts`;
    return isTimely(sample, nowMs) ? [] : [{ pointer, message: "Expected a time of the last hour" }];
  });
  if (errors.length > 0) throw invalid(errors);
  return samples;
}

function parse<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw invalid(
    result.error.issues.map(({ path, message, code }) => ({
      pointer: path.map((part) => `/${String(part)}`).join(""),
      message: code === "unrecognized_keys" ? "Unknown member" : message,
    })),
  );
}

const invalid = (errors: readonly FieldError[]) => new ProblemError("validation_failed", { errors });
