import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { newId } from "../id.ts";
import { createLogger, describeError, type LogFields } from "../log.ts";
import { PROBLEMS, ProblemError, problemResponse, type ProblemCode } from "../problem.ts";
import { sanitizeTraceIdValue } from "../trace-id.ts";
import type { AppEnv, Runtime, SharedBindings } from "./app-env.ts";
import { allowedMethods } from "./route-table.ts";

/**
 * The Hono app that every worker starts from: request id, trace id, one log line a request, problems for every failure,
 * 404 and 405. Routes are added by the worker.
 */
export function createApp<B extends SharedBindings>(worker: string, runtime: Runtime): Hono<AppEnv<B>> {
  const log = createLogger(worker, runtime.write, runtime.now);
  const app = new Hono<AppEnv<B>>();

  app.use(async (c, next) => {
    const startedAtMs = runtime.now();
    const requestId = newId("req", startedAtMs, runtime.randomBytes(10));
    const traceId = sanitizeTraceIdValue(c.req.raw.headers.get("x-trace-id"));
    c.set("requestId", requestId);
    c.set("traceId", traceId);
    c.set("actor", "anonymous");
    c.set("runtime", runtime);
    c.set("log", log);
    await next();
    // Every answer here is one of our own, so its headers can be set; c.header would copy the answer first.
    c.res.headers.set("x-request-id", requestId);
    const { status } = c.res;
    const fields: LogFields = {
      request_id: requestId,
      trace_id: traceId,
      method: c.req.method,
      route: c.req.routePath,
      status,
      duration_ms: runtime.now() - startedAtMs,
    };
    if (c.error !== undefined && status >= 500) fields["error"] = describeError(c.error);
    log(status >= 500 ? "error" : "info", "http.request", fields);
  });

  app.onError((error, c) => problemResponse(asProblem(error), c.get("traceId")));

  app.notFound((c) => {
    const allow = allowedMethods(app.routes, c.req.path);
    const problem =
      allow.length === 0
        ? new ProblemError("not_found")
        : new ProblemError("method_not_allowed", { headers: { allow: allow.join(", ") } });
    return problemResponse(problem, c.get("traceId"));
  });
  return app;
}

function asProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) {
    return error;
  }
  if (error instanceof HTTPException && error.status < 500) {
    return new ProblemError(codeOfStatus(error.status), { cause: error });
  }
  return new ProblemError("internal", { cause: error });
}

function codeOfStatus(status: number): ProblemCode {
  const codes = Object.keys(PROBLEMS) as ProblemCode[];
  return codes.find((code) => PROBLEMS[code].status === status) ?? "malformed_request";
}
