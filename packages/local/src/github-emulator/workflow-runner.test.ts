import { describe, expect, test } from "vitest";
import { createGithubEmulator } from "./emulator.ts";
import { createWorkflowRunner, type WorkflowRunnerOptions } from "./workflow-runner.ts";

interface Received {
  readonly path: string;
  readonly token: string | null;
  readonly body: Record<string, unknown>;
}

/** A control plane that hands each job to the first run that claims it. */
function createControlPlane(statuses: number[] = []) {
  const received: Received[] = [];
  const owners = new Map<string, unknown>();
  const answer = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(url, init);
    const path = new URL(request.url).pathname;
    const body = JSON.parse(await request.text()) as Record<string, unknown>;
    received.push({ path, token: request.headers.get("authorization"), body });
    const forced = statuses.shift();
    if (forced !== undefined && forced !== 200) return new Response("{}", { status: forced });
    if (!path.endsWith("/claim")) return Response.json({});
    if (owners.has(path) && owners.get(path) !== body["run_id"]) return Response.json({}, { status: 409 });
    owners.set(path, body["run_id"]);
    return Response.json({ job_token: "jt-1", job: { job_id: "job-1", slug: "acme" } });
  };
  return { received, answer, listSteps: () => received.map((call) => call.path.split("/").at(-1)) };
}

async function dispatch(inputs: Record<string, string>, count = 1) {
  const github = createGithubEmulator({ now: () => Date.UTC(2026, 10, 21) });
  for (let index = 0; index < count; index += 1) {
    await github.fetch(
      new Request("http://github.test/repos/o/r/actions/workflows/provision.yml/dispatches", {
        method: "POST",
        headers: { authorization: "Bearer x", "user-agent": "test" },
        body: JSON.stringify({ ref: "main", inputs }),
      }),
    );
  }
  return github;
}

function createRunner(plane: ReturnType<typeof createControlPlane>, options: Partial<WorkflowRunnerOptions> = {}) {
  return createWorkflowRunner({
    controlPlaneUrl: "http://plane.test",
    provisionerSecret: "prov",
    fetch: plane.answer,
    ...options,
  });
}

const provision = { job_id: "job-1", kind: "provision", tenant_id: "tn_1", trace_id: "tr-1" };

describe("the runner", () => {
  test("claims with the secret, reports every stage with the job's token, then completes", async () => {
    const plane = createControlPlane();
    const github = await dispatch(provision);
    const ends = await createRunner(plane, { plan: () => ({ node_id: "node-7" }) }).playQueued(github);
    const [stored] = github.state.runs.values();
    expect(ends).toMatchObject([{ job_id: "job-1", end: "completed", job: { slug: "acme" } }]);
    expect(plane.listSteps()).toEqual(["claim", "progress", "progress", "progress", "progress", "complete"]);
    expect(plane.received[0]).toEqual({
      path: "/internal/provision/job-1/claim",
      token: "Bearer prov",
      body: { run_id: String(stored?.run.id) },
    });
    expect(plane.received.slice(1).every((call) => call.token === "Bearer jt-1")).toBe(true);
    expect(plane.received.slice(1, 5).map((call) => call.body["stage"])).toEqual([
      "server",
      "network",
      "application",
      "verify",
    ]);
    expect(plane.received[5]?.body).toEqual({ readiness: { http: true, tls: true, login: true }, node_id: "node-7" });
    expect(stored?.run).toMatchObject({ status: "completed", conclusion: "success" });
    expect(github.takeRuns()).toEqual([]);
  });

  test("ends quietly when another run holds the job", async () => {
    const plane = createControlPlane();
    const github = await dispatch(provision, 2);
    const ends = await createRunner(plane).playQueued(github);
    expect(ends.map((end) => end.end)).toEqual(["completed", "lost_claim"]);
    expect(plane.listSteps().filter((step) => step === "complete")).toHaveLength(1);
    expect([...github.state.runs.values()].map((stored) => stored.run.conclusion)).toEqual(["success", "success"]);
  });

  test("fails at the stage it is told", async () => {
    const plane = createControlPlane();
    const github = await dispatch(provision);
    const plan = () => ({ end: "fail" as const, stop_at: "network", error: "no route" });
    expect(await createRunner(plane, { plan }).playQueued(github)).toMatchObject([{ end: "failed" }]);
    expect(plane.listSteps()).toEqual(["claim", "progress", "progress", "fail"]);
    expect(plane.received.at(-1)?.body).toEqual({ failure_stage: "network", error: "no route" });
  });

  test("vanishes without a word when it is told", async () => {
    const plane = createControlPlane();
    const plan = () => ({ end: "vanish" as const, stop_at: "server" });
    expect(await createRunner(plane, { plan }).playQueued(await dispatch(provision))).toMatchObject([
      { end: "vanished" },
    ]);
    expect(plane.listSteps()).toEqual(["claim", "progress"]);
  });

  test("only records a scale-out", async () => {
    const plane = createControlPlane();
    const runner = createRunner(plane);
    await runner.playQueued(await dispatch({ ...provision, kind: "scale_out", node_id: "node-9", region: "eu" }));
    expect(runner.played).toMatchObject([{ kind: "scale_out", end: "recorded" }]);
    expect(plane.received).toEqual([]);
  });

  test("sends a callback again after a 500 and gives up after four", async () => {
    const healed = createControlPlane([200, 500, 503]);
    expect(await createRunner(healed).playQueued(await dispatch(provision))).toMatchObject([{ end: "completed" }]);
    expect(healed.listSteps().slice(0, 4)).toEqual(["claim", "progress", "progress", "progress"]);
    const broken = createControlPlane([500, 500, 500, 500]);
    expect(await createRunner(broken).playQueued(await dispatch(provision))).toMatchObject([
      { end: "refused", status: 500 },
    ]);
    expect(broken.listSteps()).toEqual(["claim", "claim", "claim", "claim"]);
  });

  test("repeats calls whose answer was lost, the same way for the same seed", async () => {
    const play = async () => {
      const plane = createControlPlane();
      await createRunner(plane, { faults: { lose_answer_percent: 40 }, seed: 5 }).playQueued(await dispatch(provision));
      return plane.listSteps();
    };
    const steps = await play();
    expect(steps.length).toBeGreaterThan(6);
    expect(await play()).toEqual(steps);
  });

  test("plays a run twice when it is told", async () => {
    const plane = createControlPlane();
    const ends = await createRunner(plane, { plan: () => ({ times: 2 }) }).playQueued(await dispatch(provision));
    expect(ends.map((end) => end.end)).toEqual(["completed", "completed"]);
    expect(plane.listSteps().filter((step) => step === "claim")).toHaveLength(2);
  });
});
