import { dayOf } from "@prego/core/period";
import { USAGE_PREFIX } from "@prego/core/usage-object";
import { adoptObjects } from "./adopt-objects.ts";
import { findStopReason, JOB, type RunContext } from "./context.ts";
import { MISSING_LISTED_MAX, RECONCILE_AGE_MS_MIN, RECONCILE_PAGES_PER_RUN_MAX } from "./limits.ts";
import { planReconcile } from "./plan.ts";
import { type ReconcileReport, startReconcileReport } from "./reconcile-report.ts";
import type { RawPage } from "./store/raw-usage.ts";

/** Compares R2 with `usage_objects` once a UTC day, over as many runs as it takes. */
export async function reconcileObjects(context: RunContext): Promise<void> {
  const { deps, run } = context;
  const plan = planReconcile(await deps.reconcile.findState(JOB), dayOf(run.dueAtMs));
  const report = startReconcileReport(plan.state);
  context.report.reconcile = report;
  if (plan.kind === "pass") await comparePages(context, report);
}

async function comparePages(context: RunContext, report: ReconcileReport): Promise<void> {
  const { deps } = context;
  const begunAtSeq = report.cursor_seq;
  let after = begunAtSeq === null ? null : ((await deps.reconcile.findKey(begunAtSeq)) ?? null);
  let cursor: string | undefined;
  while (report.pages < RECONCILE_PAGES_PER_RUN_MAX) {
    if (findStopReason(context) !== undefined) return;
    const page = await deps.raw.list(cursor === undefined ? { startAfter: after ?? undefined } : { cursor });
    if (!(await comparePage(context, report, { page, after }))) return;
    report.pages += 1;
    report.passed_over = 0;
    cursor = page.cursor;
    if (cursor === undefined) {
      report.finished = true;
      report.cursor_seq = null;
      return;
    }
    after = page.objects.at(-1)?.key ?? after;
    report.cursor_seq = (await deps.reconcile.findSeqUpTo(after ?? USAGE_PREFIX)) ?? null;
  }
  // Nothing but foreign objects, for a whole run: no row can name the place, so the pass ends here and says so.
  report.stalled = report.cursor_seq === begunAtSeq;
  report.finished = report.stalled;
}

async function comparePage(
  context: RunContext,
  report: ReconcileReport,
  { page, after }: { page: RawPage; after: string | null },
): Promise<boolean> {
  const { deps } = context;
  const keys = page.objects.map(({ key }) => key);
  const upTo = page.cursor === undefined ? null : (keys.at(-1) ?? after);
  const unknown = new Set(await deps.reconcile.findUnknownKeys(keys));
  const missing = await deps.reconcile.findMissing({ after, upTo, keys }, deps.now() - RECONCILE_AGE_MS_MIN);
  report.listed += keys.length;
  report.missing += missing.count;
  report.missing_seqs = [...report.missing_seqs, ...missing.seqs].slice(0, MISSING_LISTED_MAX);
  return adoptObjects(
    context,
    report,
    page.objects.filter(({ key }) => unknown.has(key)),
  );
}
