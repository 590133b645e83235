import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { createWorker as createAutoscaler } from "@prego/autoscaler/app";
import { createWorker as createControlPlane } from "@prego/control-plane/app";
import { jobToken, nodeToken } from "@prego/core/auth";
import { listRoutes, type Runtime } from "@prego/core/http";
import { createWorker as createCycleClose } from "@prego/cycle-close/app";
import { createWorker as createPurgeJob } from "@prego/purge-job/app";
import { createWorker as createUsageAggregator } from "@prego/usage-aggregator/app";
import { createWorker as createUsageWriter } from "@prego/usage-writer/app";
import { EXPECTED_ROUTES, type RouteExpectation } from "./route-expectations.ts";

interface App {
  routes: { method: string; path: string }[];
  fetch(request: Request, bindings: object, context: ExecutionContext): Response | Promise<Response>;
}

const runtime: Runtime = {
  now: () => Date.now(),
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  write: () => undefined,
  fetch: () => Promise.reject(new Error("no network in this suite")),
};

const APPS = {
  "control-plane": createControlPlane(runtime),
  "usage-writer": createUsageWriter(runtime),
  "usage-aggregator": createUsageAggregator(runtime),
  "cycle-close": createCycleClose(runtime),
  "purge-job": createPurgeJob(runtime),
  autoscaler: createAutoscaler(runtime),
} as unknown as Record<string, App>;

const SECRETS = {
  INTERNAL_API_KEY: "operator-secret",
  USE_WRITER_SECRET: "usage-secret",
  STRIPE_SECRET_KEY: "sk_test_refusals",
  STRIPE_WEBHOOK_SECRET: "whsec_refusals",
  GITHUB_TOKEN: "github-secret",
  PROVISIONER_SECRET: "provisioner-secret",
  NODE_TOKEN_SECRET: "node-secret",
  FUNNEL_SECRET: "funnel-secret",
  PURGE_KEY: "purge-secret",
};

const NO_SECRETS = Object.fromEntries(Object.keys(SECRETS).map((name) => [name, " "]));

/** Credentials that are right; those of a job and a node are derived, as the workers derive them. */
const CREDENTIALS: Partial<Record<RouteExpectation["auth"], string>> = {
  operator: SECRETS.INTERNAL_API_KEY,
  usage: SECRETS.USE_WRITER_SECRET,
  provisioner: SECRETS.PROVISIONER_SECRET,
  funnel: SECRETS.FUNNEL_SECRET,
  job: await jobToken(SECRETS.PROVISIONER_SECRET, "x1", "run-1"),
  node: await nodeToken(SECRETS.NODE_TOKEN_SECRET, "n1"),
};

/** A claimed job and a node, so that their tokens are good. */
beforeAll(async () => {
  const { DB } = env as unknown as { DB: D1Database };
  const at = new Date().toISOString();
  await DB.batch([
    DB.prepare(
      "INSERT INTO provision_jobs (job_id, tenant_id, kind, status, region, run_id, created_at, updated_at) VALUES ('x1', 't1', 'provision', 'claimed', 'eu', 'run-1', ?1, ?1)",
    ).bind(at),
    DB.prepare(
      "INSERT INTO nodes (node_id, region, provider, size, capacity, status, created_at, updated_at) VALUES ('n1', 'eu', 'local', 's', 1, 'active', ?1, ?1)",
    ).bind(at),
  ]);
});

const MARKER = "echo-me-not-7f3a";

const cases = Object.entries(EXPECTED_ROUTES).flatMap(([worker, routes]) =>
  Object.entries(routes).map(([route, expectation]) => {
    const [method = "", path = ""] = route.split(" ");
    return {
      worker,
      method,
      path: path.replaceAll(/:\w+/g, path.startsWith("/trace") ? "trace_x1" : "x1"),
      expectation,
    };
  }),
);

type Case = (typeof cases)[number];

async function send(
  { worker, method, path, expectation }: Case,
  change: { method?: string; query?: string; token?: string; body?: BodyInit; type?: string; secrets?: object } = {},
): Promise<Response> {
  const app = APPS[worker];
  if (app === undefined) throw new Error(`no app for ${worker}`);
  const query = change.query ?? expectation.query;
  const headers = new Headers({ "x-trace-id": "trace_refusal" });
  if (change.token !== undefined) headers.set("authorization", `Bearer ${change.token}`);
  const body = change.body ?? (expectation.body === undefined ? undefined : JSON.stringify(expectation.body));
  if (body !== undefined) headers.set("content-type", change.type ?? "application/json");
  const used = change.method ?? method;
  const request = new Request(`http://local${path}${query === undefined ? "" : `?${query}`}`, {
    method: used,
    headers,
    ...(body === undefined || used === "GET" ? {} : { body }),
  });
  const context = createExecutionContext();
  const response = await app.fetch(request, { ...env, ...(change.secrets ?? SECRETS) }, context);
  await waitOnExecutionContext(context);
  return response;
}

