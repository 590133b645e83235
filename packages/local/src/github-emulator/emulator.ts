import { Hono, type Context } from "hono";
import { ConnectionDropped } from "../connection-dropped.ts";
import {
  createFaultBook,
  readFaultPlan,
  type Fault,
  type FaultBook,
  type FaultPlan,
} from "../stripe-emulator/faults.ts";
import { readDispatch } from "./dispatch.ts";
import { dispatchDocs, GithubFailure, runDocs } from "./github-failure.ts";
import { listRuns } from "./run-list.ts";
import { createRun, type GithubState, type StoredRun } from "./workflow-run.ts";

export interface RepositoryRules {
  /** Workflow files or numbers that exist. */
  readonly workflows?: readonly string[];
  readonly refs?: readonly string[];
  readonly inputs?: readonly string[];
}

export interface GithubEmulatorOptions {
  /** Accepted tokens; without the list every token is. */
  readonly tokens?: readonly string[];
  /** Rules by `owner/repo`; without the map every repository exists and takes everything. */
  readonly repositories?: Readonly<Record<string, RepositoryRules>>;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  readonly seed?: number;
  readonly faults?: FaultPlan;
  readonly sleep?: (ms: number) => Promise<void>;
}

export interface GithubEmulator {
  fetch(request: Request): Promise<Response>;
  readonly state: GithubState;
  setFaults(plan: FaultPlan): void;
  /** Hands the queued runs to a runner, oldest first, and marks them as in progress. */
  takeRuns(): StoredRun[];
  snapshot(): string;
  restore(text: string): void;
}

interface Scope {
  readonly options: GithubEmulatorOptions;
  readonly state: GithubState;
  readonly faults: FaultBook;
}

export function createGithubEmulator(options: GithubEmulatorOptions = {}): GithubEmulator {
  const state: GithubState = { runs: new Map(), runCount: 0 };
  const scope: Scope = { options, state, faults: createFaultBook(options.seed ?? 1, options.faults) };
  const app = createApp(scope);
  return {
    fetch: async (request) => await app.fetch(request),
    state,
    setFaults: (plan) => scope.faults.plan(plan),
    takeRuns: () => takeRuns(state),
    snapshot: () => JSON.stringify({ runs: [...state.runs], runCount: state.runCount }),
    restore: (text) => restoreState(state, text),
  };
}

function createApp(scope: Scope): Hono {
  const app = new Hono();
  app.post("/_emulator/faults", async (c) => {
    const plan = await readFaultPlan(c.req);
    if ("message" in plan) return c.json(plan, 400);
    scope.faults.plan(plan);
    return c.json({ planned: true });
  });
  app.get("/_emulator/state", (c) => c.json({ runs: [...scope.state.runs.values()] }));
  app.post("/repos/:owner/:repo/actions/workflows/:workflow/dispatches", (c) => guard(scope, c, dispatchRun));
  app.get("/repos/:owner/:repo/actions/workflows/:workflow/runs", (c) => guard(scope, c, answerRuns));
  app.get("/repos/:owner/:repo/actions/runs", (c) => guard(scope, c, answerRuns));
  app.get("/repos/:owner/:repo/actions/runs/:run", (c) => guard(scope, c, answerRun));
  app.notFound((c) =>
    guard(scope, c, () => {
      throw createNotFound("https://docs.github.com/rest");
    }),
  );
  app.onError((error, c) => {
    if (!(error instanceof GithubFailure)) throw error;
    return c.json(error.body, error.status as 404);
  });
  return app;
}

type Answer = (scope: Scope, c: Context, text: string) => Response | Promise<Response>;

/** Credentials and faults around every endpoint. */
async function guard(scope: Scope, c: Context, answer: Answer): Promise<Response> {
  // Outbound requests of a Worker carry no User-Agent unless it is set, and GitHub turns those away.
  if ((c.req.header("user-agent") ?? "") === "") {
    return c.text(
      "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.",
      403,
    );
  }
  checkToken(c.req.header("authorization"), scope.options.tokens);
  const text = await c.req.text();
  const fault = scope.faults.take({ method: c.req.method, path: c.req.path, isReplay: false });
  if (fault === undefined) return await answer(scope, c, text);
  return await passFault(scope, fault, { c, run: () => answer(scope, c, text) });
}

