import { canonicalJson } from "@prego/core/audit";
import { cycleBounds } from "@prego/core/period";
import { formatQuantity } from "@prego/core/quantity";
import { expectCharges, type PrintedCharge, textOfCharge } from "./expected-charges.ts";
import type { Fleet, FleetTenant } from "./fleet.ts";
import { expectLateLines, type ExpectedLine, expectLines } from "./oracle.ts";
import { type FleetStorage, storeEvents, storeTenants } from "./store-fleet.ts";
import { type PrintedLine, printStored, readTotals } from "./stored-lines.ts";

const STORED_MEMBERS = [
  "meter_key",
  "cycle",
  "corrected_cycle",
  "quantity",
  "included",
  "overage",
  "amount_minor",
  "currency",
  "plan_snapshot",
  "rollup_digest",
] as const satisfies readonly (keyof PrintedLine)[];

/** What is read of `GET /cycle-close/preview`. */
interface PrintedPreview {
  lines: PrintedLine[];
  charges: PrintedCharge[];
}

/** What is read of `POST /cycle-close?dry_run=1`, which prints the first tenants only. */
interface PrintedDryRun {
  report: { cycles: { cycle: string; tenants: (PrintedPreview & { tenant_id: string })[] }[] };
}

/** What is read of `GET /cycle-close/explain?recompute=1`. */
interface PrintedRecomputation {
  digest_matches: boolean;
  recomputed: { equal: boolean; complete: boolean; quantity: string };
}

/** The stack that a fleet is closed by. */
export interface FleetHost extends FleetStorage {
  /** Rolls up everything that is pending. */
  aggregate: (atMs: number) => Promise<void>;
  /** Closes every tenant of what is due at a time. */
  close: (atMs: number) => Promise<void>;
  call: <T>(method: "GET" | "POST", path: string, atMs: number) => Promise<T>;
}

/** What was compared, and every difference. */
export interface FleetComparison {
  lines: number;
  lateLines: number;
  /** Previews and dry runs of a tenant's cycle. */
  printed: number;
  recomputed: number;
  previewMs: number;
  recomputeMs: number;
  differences: string[];
}

const REQUESTS_AT_ONCE = 4;
/** After the end of a cycle: past the grace time. */
const CLOSE_AFTER_MS = 40 * 60_000;

/**
 * Takes a fleet through two closes and holds every line that they store against dry run, preview, oracle and raw lines.
 * @param routesEvery preview and recomputation, which are a request each, are asked for every so many tenants.
 */
export async function compareFleet(host: FleetHost, fleet: Fleet, routesEvery: number): Promise<FleetComparison> {
  const { tenants, cycles } = fleet;
  const seen = {
    lines: 0,
    lateLines: 0,
    printed: 0,
    recomputed: 0,
    previewMs: 0,
    recomputeMs: 0,
    differences: [] as string[],
  };
  await storeTenants(host, fleet);
  await storeEvents(
    host,
    "first",
    tenants.map(({ tenantId, first }) => ({ tenantId, events: first })),
  );
  await compareClose(host, fleet, {
    seen,
    routesEvery,
    cycle: cycles.first,
    expect: ({ plan, first }) => expectLines(plan, cycles.first, first),
  });
  await storeEvents(
    host,
    "late",
    tenants.map(({ tenantId, late }) => ({ tenantId, events: late })),
  );
  await storeEvents(
    host,
    "second",
    tenants.map(({ tenantId, second }) => ({ tenantId, events: second })),
  );
  const expectSecond = (tenant: FleetTenant): ExpectedLine[] => [
    ...expectLines(tenant.plan, cycles.second, tenant.second),
    ...expectLateLines(tenant, cycles.first),
  ];
  await compareClose(host, fleet, { seen, routesEvery, cycle: cycles.second, expect: expectSecond });
  return seen;
}

interface CloseComparison {
  seen: FleetComparison;
  routesEvery: number;
  cycle: string;
  expect: (tenant: FleetTenant) => ExpectedLine[];
}