async function expectProblem(response: Response, ...statuses: number[]): Promise<void> {
  const text = await response.text();
  expect(statuses, `${response.status} ${text}`).toContain(response.status);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(response.headers.get("x-request-id")).toMatch(/^req_/);
  // A pointer names the place of an error, and a member's name is part of that place.
  expect(text.replaceAll(/"pointer":"[^"]*"/g, "")).not.toContain(MARKER);
  expect(JSON.parse(text)).toMatchObject({ status: response.status, trace_id: "trace_refusal" });
}

const title = ({ worker, method, path }: Case) => `${worker} ${method} ${path}`;
const withAuth = cases.filter(({ expectation }) => expectation.auth !== "public");
const withToken = withAuth.filter(({ expectation }) => expectation.auth !== "stripe");
const withBody = cases.filter(({ expectation }) => expectation.body !== undefined);
/** Stripe's events are not ours to restrict: their signature is checked before anything else of them is read. */
const readable = withBody.filter(({ expectation }) => expectation.auth !== "stripe");
const strict = readable.filter(({ expectation }) => expectation.isExtensible !== true);

const tokenOf = ({ expectation }: Case): { token: string } | object =>
  CREDENTIALS[expectation.auth] === undefined ? {} : { token: CREDENTIALS[expectation.auth] };

describe("route tables", () => {
  test.each(Object.keys(EXPECTED_ROUTES))("every route of %s is known to this suite, and none is gone", (worker) => {
    const actual = listRoutes(APPS[worker]?.routes ?? []).map(({ method, path }) => `${method} ${path}`);
    expect(actual.toSorted()).toEqual(Object.keys(EXPECTED_ROUTES[worker] ?? {}).toSorted());
  });
});

describe("every route", () => {
  test.each(cases.map((one) => [title(one), one] as const))(
    "%s refuses another method with 405 and Allow",
    async (_, one) => {
      const response = await send(one, { method: "PATCH" });
      await expectProblem(response, 405);
      expect(response.headers.get("allow")).toContain(one.method);
    },
  );

  test.each(cases.map((one) => [title(one), one] as const))(
    "%s has no neighbour: a longer path is 404",
    async (_, one) => {
      await expectProblem(await send({ ...one, path: `${one.path}/${MARKER}/${MARKER}` }, { query: "" }), 404);
    },
  );
});

describe("every guarded route", () => {
  test.each(withToken.map((one) => [title(one), one] as const))(
    "%s answers 401 without credentials",
    async (_, one) => {
      await expectProblem(await send(one), 401);
    },
  );

  test.each(withToken.map((one) => [title(one), one] as const))(
    "%s answers 401 to wrong credentials",
    async (_, one) => {
      for (const token of [
        MARKER,
        "undefined",
        "null",
        "0".repeat(64),
        `${CREDENTIALS[one.expectation.auth] ?? ""}x`,
      ]) {
        await expectProblem(await send(one, { token }), 401);
      }
    },
  );

  test.each(
    withAuth.filter(({ expectation }) => expectation.auth !== "usage").map((one) => [title(one), one] as const),
  )("%s answers 503 while its secret is unset or blank", async (_, one) => {
    await expectProblem(await send(one, { token: "undefined", secrets: NO_SECRETS }), 503);
    await expectProblem(await send(one, { secrets: {} }), 503);
  });
});

describe("every route with a body", () => {
  test.each(readable.map((one) => [title(one), one] as const))(
    "%s refuses another content type with 415",
    async (_, one) => {
      await expectProblem(await send(one, { ...tokenOf(one), body: `<a>${MARKER}</a>`, type: "text/xml" }), 415);
    },
  );

  test.each(withBody.map((one) => [title(one), one] as const))(
    "%s refuses a body above its limit with 413",
    async (_, one) => {
      await expectProblem(
        await send(one, { ...tokenOf(one), body: "x".repeat((one.expectation.bodyBytesMax ?? 0) + 1) }),
        413,
      );
    },
  );

  test.each(readable.map((one) => [title(one), one] as const))(
    "%s refuses a malformed body with 400",
    async (_, one) => {
      for (const body of [`{"${MARKER}":`, "", "[]", "null", '"text"', "12", "[".repeat(10_000)]) {
        await expectProblem(await send(one, { ...tokenOf(one), body }), 400);
      }
    },
  );

  test.each(strict.map((one) => [title(one), one] as const))("%s refuses unknown members with 400", async (_, one) => {
    const body = JSON.stringify({ ...one.expectation.body, [MARKER]: 1, __proto__: null });
    await expectProblem(await send(one, { ...tokenOf(one), body }), 400);
  });
});

describe("every route with a query", () => {
  const withQuery = cases.filter(({ expectation }) => expectation.badQuery !== undefined);

  test.each(withQuery.map((one) => [title(one), one] as const))(
    "%s refuses a wrong or unknown parameter with 400",
    async (_, one) => {
      await expectProblem(await send(one, { ...tokenOf(one), query: one.expectation.badQuery ?? "" }), 400);
      const known = one.expectation.query === undefined ? "" : `${one.expectation.query}&`;
      await expectProblem(await send(one, { ...tokenOf(one), query: `${known}unknown=${MARKER}` }), 400);
    },
  );
});
