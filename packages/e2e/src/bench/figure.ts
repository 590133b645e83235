/** What a value must reach. */
export type Target = { atLeast: number } | { atMost: number } | { exactly: number };

/** One line of the result. `--json` prints exactly these members. */
export interface Figure {
  figure: string;
  value: number;
  unit: string;
  /** What it is measured against, in the same run. */
  baseline: string;
  /** Empty if none is set. */
  target: string;
  /** False if the target is missed; true if there is none. */
  ok: boolean;
}

/** What a measurement found: figures, and the lines that show how it came to them. */
export interface Report {
  figures: Figure[];
  notes: string[];
}

const SIGNIFICANT_DIGITS = 4;

/** Holds a value against its target. What cannot be measured (NaN) misses. */
export function makeFigure(measured: Omit<Figure, "target" | "ok"> & { target?: Target }): Figure {
  const { figure, unit, baseline, target } = measured;
  const value = Number(measured.value.toPrecision(SIGNIFICANT_DIGITS));
  if (target === undefined) return { figure, value, unit, baseline, target: "", ok: true };
  if ("exactly" in target) {
    // What must be exact is compared before it is shortened.
    return { figure, value, unit, baseline, target: `= ${target.exactly}`, ok: measured.value === target.exactly };
  }
  return "atLeast" in target
    ? { figure, value, unit, baseline, target: `>= ${target.atLeast}`, ok: value >= target.atLeast }
    : { figure, value, unit, baseline, target: `<= ${target.atMost}`, ok: value <= target.atMost };
}

/** A number as people read it: thousands separated, small ones with their digits. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 2 : 4;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

const COLUMNS = ["figure", "value", "unit", "target", "ok", "baseline"] as const;

/** The figures as a Markdown table, padded so that it reads well in a terminal too. */
export function formatTable(figures: readonly Figure[]): string {
  const rows = [
    [...COLUMNS],
    ...figures.map((figure) => COLUMNS.map((column) => formatCell(figure, column).replaceAll("|", "\\|"))),
  ];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`);
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

function formatCell(figure: Figure, column: (typeof COLUMNS)[number]): string {
  if (column === "value") return formatNumber(figure.value);
  if (column === "ok") return figure.target === "" ? "" : figure.ok ? "yes" : "NO";
  return figure[column];
}
