import { GithubFailure, runDocs } from "./github-failure.ts";
import type { StoredRun, WorkflowRun } from "./workflow-run.ts";

const defaultPageSize = 30;
const maxPageSize = 100;

/** A page of runs, newest first. GitHub has no filter by name: callers match `display_title`. */
export function listRuns(
  runs: readonly StoredRun[],
  query: URLSearchParams,
): { total_count: number; workflow_runs: WorkflowRun[] } {
  const isCreated = readCreated(query.get("created"));
  const status = query.get("status");
  const event = query.get("event");
  const branch = query.get("branch");
  const found = runs
    .map((stored) => stored.run)
    .filter(
      (run) =>
        isCreated(Date.parse(run.created_at)) &&
        (status === null || run.status === status || run.conclusion === status) &&
        (event === null || run.event === event) &&
        (branch === null || run.head_branch === branch),
    )
    .toReversed();
  const size = Math.min(maxPageSize, readCount(query.get("per_page"), defaultPageSize));
  const start = (readCount(query.get("page"), 1) - 1) * size;
  return { total_count: found.length, workflow_runs: found.slice(start, start + size) };
}

/** GitHub's search dates: `>=A`, `<A`, `A..B`, `A..*`, or a day. */
function readCreated(text: string | null): (ms: number) => boolean {
  if (text === null) return () => true;
  const range = /^(.+)\.\.(.+)$/.exec(text);
  if (range !== null) {
    const from = range[1] === "*" ? Number.NEGATIVE_INFINITY : readInstant(range[1]);
    const to = range[2] === "*" ? Number.POSITIVE_INFINITY : readInstant(range[2]);
    return (ms) => ms >= from && ms <= to;
  }
  const bound = /^(>=|<=|>|<)?(.+)$/.exec(text);
  const at = readInstant(bound?.[2]);
  switch (bound?.[1]) {
    case ">=":
      return (ms) => ms >= at;
    case "<=":
      return (ms) => ms <= at;
    case ">":
      return (ms) => ms > at;
    case "<":
      return (ms) => ms < at;
    default:
      return (ms) => ms >= at && ms < at + 24 * 60 * 60 * 1_000;
  }
}

function readInstant(text: string | undefined): number {
  const ms = Date.parse(text ?? "");
  if (Number.isNaN(ms)) throw new GithubFailure(422, "Validation Failed", runDocs);
  return ms;
}

function readCount(text: string | null, fallback: number): number {
  return text !== null && /^[1-9]\d{0,5}$/.test(text) ? Number(text) : fallback;
}
