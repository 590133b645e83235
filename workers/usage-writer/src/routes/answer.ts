import { ProblemError } from "@prego/core/problem";
import { countResults, listFieldErrors, type UsageAnswer } from "../domain/event-result.ts";
import type { IngestReport } from "../ingest.ts";

/**
 * The counts of a request, if they may be answered with 2xx.
 * @throws ProblemError if events could not be stored, if the whole request is refused, or if none was accepted.
 */
export function toUsageAnswer(report: IngestReport, single: boolean): UsageAnswer {
  const answer = countResults(report.results);
  if (report.retryAfterSeconds !== undefined) {
    throw new ProblemError("unavailable", {
      detail: "Some events could not be stored. Send the same request again; ids keep events from counting twice.",
      members: { ...answer },
      headers: { "retry-after": String(report.retryAfterSeconds) },
      cause: report.cause,
    });
  }
  if (answer.rejected < answer.results.length) return answer;
  const [first] = answer.results;
  if (single && first?.reason === "tenant_unknown") throw new ProblemError("not_found", { detail: "No such tenant." });
  if (single && first?.reason === "tenant_gone") throw new ProblemError("tenant_gone");
  if (answer.results.some(({ reason }) => reason === "idempotency_key_reused")) {
    throw new ProblemError("idempotency_key_reused");
  }
  throw new ProblemError("all_events_rejected", {
    errors: listFieldErrors(report.faults, single),
    members: { ...answer },
  });
}

/**
 * CloudEvents clients read the status alone, so it speaks for every event of the request.
 * @throws ProblemError unless all events were accepted or had been counted before.
 */
export function requireAllCounted(report: IngestReport, single: boolean): void {
  const answer = toUsageAnswer(report, single);
  if (answer.rejected === 0 && answer.conflicts === 0) return;
  throw new ProblemError("validation_failed", {
    detail: "Not every event was counted; results has the fate of each.",
    errors: listFieldErrors(report.faults, single),
    members: { ...answer },
  });
}
