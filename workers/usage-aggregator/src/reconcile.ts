import { dayOf } from "@prego/core/period";
import { USAGE_PREFIX } from "@prego/core/usage-object";
import { adoptObjects, type PassPlace } from "./adopt-objects.ts";
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
  const place: PassPlace = { toPassOver: report.passed_over };
  while (report.pages < RECONCILE_PAGES_PER_RUN_MAX) {
    if (findStopReason(context) !== undefined) return;
    const page = await deps.raw.list(cursor === undefined ? { startAfter: after ?? undefined } : { cursor });
    if (!(await comparePage(context, report, { page, after, place }))) return;
    report.pages += 1;
    cursor = page.cursor;
    if (cursor === undefined) {
      report.finished = true;
      report.cursor_seq = null;
      report.passed_over = 0;
      return;
    }
    after = page.objects.at(-1)?.key ?? after;
    const reachedSeq = (await deps.reconcile.findSeqUpTo(after ?? USAGE_PREFIX)) ?? null;
    if (reachedSeq !== report.cursor_seq) report.passed_over = 0;
    report.cursor_seq = reachedSeq;
  }
  // Nothing but foreign objects, for a whole run: no row can name the place, so the pass ends here and says so.
  report.stalled = report.cursor_seq === begunAtSeq;
  report.finished = report.stalled;
}

async function comparePage(
  context: RunContext,
  report: ReconcileReport,
  { page, after, place }: { page: RawPage; after: string | null; place: PassPlace },
): Promise<boolean> {
  const { deps } = context;
  const keys = page.objects.map(({ key }) => key);
  const upTo = page.cursor === undefined ? null : (keys.at(-1) ?? after);
  const unknown = new Set(await deps.reconcile.findUnknownKeys(keys));
  const missing = await deps.reconcile.findMissing({ after, upTo, keys }, deps.now() - RECONCILE_AGE_MS_MIN);
  report.listed += keys.length;
  report.missing += missing.count;
  report.missing_seqs = [...report.missing_seqs, ...missing.seqs].slice(0, MISSING_LISTED_MAX);
  return adoptObjects(context, report, { listed: page.objects.filter(({ key }) => unknown.has(key)), place });
}
