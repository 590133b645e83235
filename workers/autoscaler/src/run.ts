import { isConstraintFailure, isGuardFailure } from "@prego/core/d1-error";
import type { JobReport, JobRun } from "@prego/core/job-run";
import { describeError } from "@prego/core/log";
import { formatInstant } from "@prego/core/period";
import type { Deps } from "./deps.ts";
import { planScaling } from "./plan.ts";
import type { ScalingEffect } from "./plan/decision.ts";
import { EVALUATION_WINDOW_MS } from "./plan/policy.ts";
import { prepareEvaluation } from "./prepare-evaluation.ts";
import { evaluationKey } from "./store/region-state.ts";
import type { StoredEvaluation } from "./store/evaluations.ts";

/** Attempts at one region: each lost race means that another evaluation or an operator was first. */
const EVALUATION_ATTEMPTS_MAX = 4;

/** What happened to a region: evaluated now, found as evaluated, or left because a later window was evaluated. */
export interface RegionReport {
  region: string;
  outcome: "evaluated" | "already_evaluated" | "superseded" | "failed" | "dry_run";
  window_start: string;
  event_id?: string;
  trace_id?: string | null;
  mode?: string;
  decision?: string;
  binding_rule?: string;
  explanation?: string;
  distance_to_action?: string;
  effects?: ScalingEffect[];
  error?: string;
}

export interface ScalingReport extends JobReport {
  evaluated: number;
  already_evaluated: number;
  superseded: number;
  remaining: number;
  regions: RegionReport[];
}

/** Evaluates every region once for the window that the run is due in; repeating it acts no second time. */
export async function runScaling(deps: Deps, run: JobRun): Promise<ScalingReport> {
  const names = await deps.evaluations.listRegions();
  const regions: RegionReport[] = [];
  for (const region of names) {
    if (deps.now() >= run.deadlineMs) break;
    regions.push(await evaluateSafely(deps, run, region));
  }
  const countOf = (outcome: RegionReport["outcome"]) => regions.filter((one) => one.outcome === outcome).length;
  return {
    evaluated: countOf("evaluated"),
    already_evaluated: countOf("already_evaluated"),
    superseded: countOf("superseded"),
    failed: countOf("failed"),
    remaining: names.length - regions.length,
    regions,
  };
}

/** The decisions that a run would take now; writes nothing. */
export async function previewScaling(deps: Deps, dueAtMs: number): Promise<{ regions: RegionReport[] }> {
  const regions: RegionReport[] = [];
  for (const region of await deps.evaluations.listRegions()) {
    const state = await deps.evaluations.readRegionState(region, dueAtMs);
    if (state === undefined) continue;
    const decision = planScaling(state.inputs);
    regions.push({
      region,
      outcome: "dry_run",
      window_start: formatInstant(windowOf(dueAtMs)),
      mode: state.inputs.mode,
      decision: decision.decision,
      binding_rule: decision.bindingRule,
      explanation: decision.explanation,
      distance_to_action: decision.distanceToAction,
      effects: decision.effects,
    });
  }
  return { regions };
}

const windowOf = (dueAtMs: number): number => Math.floor(dueAtMs / EVALUATION_WINDOW_MS) * EVALUATION_WINDOW_MS;

async function evaluateSafely(deps: Deps, run: JobRun, region: string): Promise<RegionReport> {
  try {
    return await evaluateRegion(deps, run, region);
  } catch (error) {
    deps.log("error", "scale.region_failed", { region, run_id: run.runId, error: describeError(error) });
    return {
      region,
      outcome: "failed",
      window_start: formatInstant(windowOf(run.dueAtMs)),
      error: describeError(error),
    };
  }
}

async function evaluateRegion(deps: Deps, run: JobRun, region: string): Promise<RegionReport> {
  const windowMs = windowOf(run.dueAtMs);
  for (let attempt = 1; attempt <= EVALUATION_ATTEMPTS_MAX; attempt += 1) {
    const stored = await deps.evaluations.findEvaluation(region, windowMs);
    if (stored !== undefined) return reportEvent(stored, "already_evaluated", windowMs);
    const state = await deps.evaluations.readRegionState(region, run.dueAtMs);
    const isSuperseded = state !== undefined && (state.lastEvaluationKey ?? "") > evaluationKey(region, windowMs);
    if (state === undefined || isSuperseded) {
      return { region, outcome: "superseded", window_start: formatInstant(windowMs) };
    }
    const record = await prepareEvaluation(deps, run, { state, decision: planScaling(state.inputs), windowMs });
    try {
      await deps.evaluations.record(record);
      return reportEvent(record.event, "evaluated", windowMs);
    } catch (error) {
      if (!isGuardFailure(error) && !isConstraintFailure(error)) throw error;
    }
  }
  throw new Error("the region kept changing while it was evaluated");
}

function reportEvent(event: StoredEvaluation, outcome: RegionReport["outcome"], windowMs: number): RegionReport {
  return {
    region: event.region,
    outcome,
    window_start: formatInstant(windowMs),
    event_id: event.id,
    trace_id: event.traceId,
    mode: event.mode,
    decision: event.decision,
    binding_rule: event.bindingRule,
    explanation: event.explanation,
    distance_to_action: event.distanceToAction,
    effects: (JSON.parse(event.scoresJson) as { effects: ScalingEffect[] }).effects,
  };
}