async function passFault(
  scope: Scope,
  fault: Fault,
  call: { readonly c: Context; readonly run: () => Response | Promise<Response> },
): Promise<Response> {
  if (fault.status === "slow") {
    const sleep = scope.options.sleep ?? ((ms: number) => new Promise<void>((done) => setTimeout(done, ms)));
    await sleep(fault.delay_ms ?? 1_000);
    return await call.run();
  }
  if (fault.status === "lost_answer" || fault.effect === true) await call.run();
  if (fault.status === "hang") {
    await new Promise((done) => call.c.req.raw.signal.addEventListener("abort", done, { once: true }));
  }
  if (typeof fault.status !== "number") throw new ConnectionDropped("the connection was dropped by a fault");
  if (fault.retry_after_seconds !== undefined) call.c.header("retry-after", String(fault.retry_after_seconds));
  const message = fault.status === 429 ? "API rate limit exceeded" : "Server Error";
  return call.c.json({ message, documentation_url: "https://docs.github.com/rest" }, fault.status as 500);
}

const dispatchRun: Answer = (scope, c, text) => {
  const { repository, rules } = findRepository(scope, c, dispatchDocs);
  const workflow = c.req.param("workflow") ?? "";
  if (rules.workflows !== undefined && !rules.workflows.includes(workflow)) throw createNotFound(dispatchDocs);
  const dispatch = readDispatch(text, rules);
  const { run } = createRun(scope.state, {
    repository,
    workflow,
    ref: dispatch.ref,
    inputs: dispatch.inputs,
    origin: new URL(c.req.url).origin,
    nowMs: (scope.options.now ?? Date.now)(),
  });
  if (!dispatch.wantsRunDetails) return c.body(null, 204);
  return c.json({ workflow_run_id: run.id, run_url: run.url, html_url: run.html_url });
};

const answerRuns: Answer = (scope, c) => {
  const { repository } = findRepository(scope, c, runDocs);
  const workflow = c.req.param("workflow");
  const runs = [...scope.state.runs.values()].filter(
    (stored) =>
      stored.repository === repository &&
      (workflow === undefined || stored.workflow === workflow || String(stored.run.workflow_id) === workflow),
  );
  return c.json(listRuns(runs, new URL(c.req.url).searchParams));
};

const answerRun: Answer = (scope, c) => {
  const { repository } = findRepository(scope, c, runDocs);
  const stored = scope.state.runs.get(Number(c.req.param("run")));
  if (stored?.repository !== repository) throw createNotFound(runDocs);
  return c.json(stored.run);
};

/** Owner and repository are not case sensitive. */
function findRepository(scope: Scope, c: Context, docs: string): { repository: string; rules: RepositoryRules } {
  const asked = `${c.req.param("owner")}/${c.req.param("repo")}`.toLowerCase();
  const known = scope.options.repositories;
  if (known === undefined) return { repository: asked, rules: {} };
  const repository = Object.keys(known).find((name) => name.toLowerCase() === asked);
  const rules = repository === undefined ? undefined : known[repository];
  if (repository === undefined || rules === undefined) throw createNotFound(docs);
  return { repository, rules };
}

function checkToken(header: string | undefined, accepted: readonly string[] | undefined): void {
  const token = /^(?:Bearer|token) (\S+)$/i.exec(header ?? "")?.[1];
  if (token === undefined) throw new GithubFailure(401, "Requires authentication", "https://docs.github.com/rest");
  if (accepted !== undefined && !accepted.includes(token)) {
    throw new GithubFailure(401, "Bad credentials", "https://docs.github.com/rest");
  }
}

function createNotFound(docs: string): GithubFailure {
  return new GithubFailure(404, "Not Found", docs);
}

function restoreState(state: GithubState, text: string): void {
  const saved = JSON.parse(text) as { runs: [number, StoredRun][]; runCount: number };
  state.runs.clear();
  for (const [id, stored] of saved.runs) state.runs.set(id, stored);
  state.runCount = saved.runCount;
}

function takeRuns(state: GithubState): StoredRun[] {
  const queued = [...state.runs.values()].filter((stored) => stored.run.status === "queued");
  for (const stored of queued) stored.run.status = "in_progress";
  return queued;
}
