import { parseArgs } from "node:util";

/** The measurements, in the order in which they run. */
export const MEASUREMENTS = [
  "ingest",
  "operations",
  "aggregation",
  "piled_up",
  "noisy_neighbour",
  "close",
  "webhooks",
] as const;

/** One of {@link MEASUREMENTS}. */
export type MeasurementName = (typeof MEASUREMENTS)[number];

/** What a run was asked for. */
export interface BenchArguments {
  only: MeasurementName[];
  json: boolean;
  /** Writes tables into docs/cost.md. */
  writeDocs: boolean;
  /** Share of the full counts: a trial run's figures are not the product's. */
  scale: number;
  seed: number;
}

export const USAGE = `node packages/e2e/src/bench.ts [--json] [--only <name>]... [--scale <0..1>] [--seed <n>] [--write-docs]
names: ${MEASUREMENTS.join(", ")}`;

/**
 * Reads the command line.
 * @throws Error that says what is wrong with it.
 */
export function readArguments(args: readonly string[]): BenchArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      "write-docs": { type: "boolean", default: false },
      scale: { type: "string", default: "1" },
      seed: { type: "string", default: "1" },
    },
  });
  const unknown = values.only.filter((name) => !isMeasurement(name));
  if (unknown.length > 0) throw new Error(`no such measurement: ${unknown.join(", ")}`);
  const [scale, seed] = [Number(values.scale), Number(values.seed)];
  if (!(scale > 0 && scale <= 1)) throw new Error("--scale takes a number above 0 and at most 1");
  if (!Number.isSafeInteger(seed)) throw new Error("--seed takes a whole number");
  const only = values.only.length === 0 ? [...MEASUREMENTS] : values.only.filter(isMeasurement);
  const writeDocs = values["write-docs"];
  if (writeDocs && (scale !== 1 || only.length < MEASUREMENTS.length)) {
    throw new Error("--write-docs takes a full run: no --scale, no --only");
  }
  return { only, json: values.json, writeDocs, scale, seed };
}

const isMeasurement = (name: string): name is MeasurementName => (MEASUREMENTS as readonly string[]).includes(name);