async function compareClose(
  host: FleetHost,
  { tenants, cycles }: Fleet,
  { seen, routesEvery, cycle, expect }: CloseComparison,
): Promise<void> {
  const { endMs } = cycleBounds(cycle);
  await host.aggregate(endMs);
  const atMs = endMs + CLOSE_AFTER_MS;
  const asked = tenants.filter((_, index) => index % routesEvery === 0);
  const previewedAt = performance.now();
  const previews = new Map<string, PrintedPreview>();
  await forEach(asked, async ({ tenantId }) => {
    const path = `/cycle-close/preview?tenant_id=${tenantId}&cycle=${cycle}`;
    previews.set(tenantId, await host.call<PrintedPreview>("GET", path, atMs));
  });
  seen.previewMs += performance.now() - previewedAt;
  const dryRun = await host.call<PrintedDryRun>("POST", "/cycle-close?dry_run=1", atMs);
  const planned = dryRun.report.cycles.flatMap((one) => (one.cycle === cycle ? one.tenants : []));
  await host.close(atMs);
  const stored = Map.groupBy(await readTotals(host.database, cycle), ({ tenant_id: tenantId }) => tenantId);
  const differ = (tenantId: string, what: string): void => void seen.differences.push(`${tenantId} ${cycle}: ${what}`);
  for (const tenant of tenants) {
    const lines = (stored.get(tenant.tenantId) ?? []).map(printStored);
    seen.lines += lines.length;
    seen.lateLines += lines.filter((line) => line.corrected_cycle !== cycle).length;
    const expected = expect(tenant);
    if (JSON.stringify(expected.map(printExpected)) !== JSON.stringify(lines.map(figuresOf))) {
      differ(tenant.tenantId, "oracle and close");
    }
    const preview = previews.get(tenant.tenantId);
    const dry = planned.find(({ tenant_id: tenantId }) => tenantId === tenant.tenantId);
    for (const [name, printed] of Object.entries({ preview, dry })) {
      if (printed === undefined) continue;
      seen.printed += 1;
      if (textOf(printed.lines) !== textOf(lines)) differ(tenant.tenantId, `${name} and close`);
      const owed = expectCharges(tenant, expected, { cycles, cycle }).toSorted();
      const charges = printed.charges.map(textOfCharge).toSorted();
      if (owed.join("\n") !== charges.join("\n")) differ(tenant.tenantId, `oracle and ${name}'s charges`);
    }
  }
  const recomputedAt = performance.now();
  await forEach(asked, async ({ tenantId }) => {
    for (const line of stored.get(tenantId) ?? []) {
      if (line.corrected_cycle !== cycle) continue;
      seen.recomputed += 1;
      const path = `/cycle-close/explain?tenant_id=${tenantId}&cycle=${cycle}&meter_key=${line.meter_key}&recompute=1`;
      const { digest_matches: isSame, recomputed } = await host.call<PrintedRecomputation>("GET", path, atMs);
      const { equal, complete, quantity } = recomputed;
      if (!isSame || !equal || !complete || quantity !== printStored(line).quantity) {
        differ(tenantId, `${line.meter_key}, raw lines say ${quantity}`);
      }
    }
  });
  seen.recomputeMs += performance.now() - recomputedAt;
}

async function forEach<T>(values: readonly T[], each: (value: T) => Promise<void>): Promise<void> {
  const waiting = values.values();
  const lane = async (): Promise<void> => {
    for (const value of waiting) await each(value);
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, lane));
}

/** All of the lines that a close stores; the amount for people follows from it. */
const textOf = (lines: readonly PrintedLine[]): string =>
  canonicalJson(lines.map((line) => Object.fromEntries(STORED_MEMBERS.map((member) => [member, line[member]]))));

const figuresOf = ({
  meter_key: meter,
  corrected_cycle: corrected,
  quantity,
  overage,
  amount_minor: amount,
}: PrintedLine) => [meter, corrected, quantity, overage, amount];

const printExpected = (line: ExpectedLine) => [
  line.meterKey,
  line.correctedCycle,
  formatQuantity(line.quantity),
  formatQuantity(line.overage),
  line.amountMinor.toString(),
];
