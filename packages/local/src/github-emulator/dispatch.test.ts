import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveEmulator, type EmulatorServer } from "../emulator-server.ts";
import { createGithubEmulator, type GithubEmulator } from "./emulator.ts";

const startMs = Date.UTC(2026, 10, 21);
let nowMs = startMs;
let github: GithubEmulator;
let server: EmulatorServer;

beforeAll(async () => {
  github = createGithubEmulator({
    now: () => nowMs,
    tokens: ["ghp_local"],
    repositories: {
      "Prego/Infra": {
        workflows: ["provision.yml"],
        refs: ["main"],
        inputs: ["job_id", "kind", "tenant_id", "trace_id"],
      },
    },
  });
  server = await serveEmulator(github);
});

afterAll(() => server.close());

interface Call {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly workflow?: string;
  readonly repository?: string;
}

function dispatch(call: Call = {}): Promise<Response> {
  const path = `/repos/${call.repository ?? "prego/infra"}/actions/workflows/${call.workflow ?? "provision.yml"}/dispatches`;
  return fetch(`${server.url}${path}`, {
    method: "POST",
    headers: { authorization: "Bearer ghp_local", ...call.headers },
    body: JSON.stringify(call.body ?? { ref: "main", inputs: { job_id: "job-1", kind: "provision" } }),
  });
}

function list(query: string): Promise<Response> {
  return fetch(`${server.url}/repos/prego/infra/actions/runs?${query}`, {
    headers: { authorization: "Bearer ghp_local" },
  });
}

describe("a dispatch", () => {
  test("answers 204 without a body, and the run's details when they are asked for", async () => {
    const bare = await dispatch();
    expect([bare.status, await bare.text()]).toEqual([204, ""]);
    const asked = await dispatch({
      body: { ref: "refs/heads/main", inputs: { job_id: "job-2" }, return_run_details: true },
    });
    expect(asked.status).toBe(200);
    const details = JSON.parse(await asked.text()) as { workflow_run_id: number; run_url: string; html_url: string };
    expect(details.run_url).toBe(`${server.url}/repos/Prego/Infra/actions/runs/${details.workflow_run_id}`);
    expect(details.html_url).toBe(`https://github.com/Prego/Infra/actions/runs/${details.workflow_run_id}`);
    const run = await fetch(details.run_url, { headers: { authorization: "Bearer ghp_local" } });
    expect(await run.json()).toMatchObject({ id: details.workflow_run_id, status: "queued", display_title: "job-2" });
  });

  test.each([
    [{ headers: { authorization: "" } }, 401, "Requires authentication"],
    [{ headers: { authorization: "Bearer other" } }, 401, "Bad credentials"],
    [{ workflow: "other.yml" }, 404, "Not Found"],
    [{ repository: "prego/other" }, 404, "Not Found"],
    [{ body: { inputs: {} } }, 422, 'Invalid request.\n\n"ref" wasn\'t supplied.'],
    [{ body: { ref: "next" } }, 422, "No ref found for: next"],
    [{ body: { ref: "main", inputs: { job: "1" } } }, 422, 'Unexpected inputs provided: ["job"]'],
    [
      { body: { ref: "main", inputs: { job_id: ["1"] } } },
      422,
      "Invalid request.\n\nFor 'properties/job_id', the value is not a string.",
    ],
    [{ body: [] }, 400, "Body should be a JSON object"],
  ])("%j is refused with %i in GitHub's shape", async (call, status, message) => {
    const answer = await dispatch(call);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ message, status: String(status) });
  });

  test("without a User-Agent is turned away before its token is read", async () => {
    const request = new Request("http://github.test/repos/prego/infra/actions/runs", {
      headers: { authorization: "Bearer no" },
    });
    const answer = await github.fetch(request);
    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain("User-Agent");
  });

  test("whose answer is lost leaves a run that the list finds by its title", async () => {
    github.setFaults({ fail: [{ method: "POST", status: "lost_answer" }] });
    await expect(
      dispatch({ body: { ref: "main", inputs: { job_id: "job-lost", kind: "provision" } } }),
    ).rejects.toThrow();
    const { workflow_runs: runs } = JSON.parse(await (await list("per_page=100")).text()) as {
      workflow_runs: { display_title: string }[];
    };
    expect(runs.filter((run) => run.display_title === "provision job-lost")).toHaveLength(1);
  });

  test("answers what a fault says and starts nothing", async () => {
    const before = github.state.runs.size;
    github.setFaults({ fail: [{ status: 500 }] });
    expect((await dispatch()).status).toBe(500);
    expect(github.state.runs.size).toBe(before);
  });

  test("to an endpoint that is not offered answers 404", async () => {
    const headers = { authorization: "Bearer ghp_local" };
    expect((await fetch(`${server.url}/repos/prego/infra/issues`, { headers })).status).toBe(404);
  });
});

describe("the list of runs", () => {
  test("is paged, newest first, and filtered by time and status", async () => {
    nowMs = startMs + 60_000;
    await dispatch({ body: { ref: "main", inputs: { job_id: "job-new" } } });
    const since = JSON.parse(await (await list("created=%3E%3D2026-11-21T00:01:00Z")).text()) as {
      total_count: number;
      workflow_runs: { display_title: string }[];
    };
    expect(since.total_count).toBe(1);
    expect(since.workflow_runs[0]?.display_title).toBe("job-new");
    const all = JSON.parse(await (await list("per_page=1&page=2&status=queued")).text()) as typeof since;
    expect(all.workflow_runs).toHaveLength(1);
    expect(all.total_count).toBe(github.state.runs.size);
    expect((await list("created=yesterday")).status).toBe(422);
  });
});
