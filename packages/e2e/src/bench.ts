import { availableParallelism, cpus, loadavg } from "node:os";
import { type BenchArguments, type MeasurementName, readArguments, USAGE } from "./bench/arguments.ts";
import { writeCostDocument } from "./bench/cost-document.ts";
import { type Figure, formatNumber, formatTable, makeFigure, type Report } from "./bench/figure.ts";
import { measureAggregation } from "./bench/figures/aggregation.ts";
import { measureClose } from "./bench/figures/close.ts";
import { measureIngest } from "./bench/figures/ingest.ts";
import { measureNoisyNeighbour } from "./bench/figures/noisy-neighbour.ts";
import { measureOperations } from "./bench/figures/operations.ts";
import { measurePiledUp } from "./bench/figures/piled-up.ts";
import { measureWebhooks } from "./bench/figures/webhooks.ts";
import type { MeasuredUsage } from "./bench/measured-usage.ts";
import { createScale, type Scale } from "./bench/scale.ts";

/** A measurement, and what of billed operations it adds for the documents. */
type Measured = Report & { usage?: Partial<MeasuredUsage> };

const MEASURE: Record<MeasurementName, (scale: Scale) => Promise<Measured>> = {
  ingest: measureIngest,
  operations: measureOperations,
  aggregation: measureAggregation,
  piled_up: measurePiledUp,
  noisy_neighbour: measureNoisyNeighbour,
  close: measureClose,
  webhooks: measureWebhooks,
};

/** Runs one measurement; one that breaks is a figure that is missed, and the others go on. */
async function measure(name: MeasurementName, scale: Scale): Promise<Measured> {
  const startedAt = performance.now();
  console.error(`${name} …`);
  try {
    return await MEASURE[name](scale);
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const failed = {
      figure: name,
      value: Number.NaN,
      unit: "",
      baseline: "could not be measured",
      target: { atLeast: 0 },
    };
    return { figures: [makeFigure(failed)], notes: [`${name} failed: ${reason}`] };
  } finally {
    console.error(`${name} took ${formatNumber((performance.now() - startedAt) / 1_000)} s`);
  }
}

function print({ json }: BenchArguments, run: string, figures: readonly Figure[], notes: readonly string[]): void {
  if (json) {
    for (const figure of figures) console.log(JSON.stringify(figure));
    return;
  }
  console.log([run, "", ...notes, "", formatTable(figures)].join("\n"));
}

async function main(args: BenchArguments): Promise<number> {
  const run = [
    `Run on ${new Date().toISOString().slice(0, 10)}: ${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"}),`,
    `Node ${process.versions.node}, load average ${formatNumber(loadavg()[0] ?? Number.NaN)} before,`,
    `seed ${args.seed}${args.scale === 1 ? "" : `, TRIAL RUN at ${args.scale} of the counts`}.`,
  ].join(" ");
  const figures: Figure[] = [];
  const notes: string[] = [];
  let usage: Partial<MeasuredUsage> = {};
  for (const name of args.only) {
    const measured = await measure(name, createScale(args.scale, args.seed));
    figures.push(...measured.figures);
    notes.push(...measured.notes);
    usage = { ...usage, ...measured.usage };
  }
  print(args, run, figures, notes);
  if (args.writeDocs) writeCostDocument({ run, figures, notes, measured: usage as MeasuredUsage });
  return figures.every(({ ok }) => ok) ? 0 : 1;
}

try {
  process.exitCode = await main(readArguments(process.argv.slice(2)));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exitCode = 2;
}
