import { JSON_HEADERS } from "../events.ts";
import { entryOf } from "../entries.ts";
import { formatNumber, makeFigure, type Report } from "../figure.ts";
import { type LoadResult, sendAcceptedLoad } from "../load.ts";
import { applyMigrations } from "../migrate.ts";
import { runRounds } from "../rounds.ts";
import { type MeasuredRuntime, startRuntime } from "../runtime.ts";
import type { Scale } from "../scale.ts";
import { median } from "../statistics.ts";
import { createWebhookMaker, payingTenants, PRICE } from "../webhook-events.ts";

const CONNECTIONS = 50;
const ROUNDS = 5;
const REQUESTS = { webhook: 1_000, d1: 1_000 };
const SECRET = "whsec_of_the_bench";
const AT = "2026-01-01T00:00:00.000Z";

type Results = Record<"webhook" | "d1", LoadResult[]>;

/** How long Stripe waits for an answer while 50 events come at a time, each signed, planned and committed with its effect. */
export async function measureWebhooks(scale: Scale): Promise<Report> {
  const runtime = await startRuntime([
    { name: "baseline", entry: entryOf("baselines/worker.ts"), objects: { EMPTY: "EmptyObject" } },
    {
      name: "control-plane",
      entry: entryOf("@prego/control-plane/index"),
      vars: { STRIPE_WEBHOOK_SECRET: SECRET, STRIPE_LIVEMODE: "false" },
    },
  ]);
  try {
    const database = await runtime.database("control-plane");
    await applyMigrations(database);
    await seed(database);
    const contenders = await listContenders(runtime, scale);
    // What the first requests compile and open belongs to no round.
    await contenders.webhook(0);
    await contenders.d1();
    const results = await runRounds(ROUNDS, { ...contenders, webhook: (round) => contenders.webhook(round + 1) });
    await checkEvents(database, results);
    return report(results, runtime);
  } finally {
    await runtime.close();
  }
}

async function seed(database: D1Database): Promise<void> {
  const rows = JSON.stringify(payingTenants);
  await database.batch([
    database.prepare("CREATE TABLE baseline_events (id INTEGER PRIMARY KEY, body TEXT NOT NULL)"),
    database
      .prepare("INSERT INTO plans VALUES ('bench', 1, 'Bench', 'usd', 'invoice_item', NULL, ?1, ?2, ?2)")
      .bind(PRICE, AT),
    database
      .prepare(
        `INSERT INTO tenants_master (tenant_id, slug, short_id, type, plan_id, status, status_changed_at, provisioned_at,
          region, stripe_customer_id, stripe_subscription_id, subscription_status, created_at, updated_at)
        SELECT value ->> 'tenantId', value ->> 'tenantId', value ->> 'tenantId', 'standard', 'bench', 'Active', ?1, ?1, 'eu',
          value ->> 'customer', value ->> 'subscription', 'active', ?1, ?1 FROM json_each(?2)`,
      )
      .bind(AT, rows),
    database
      .prepare(
        `INSERT INTO stripe_subscriptions SELECT value ->> 'subscription', value ->> 'customer', value ->> 'tenantId', 'active',
          NULL, ?1, 1, ?2, NULL, NULL FROM json_each(?3)`,
      )
      .bind(PRICE, AT, rows),
  ]);
}

async function listContenders(runtime: MeasuredRuntime, scale: Scale) {
  const [baseline, plane] = await Promise.all([runtime.urlOf("baseline"), runtime.urlOf("control-plane")]);
  const make = await createWebhookMaker(SECRET);
  const send = (
    url: URL,
    path: string,
    load: { requests: number; events: ReturnType<typeof make>; status: number },
  ) => {
    const { requests, events, status } = load;
    const plan = { url: url.href, path, headers: JSON_HEADERS, connections: CONNECTIONS, requests, ...events };
    return sendAcceptedLoad(plan, status);
  };
  return {
    webhook: (round: number) => {
      const requests = scale.count(REQUESTS.webhook);
      return send(plane, "/webhooks/stripe", { requests, events: make(round, requests), status: 200 });
    },
    d1: () => {
      const requests = scale.count(REQUESTS.d1);
      return send(baseline, "/d1", { requests, events: make(0, requests), status: 202 });
    },
  };
}

/** An answer in time is worth something only when the event had its effect. */
async function checkEvents(database: D1Database, results: Results): Promise<void> {
  const sent = results.webhook.reduce((sum, { requests }) => sum + requests, 0);
  const row = await database
    .prepare("SELECT count(*) AS stored FROM stripe_events WHERE status = 'processed' AND event_id NOT LIKE 'evt_r0_%'")
    .first<{ stored: number }>();
  if (row?.stored !== sent) throw new Error(`${sent} events were answered, ${row?.stored} had their effect`);
}

function report(results: Results, { errors }: MeasuredRuntime): Report {
  const of = (name: keyof Results, pick: (result: LoadResult) => number): number => median(results[name].map(pick));
  const p99 = (name: keyof Results): number => of(name, ({ p99Ms }) => p99Ms);
  const rate = (name: keyof Results): string => formatNumber(of(name, ({ perSecond }) => perSecond));
  const figures = [
    makeFigure({
      figure: "webhook_answer_p99",
      value: p99("webhook"),
      unit: "ms",
      baseline: `${formatNumber(p99("d1"))} ms bare handler, one D1 insert`,
      target: { atMost: 200 },
    }),
  ];
  const notes = [
    `Webhooks: median of ${ROUNDS} rounds, contenders in turn, ${CONNECTIONS} connections, each event of its own.`,
    `Median answer ${formatNumber(of("webhook", ({ p50Ms }) => p50Ms))} ms (one D1 insert: ${formatNumber(of("d1", ({ p50Ms }) => p50Ms))} ms);`,
    `${rate("webhook")} events/s (one D1 insert: ${rate("d1")}/s).`,
    ...errors.map((error) => `logged error: ${error}`),
  ];
  return { figures, notes };
}
