import type { FieldError } from "@prego/core/problem";
import { PROBLEM_ERRORS_MAX } from "../limits.ts";

/** What became of one event, in the order of the input. */
export interface EventResult {
  status: "accepted" | "duplicate" | "conflict" | "rejected";
  /** The event's own id. */
  id?: string;
  /** Code of why it was not accepted. */
  reason?: string;
  /** Place in the event of the first fault. */
  pointer?: string;
}

/** Results and their counts. */
export interface UsageAnswer {
  accepted: number;
  duplicates: number;
  conflicts: number;
  rejected: number;
  results: EventResult[];
}

/** A fault of one event: `pointer` is inside the event. */
export interface EventFault {
  pointer: string;
  code: string;
  message: string;
}

/** Counts results. */
export function countResults(results: EventResult[]): UsageAnswer {
  const answer: UsageAnswer = { accepted: 0, duplicates: 0, conflicts: 0, rejected: 0, results };
  for (const { status } of results) {
    if (status === "accepted") answer.accepted++;
    else if (status === "duplicate") answer.duplicates++;
    else if (status === "conflict") answer.conflicts++;
    else answer.rejected++;
  }
  return answer;
}

/** The result of an event with faults; the first one speaks for all. */
export function rejectEvent([first]: readonly EventFault[], id?: string): EventResult {
  return {
    status: "rejected",
    ...(id === undefined ? {} : { id }),
    reason: first?.code ?? "invalid_field",
    ...(first === undefined || first.pointer === "" ? {} : { pointer: first.pointer }),
  };
}

/** Faults of all events as pointers into the request, up to a bound. */
export function listFieldErrors(faults: ReadonlyMap<number, readonly EventFault[]>, single: boolean): FieldError[] {
  const errors: FieldError[] = [];
  for (const [position, list] of faults) {
    for (const { pointer, message } of list) {
      if (errors.length >= PROBLEM_ERRORS_MAX) return errors;
      errors.push({ pointer: single ? pointer : `/${position}${pointer}`, message });
    }
  }
  return errors;
}
