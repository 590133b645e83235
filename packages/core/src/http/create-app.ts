import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { newId } from "../id.ts";
import { createLogger, describeError } from "../log.ts";
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
    c.set("requestId", newId("req", startedAtMs, runtime.randomBytes(10)));
    c.set("traceId", sanitizeTraceIdValue(c.req.header("x-trace-id")));
    c.set("actor", "anonymous");
    c.set("runtime", runtime);
    c.set("log", log);
    await next();
    c.header("x-request-id", c.get("requestId"));
    log(c.res.status >= 500 ? "error" : "info", "http.request", {
      request_id: c.get("requestId"),
      trace_id: c.get("traceId"),
      method: c.req.method,
      route: c.req.routePath,
      status: c.res.status,
      duration_ms: runtime.now() - startedAtMs,
      ...(c.error === undefined || c.res.status < 500 ? {} : { error: describeError(c.error) }),
    });
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
