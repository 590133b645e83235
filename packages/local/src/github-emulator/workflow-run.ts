type RunStatus = "queued" | "in_progress" | "completed";
type RunConclusion = "success" | "failure" | "cancelled" | null;
export type WorkflowInputs = Readonly<Record<string, string>>;

/** A run as GitHub shows it. Its inputs are not part of the API's answer. */
export interface WorkflowRun {
  readonly id: number;
  readonly name: string;
  /** The run-name, in which a workflow repeats its job id so that a run can be found again. */
  readonly display_title: string;
  readonly event: "workflow_dispatch";
  status: RunStatus;
  conclusion: RunConclusion;
  readonly workflow_id: number;
  readonly path: string;
  readonly head_branch: string;
  readonly run_number: number;
  readonly run_attempt: number;
  readonly url: string;
  readonly html_url: string;
  readonly created_at: string;
  updated_at: string;
}

export interface StoredRun {
  readonly run: WorkflowRun;
  readonly repository: string;
  readonly workflow: string;
  readonly inputs: WorkflowInputs;
}

export interface GithubState {
  readonly runs: Map<number, StoredRun>;
  runCount: number;
}

export interface RunInit {
  readonly repository: string;
  readonly workflow: string;
  readonly ref: string;
  readonly inputs: WorkflowInputs;
  readonly origin: string;
  readonly nowMs: number;
}

const firstRunId = 30_433_642;

export function createRun(state: GithubState, init: RunInit): StoredRun {
  state.runCount += 1;
  const id = firstRunId + state.runCount;
  const at = new Date(init.nowMs).toISOString().replace(/\.\d{3}Z$/, "Z");
  const run: WorkflowRun = {
    id,
    name: init.workflow,
    display_title: [init.inputs["kind"], init.inputs["job_id"]].filter(Boolean).join(" ") || init.workflow,
    event: "workflow_dispatch",
    status: "queued",
    conclusion: null,
    workflow_id: numberWorkflow(init.workflow),
    path: `.github/workflows/${init.workflow}`,
    head_branch: init.ref.replace(/^refs\/heads\//, ""),
    run_number: state.runCount,
    run_attempt: 1,
    url: `${init.origin}/repos/${init.repository}/actions/runs/${id}`,
    html_url: `https://github.com/${init.repository}/actions/runs/${id}`,
    created_at: at,
    updated_at: at,
  };
  const stored: StoredRun = { run, repository: init.repository, workflow: init.workflow, inputs: init.inputs };
  state.runs.set(id, stored);
  return stored;
}

/** Workflows are named by file or by number; a file always gets the same number. */
function numberWorkflow(workflow: string): number {
  if (/^\d{1,12}$/.test(workflow)) return Number(workflow);
  let mixed = 7;
  for (const character of workflow) mixed = (Math.imul(mixed, 31) + character.charCodeAt(0)) >>> 0;
  return mixed;
}
