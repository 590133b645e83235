import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { formatMonthBills, formatMonthTable, formatPriceTable } from "./cost-tables.ts";
import { replaceBlock } from "./document-block.ts";
import { type Figure, formatTable } from "./figure.ts";
import type { MeasuredUsage } from "./measured-usage.ts";

const DOCUMENT = path.resolve(import.meta.dirname, "../../../../docs/cost.md");

/** Everything of a full run that docs/cost.md shows. */
export interface CostDocument {
  /** Date and machine. */
  run: string;
  figures: readonly Figure[];
  notes: readonly string[];
  measured: MeasuredUsage;
}

/** Puts a run's tables into docs/cost.md. */
export function writeCostDocument({ run, figures, notes, measured }: CostDocument): void {
  const blocks = {
    prices: formatPriceTable(),
    figures: `${run}\n\n${formatTable(figures)}`,
    arithmetic: `\`\`\`text\n${notes.join("\n")}\n\`\`\``,
    months: formatMonthTable(measured),
    bills: formatMonthBills(measured),
  };
  let text = readFileSync(DOCUMENT, "utf8");
  for (const [name, content] of Object.entries(blocks)) text = replaceBlock(text, name, content);
  writeFileSync(DOCUMENT, text);
}
