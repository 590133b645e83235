import {
  alternativeUsage,
  countFlushes,
  D1_INSERT_PER_EVENT,
  frontDoorUsage,
  meteringUsage,
  type Month,
  R2_PUT_PER_EVENT,
} from "./cost-model.ts";
import { formatNumber } from "./figure.ts";
import type { MeasuredUsage, SenderKind } from "./measured-usage.ts";
import { type Item, PLAN_USD, PRICE_PAGES, PRICES, PRICES_AS_OF } from "./price-list.ts";
import { formatPrice, formatUsd, priceMonth } from "./price-usage.ts";

const VOLUMES = [1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
const TENANTS = 100;
/** The month whose bill is shown line by line. */
const SHOWN_EVENTS = 100_000_000;

/** The senders that are shown. Batches in company of each other would save rows that are included anyway. */
const SENDERS = [
  { sender: "batchesAlone", name: "in batches of 100" },
  { sender: "oneByOne", name: "one by one, 50 at a time" },
  { sender: "oneByOneAlone", name: "one by one, alone" },
] as const satisfies { sender: SenderKind; name: string }[];

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const table = (head: readonly string[], rows: readonly string[][]): string =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");

/** The price list as a Markdown table. */
export function formatPriceTable(): string {
  const rows = (Object.keys(PRICES) as Item[]).map((item) => {
    const { item: name, included, unit, source } = PRICES[item];
    return [name, formatPrice(item), `${formatNumber(included)} ${unit}`, `[page](${PRICE_PAGES[source]})`];
  });
  return `Taken on ${PRICES_AS_OF}.\n\n${table(["Item", "Price", "Included a month", "Source"], rows)}`;
}

/** What months of growing size cost, each beside the same month done otherwise. */
export function formatMonthTable(measured: MeasuredUsage): string {
  const rows = VOLUMES.flatMap((events) =>
    SENDERS.map(({ sender, name }) => {
      const month: Month = { events, sender, tenants: TENANTS };
      const front = priceMonth(frontDoorUsage(month, measured)).usd;
      const metering = priceMonth(meteringUsage(month, measured)).usd;
      const others = [D1_INSERT_PER_EVENT, R2_PUT_PER_EVENT].map(
        (alternative) => PLAN_USD + front + priceMonth(alternativeUsage(alternative, month)).usd,
      );
      const bills = [front, metering, PLAN_USD + front + metering, ...others].map((usd) => formatUsd(usd, 2));
      return [formatNumber(events), name, formatNumber(countFlushes(month)), ...bills];
    }),
  );
  const head = [
    "Events a month",
    "Sent",
    "Flushes",
    "HTTP and CPU",
    "Metering",
    "Bill",
    "D1 insert each",
    "R2 put each",
  ];
  return table(head, rows);
}

/** The bills of one month line by line: used, included, billed, price. */
export function formatMonthBills(measured: MeasuredUsage): string {
  const bills = SENDERS.map(({ sender, name }) => {
    const month: Month = { events: SHOWN_EVENTS, sender, tenants: TENANTS };
    const { lines } = priceMonth({ ...frontDoorUsage(month, measured), ...meteringUsage(month, measured) });
    const rows = lines.map(({ item, units, billedUnits, nanoUsd }) => [
      PRICES[item].item,
      formatNumber(units),
      formatNumber(PRICES[item].included),
      formatNumber(billedUnits),
      formatPrice(item),
      formatUsd(nanoUsd / 1e9, 2),
    ]);
    const title = `${formatNumber(SHOWN_EVENTS)} events, ${name}:`;
    return `${title}\n\n${table(["Item", "Used", "Included", "Billed", "Price", "USD"], rows)}`;
  });
  return bills.join("\n\n");
}
