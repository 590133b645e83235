import { parseArgs } from "node:util";
import { listCounts, readCount } from "../command-line.ts";
import { type BillingPart, huntBillingBug, sweepBilling } from "./billing-sweep.ts";
import { BILLING_BUGS } from "./bugs.ts";
import { GAPS_HOURS } from "./fault-plan.ts";
import type { Stage } from "./kept-stores.ts";
import type { FaultReport } from "./fault-sweep.ts";
import type { ScheduleReport } from "./schedule-sweep.ts";

/** How the command is called. */
export const SYNOPSIS = `sweep billing [--seed N] [--pairs N] [--schedules N] [--bug NAME] [--prove]
  --pairs      pairs of crashes that are tried
  --schedules  schedules of closes, webhooks and purges at once
  --bug        plants one known bug: ${Object.keys(BILLING_BUGS).join(", ")}
  --prove      plants all of them, one after the other, and expects the sweep to see each`;
const SEED_DEFAULT = "20261121";
/** What a fault strikes at a stage. */
const STAGE_NAMES: Readonly<Record<Stage, string>> = {
  due: "a close",
  refused: "refused charges sent again",
};
const PAIRS_DEFAULT = "2000";
const SCHEDULES_DEFAULT = "1000";

/** Runs `sweep billing`. Returns whether it found nothing wrong, or with `--prove` whether it saw every bug. */
export async function runBillingCommand(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: "string", default: SEED_DEFAULT },
      pairs: { type: "string", default: PAIRS_DEFAULT },
      schedules: { type: "string", default: SCHEDULES_DEFAULT },
      bug: { type: "string" },
      prove: { type: "boolean", default: false },
    },
  });
  const seed = readCount(values.seed);
  console.log(`seed ${seed}`);
  if (values.prove) return prove(seed);
  const startedMs = performance.now();
  const options = { seed, pairs: readCount(values.pairs), schedules: readCount(values.schedules) };
  const isRight = await sweepBilling(values.bug === undefined ? options : { ...options, bug: values.bug }, printPart);
  console.log(`${((performance.now() - startedMs) / 1_000).toFixed(1)} s, seed ${seed}`);
  return isRight;
}

function printPart(done: BillingPart): void {
  if (done.part === "schedules") return printSchedules(done.report);
  const stage = STAGE_NAMES[done.stage];
  if (done.part !== "faults") return printPoints(`${stage}: ${done.part}`, done.report);
  const { sites } = done.report;
  const d1 = sites.filter((site) => site === "d1").length;
  console.log(`N = ${sites.length} calls in ${stage}: D1 ${d1}, Stripe ${sites.length - d1}`);
  console.log(`resumed after ${GAPS_HOURS.join(" h, ")} h`);
  printPoints(`${stage}: fault points`, done.report);
}

function printPoints(what: string, report: FaultReport): void {
  console.log(`${what}: ${report.points} (${listCounts(report.byMode)})`);
  printVerdict(report);
}

function printSchedules(report: ScheduleReport): void {
  const { schedules, byTask, steps, switches, faults } = report;
  console.log(`${schedules} schedules (${listCounts(byTask)})`);
  console.log(`  ${steps} calls in turns, ${switches} changes of the task, ${faults} faults besides`);
  printVerdict(report);
}

function printVerdict(report: Omit<FaultReport, "points" | "byMode">): void {
  const { doubled, lost, wrong, rejected, purged, emptyInvoices } = report;
  const counts = {
    "rejected and visible": rejected,
    "of purged tenants and not sent": purged,
    "empty invoices": emptyInvoices,
  };
  const aside = listCounts(counts);
  console.log(`  doubled ${doubled}, lost ${lost}, wrong ${wrong}; ${aside}`);
  for (const failure of report.failures) console.log(`  FAILED ${failure}`);
}

async function prove(seed: number): Promise<boolean> {
  let isProven = true;
  for (const name of Object.keys(BILLING_BUGS)) {
    const { tried, seen } = await huntBillingBug(name, seed);
    isProven &&= seen !== undefined;
    console.log(`${name}: ${seen === undefined ? "NOT SEEN" : "seen"} after ${tried}`);
    if (seen !== undefined) console.log(`  ${seen}`);
  }
  return isProven;
}
