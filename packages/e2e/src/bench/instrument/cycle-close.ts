import { createWorker } from "@prego/cycle-close/app";
import type { Env } from "@prego/cycle-close/env";
import { startClose } from "@prego/cycle-close/start";
import type { Runtime } from "@prego/core/http";
import { type MeasuredRun, NOW_HEADER } from "./close-run.ts";
import { createCounts } from "./counts.ts";
import { countDatabase } from "./database.ts";

/** Where a run is cut off: calls to D1 and Stripe after which its time is over, or after which nothing works any more. */
interface Cut {
  timeOverAfter: number;
  killedAfter: number;
}

const AFTER_THE_DEADLINE_MS = 4 * 60_000 + 1;

function createRuntime(nowMs: number, onCall: () => number = () => 0): Runtime {
  const startedAt = Date.now();
  return {
    now: () => nowMs + Date.now() - startedAt + onCall(),
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    write: () => undefined,
    fetch: (input: RequestInfo | URL, init?: RequestInit) => fetch(input, init),
  };
}

async function run(env: Env, nowMs: number, cut: Cut): Promise<MeasuredRun> {
  const counts = createCounts();
  const seen = { calls: 0, closeBatches: 0, stripeCalls: 0 };
  const take = (): void => {
    seen.calls += 1;
    if (seen.calls > cut.killedAfter) throw new Error("D1_ERROR: Network connection lost.");
  };
  const database = countDatabase(env.DB, counts, (queries) => {
    take();
    if (queries.some((query) => query.includes("INSERT INTO usage_cycle_totals"))) seen.closeBatches += 1;
  });
  const base = createRuntime(nowMs, () => (seen.calls > cut.timeOverAfter ? AFTER_THE_DEADLINE_MS : 0));
  const runtime: Runtime = {
    ...base,
    fetch: async (input: RequestInfo | URL, init?: RequestInit) => {
      take();
      seen.stripeCalls += 1;
      return base.fetch(input, init);
    },
  };
  const startedAt = Date.now();
  const request = { trigger: "cron", actor: "cron:cycle-close", dueAtMs: nowMs } as const;
  const outcome = await startClose({ ...env, DB: database }, runtime, request).catch(() => undefined);
  return {
    failed: outcome?.kind === "ran" ? outcome.report.failed : undefined,
    queries: counts.d1Statements,
    closeBatches: seen.closeBatches,
    rowsWritten: counts.d1RowsWritten,
    stripeCalls: seen.stripeCalls,
    tookMs: Date.now() - startedAt,
  };
}

export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    const nowMs = Number(request.headers.get(NOW_HEADER));
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/bench/run") return createWorker(createRuntime(nowMs)).fetch(request, env, context);
    const read = (name: string): number => Number(searchParams.get(name) ?? Number.POSITIVE_INFINITY);
    return Response.json(
      await run(env, nowMs, { timeOverAfter: read("time_over_after"), killedAfter: read("killed_after") }),
    );
  },
};
