import { z } from "zod";
import type { JobOutcome, JobReport } from "../job-run.ts";
import { ProblemError } from "../problem.ts";

/** Query of every manual trigger: `?dry_run=1` prints the plan and changes nothing. */
export const ManualTriggerQuery = z.strictObject({ dry_run: z.enum(["0", "1"]).optional() });

/** The answer to a manual trigger: the report, or 409 with the run that is under way. */
export function answerJob<R extends JobReport>(outcome: JobOutcome<R>): { run_id: string; report: R } {
  if (outcome.kind === "busy") {
    throw new ProblemError("job_running", { members: { run_id: outcome.holder } });
  }
  return { run_id: outcome.runId, report: outcome.report };
}
