import { createCallback, type Callback, type CallbackFaults } from "./runner-callback.ts";
import type { StoredRun, WorkflowInputs } from "./workflow-run.ts";

export const defaultStages = ["server", "network", "application", "verify"] as const;

/** How the runner plays one run. */
export interface RunPlan {
  readonly end?: "complete" | "fail" | "vanish";
  /** The stage at which a failing or vanishing run ends. Default: the last one. */
  readonly stop_at?: string;
  readonly error?: string;
  /** Joins the body of `/complete`. */
  readonly node_id?: string;
  readonly readiness?: Readonly<Record<string, boolean>>;
  /** Plays the whole run so often, as a re-run or a doubled dispatch would. Default 1. */
  readonly times?: number;
}

export interface WorkflowRunnerOptions {
  readonly controlPlaneUrl: string;
  readonly provisionerSecret: string;
  readonly fetch?: typeof fetch;
  readonly stages?: readonly string[];
  readonly plan?: (inputs: WorkflowInputs) => RunPlan;
  readonly faults?: CallbackFaults;
  readonly seed?: number;
}

type RunEnd = "completed" | "failed" | "vanished" | "lost_claim" | "recorded" | "refused";

export interface PlayedRun {
  readonly run_id: string;
  readonly job_id: string;
  readonly kind: string;
  readonly end: RunEnd;
  /** What the claim returned: the job as the control plane described it. */
  readonly job?: unknown;
  /** The answer that ended a refused run. */
  readonly status?: number;
}

export interface WorkflowRunner {
  /** Plays one run and says how each time ended. */
  play(stored: StoredRun): Promise<PlayedRun[]>;
  /** Takes and plays every queued run of an emulator. */
  playQueued(emulator: { takeRuns(): StoredRun[] }): Promise<PlayedRun[]>;
  readonly played: readonly PlayedRun[];
}

/** Plays the provisioning workflow: claims the job, reports stages, completes or fails as told. */
export function createWorkflowRunner(options: WorkflowRunnerOptions): WorkflowRunner {
  const callback = createCallback(options);
  const played: PlayedRun[] = [];
  const play = async (stored: StoredRun): Promise<PlayedRun[]> => {
    const plan = options.plan?.(stored.inputs) ?? {};
    const ends: PlayedRun[] = [];
    stored.run.status = "in_progress";
    for (let time = 0; time < (plan.times ?? 1); time += 1) {
      ends.push(await playOnce({ callback, stages: options.stages ?? defaultStages, plan }, stored));
    }
    stored.run.status = "completed";
    stored.run.conclusion = ends.some((end) => ["failed", "refused", "vanished"].includes(end.end))
      ? "failure"
      : "success";
    played.push(...ends);
    return ends;
  };
  return {
    play,
    playQueued: async (emulator) => {
      const ends: PlayedRun[] = [];
      for (const stored of emulator.takeRuns()) ends.push(...(await play(stored)));
      return ends;
    },
    played,
  };
}

interface Script {
  readonly callback: Callback;
  readonly stages: readonly string[];
  readonly plan: RunPlan;
}

async function playOnce(script: Script, stored: StoredRun): Promise<PlayedRun> {
  const { inputs } = stored;
  const named = { run_id: String(stored.run.id), job_id: inputs["job_id"] ?? "", kind: inputs["kind"] ?? "provision" };
  if (named.kind === "scale_out") return { ...named, end: "recorded" };
  const claim = await script.callback.claim(named.job_id, named.run_id);
  // Another run holds the job: the workflow ends well without touching anything.
  if (claim.status === 409) return { ...named, end: "lost_claim" };
  if (claim.token === undefined) return { ...named, end: "refused", status: claim.status };
  const end = await playStages(script, { jobId: named.job_id, token: claim.token });
  return { ...named, ...end, job: claim.job };
}

async function playStages(
  script: Script,
  job: { readonly jobId: string; readonly token: string },
): Promise<{ readonly end: RunEnd; readonly status?: number }> {
  const { plan, stages } = script;
  const send = (step: "progress" | "complete" | "fail", body: object) => script.callback.send({ ...job, step, body });
  const stopAt = plan.end === "fail" || plan.end === "vanish" ? (plan.stop_at ?? stages.at(-1)) : undefined;
  for (const stage of stages) {
    const status = await send("progress", { stage });
    if (status >= 400) return { end: "refused", status };
    if (stage !== stopAt) continue;
    if (plan.end === "vanish") return { end: "vanished" };
    const failed = await send("fail", { failure_stage: stage, error: plan.error ?? `stage ${stage} failed` });
    return failed < 400 ? { end: "failed" } : { end: "refused", status: failed };
  }
  const readiness = plan.readiness ?? { http: true, tls: true, login: true };
  const status = await send("complete", {
    readiness,
    ...(plan.node_id === undefined ? {} : { node_id: plan.node_id }),
  });
  return status < 400 ? { end: "completed" } : { end: "refused", status };
}
