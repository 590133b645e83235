import { formatNumber } from "./figure.ts";
import { type Item, PRICES, type Usage } from "./price-list.ts";

/** One line of a bill. */
export interface BillLine {
  item: Item;
  units: number;
  billedUnits: number;
  nanoUsd: number;
}

/** A bill with its sum. */
export interface Bill {
  lines: BillLine[];
  usd: number;
}

const NANO = 1_000_000_000;
const MILLION = 1_000_000;

const listItems = (usage: Usage): [Item, number][] =>
  (Object.entries(usage) as [Item, number][]).filter(([, n]) => n > 0);

const sumUp = (lines: BillLine[]): Bill => ({
  lines,
  usd: lines.reduce((sum, { nanoUsd }) => sum + nanoUsd, 0) / NANO,
});

/** Price of usage at the margin: nothing is included, nothing is rounded up. */
export function priceMarginal(usage: Usage): Bill {
  return sumUp(
    listItems(usage).map(([item, units]) => ({
      item,
      units,
      billedUnits: units,
      nanoUsd: Math.round(units * PRICES[item].nanoUsd),
    })),
  );
}

/** Price of a month's usage: what the plan includes is taken off, the rest is rounded up as the pages say. */
export function priceMonth(usage: Usage): Bill {
  return sumUp(
    listItems(usage).map(([item, units]) => {
      const { included, roundedTo, nanoUsd } = PRICES[item];
      const excess = Math.max(0, units - included);
      const billedUnits = roundedTo === 0 ? excess : Math.ceil(excess / roundedTo) * roundedTo;
      return { item, units, billedUnits, nanoUsd: Math.round(billedUnits * nanoUsd) };
    }),
  );
}

/** Usage per million events, from what was counted over some. */
export function perMillion(usage: Usage, events: number): Usage {
  return scaleUsage(usage, MILLION / events);
}

/** Usage that many times over. */
export function scaleUsage(usage: Usage, factor: number): Usage {
  return Object.fromEntries(listItems(usage).map(([item, units]) => [item, units * factor]));
}

/** Sum of several usages. */
export function addUsage(...parts: readonly Usage[]): Usage {
  const sum: Usage = {};
  for (const part of parts) for (const [item, units] of listItems(part)) sum[item] = (sum[item] ?? 0) + units;
  return sum;
}

/** Dollars, with as many digits as they need to be seen unless told. */
export function formatUsd(usd: number, digits = usd !== 0 && Math.abs(usd) < 1 ? 4 : 2): string {
  return `$${usd.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

/** A price as its page writes it: by the million, storage by the unit. */
export function formatPrice(item: Item): string {
  const { unit, nanoUsd } = PRICES[item];
  if (nanoUsd < MILLION) return `$${nanoUsd / 1_000} a million ${unit}`;
  return `$${nanoUsd / NANO} a ${unit.replace(/s$/, "")}`;
}

/** The arithmetic of a bill, one line each: units x price = dollars. */
export function formatBill({ lines, usd }: Bill): string[] {
  const rows = lines.map(({ item, billedUnits, nanoUsd }) => {
    const units = formatNumber(billedUnits).padStart(12);
    return `  ${PRICES[item].item.padEnd(48)} ${units} x ${formatPrice(item).padEnd(26)} = ${formatUsd(nanoUsd / NANO)}`;
  });
  return [...rows, `  ${"sum".padEnd(92)} = ${formatUsd(usd)}`];
}
