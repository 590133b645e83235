import { parseArgs } from "node:util";
import { listCounts, readCount } from "../command-line.ts";
import { huntBillingBug, isBilledOnce, sweepBilling } from "./billing-sweep.ts";
import { BILLING_BUGS } from "./bugs.ts";
import { GAPS_HOURS } from "./fault-plan.ts";
import type { FaultReport, FaultSweepReport } from "./fault-sweep.ts";

/** How the command is called. */
export const SYNOPSIS = `sweep billing [--seed N] [--pairs N] [--bug NAME] [--prove]
  --pairs  pairs of crashes that are tried
  --bug    plants one known bug: ${Object.keys(BILLING_BUGS).join(", ")}
  --prove  plants all of them, one after the other, and expects the sweep to see each`;
const SEED_DEFAULT = "20261121";
const PAIRS_DEFAULT = "2000";

/** Runs `sweep billing`. Returns whether it found nothing wrong, or with `--prove` whether it saw every bug. */
export async function runBillingCommand(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: "string", default: SEED_DEFAULT },
      pairs: { type: "string", default: PAIRS_DEFAULT },
      bug: { type: "string" },
      prove: { type: "boolean", default: false },
    },
  });
  const seed = readCount(values.seed);
  console.log(`seed ${seed}`);
  if (values.prove) return prove(seed);
  const startedMs = performance.now();
  const options = { seed, pairs: readCount(values.pairs), onFaults: printFaults };
  const report = await sweepBilling(values.bug === undefined ? options : { ...options, bug: values.bug });
  console.log(`${((performance.now() - startedMs) / 1_000).toFixed(1)} s, seed ${seed}`);
  return isBilledOnce(report, options);
}

function printFaults({ sites, single, crashPairs, mixedPairs }: FaultSweepReport): void {
  const stripe = sites.filter((site) => site === "stripe").length;
  console.log(`N = ${sites.length} calls in the close: D1 ${sites.length - stripe}, Stripe ${stripe}`);
  console.log(`resumed after ${GAPS_HOURS.join(" h, ")} h`);
  printReport("fault points", single);
  printReport("pairs of crashes", crashPairs);
  printReport("pairs of a crash and another fault", mixedPairs);
}

function printReport(what: string, report: FaultReport): void {
  console.log(`${report.points} ${what} (${listCounts(report.byMode)})`);
  console.log(
    `  doubled ${report.doubled}, lost ${report.lost}, wrong ${report.wrong}; rejected and visible ${report.rejected}`,
  );
  for (const failure of report.failures) console.log(`  FAILED ${failure}`);
}

async function prove(seed: number): Promise<boolean> {
  let isProven = true;
  for (const name of Object.keys(BILLING_BUGS)) {
    const { failures, points } = await huntBillingBug(name, seed);
    isProven &&= failures.length > 0;
    console.log(`${name}: ${failures[0] === undefined ? "NOT SEEN" : "seen"} after ${points} fault points`);
    if (failures[0] !== undefined) console.log(`  ${failures[0]}`);
  }
  return isProven;
}
