import {
  acceptDispatches,
  ControlPlane,
  SECRETS,
  seedBusiness,
  START_MS,
  StripeCustomer,
  type Outbound,
  type OutboundCall,
} from "../control-plane-test-kit.ts";
import type { ReconcileReport } from "./report.ts";

type StripeObject = Record<string, unknown> & { id: string };

/** Stripe's side of the lists that a reconcile reads, newest first and in pages. */
export class FakeStripe {
  readonly subscriptions = new Map<string, StripeObject>();
  readonly sessions: StripeObject[] = [];
  readonly undelivered: (StripeObject & { created: number })[] = [];
  pageRows = 100;
  /** Calls to Stripe before each is answered; a test may throw here. */
  onCall: (count: number) => void = () => undefined;
  calls = 0;

  /** An object as Stripe now has it: the newest event's copy. */
  hold(event: Record<string, unknown>): void {
    const { object } = event["data"] as { object: StripeObject };
    const withSlug = { livemode: false, ...object };
    if (object["object"] === "checkout.session") this.sessions.push({ status: "complete", ...withSlug });
    else this.subscriptions.set(object.id, withSlug);
  }

  get outbound(): Outbound {
    return (call) => (call.url.startsWith("https://api.stripe.com/") ? this.#answer(call) : acceptDispatches(call));
  }

  #answer({ url, method }: OutboundCall): Response {
    this.calls += 1;
    this.onCall(this.calls);
    const { pathname, searchParams } = new URL(url);
    if (method !== "GET") return new Response("{}", { status: 405 });
    const newestFirst = [...this.subscriptions.values()].toReversed();
    if (pathname === "/v1/subscriptions") return this.#list(newestFirst, searchParams);
    if (pathname === "/v1/events") return this.#list(this.#eventsIn(searchParams), searchParams);
    if (pathname === "/v1/checkout/sessions") {
      const id = searchParams.get("subscription");
      return this.#list(
        this.sessions.filter((session) => session["subscription"] === id),
        searchParams,
      );
    }
    const subscription = this.subscriptions.get(pathname.split("/").at(-1) ?? "");
    return subscription === undefined
      ? Response.json({ error: { type: "invalid_request_error", code: "resource_missing" } }, { status: 404 })
      : Response.json(subscription);
  }

  #eventsIn(query: URLSearchParams): StripeObject[] {
    const [from, until] = [Number(query.get("created[gte]")), Number(query.get("created[lt]"))];
    if (query.get("delivery_success") !== "false") throw new Error("only undelivered events are asked for");
    return this.undelivered
      .filter(({ created }) => created >= from && created < until)
      .toSorted((a, b) => b.created - a.created);
  }

  #list(items: readonly StripeObject[], query: URLSearchParams): Response {
    const after = query.get("starting_after");
    const start = after === null ? 0 : items.findIndex(({ id }) => id === after) + 1;
    const data = items.slice(start, start + this.pageRows);
    return Response.json({ object: "list", data, has_more: items.length > start + this.pageRows });
  }
}

/** Storage is shared by the tests of a file; a reconcile sees all of it. */
async function forgetEverything({ bindings }: ControlPlane): Promise<void> {
  const tables = ["tenants_master", "stripe_subscriptions", "stripe_events", "provision_jobs", "dispatches"];
  const all = [...tables, "job_runs", "job_leases", "nodes"];
  await bindings.DB.batch(all.map((table) => bindings.DB.prepare(`DELETE FROM ${table}`)));
}

/** Everything but when and by whom: what two ways to one state must agree in. */
export const stateOf = async (plane: ControlPlane): Promise<unknown> => ({
  tenants: await plane.rows(
    "SELECT slug, plan_id, status, stripe_subscription_id, subscription_status, current_period_end FROM tenants_master ORDER BY slug",
  ),
  subscriptions: await plane.rows(
    "SELECT s.subscription_id, s.status, s.current_period_start, s.current_period_end, s.price_id, s.price_ids, t.slug FROM stripe_subscriptions s LEFT JOIN tenants_master t ON t.tenant_id = s.tenant_id ORDER BY 1",
  ),
  jobs: await plane.rows("SELECT kind FROM provision_jobs ORDER BY kind, created_at"),
});

/** Rows whose number must not grow when nothing is left to do. */
export const countRows = async (plane: ControlPlane): Promise<unknown> =>
  plane.row(`SELECT (SELECT count(*) FROM stripe_events) AS events, (SELECT count(*) FROM provision_jobs) AS jobs,
    (SELECT count(*) FROM tenants_master) AS tenants, (SELECT count(*) FROM trace_events) AS traces,
    (SELECT count(*) FROM audit_logs WHERE action <> 'job.triggered') AS audits,
    (SELECT max(updated_at) FROM stripe_subscriptions) AS changed`);

/** A database whose n-th batch fails, before it is applied or after, when only the answer is lost. */
export function breakBatch(
  db: D1Database,
  faultAt: number,
  when: "before" | "after",
): { db: D1Database; hit: () => boolean } {
  let count = 0;
  const batch: D1Database["batch"] = async (statements) => {
    count += 1;
    if (count === faultAt && when === "before") throw new Error("Network connection lost");
    const results = await db.batch(statements);
    if (count === faultAt) throw new Error("Network connection lost");
    return results as never;
  };
  const broken = new Proxy(db, {
    get: (target, name) => {
      if (name === "batch") return batch;
      const member = Reflect.get(target, name) as unknown;
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
  return { db: broken, hit: () => count >= faultAt };
}

const START = START_MS / 1_000;
export const PATH = "/internal/reconcile";

/** A business with one customer, and Stripe beside it. */
export interface World {
  plane: ControlPlane;
  stripe: FakeStripe;
  ann: StripeCustomer;
}

export async function openWorld(region: string): Promise<World> {
  const plane = new ControlPlane();
  await forgetEverything(plane);
  await seedBusiness(plane, region);
  const stripe = new FakeStripe();
  plane.outbound = stripe.outbound;
  return { plane, stripe, ann: new StripeCustomer(`ann-${region}`, region) };
}

/** A manual run. */
export const reconcile = (plane: ControlPlane, query = "") =>
  plane.post<{ run_id: string | null; report: ReconcileReport }>(`${PATH}${query}`, SECRETS.INTERNAL_API_KEY, {});

/** A life of four events; Stripe holds what the last one says. */
export function liveThrough({ ann, stripe }: World) {
  const slugged = (event: Record<string, unknown> & { id: string }) => {
    const { object } = event["data"] as { object: { metadata: object } };
    object.metadata = { slug: ann.slug, plan: "starter", region: ann.region };
    return event;
  };
  const checkout = ann.checkout({ created: START - 40 });
  const events = [
    checkout,
    slugged(ann.changed("active", START - 30)),
    slugged(ann.changed("past_due", START - 20)),
    slugged(ann.changed("active", START - 10, { price: "price_scale", endSeconds: 1_802_000_000 })),
  ];
  for (const event of events) stripe.hold(event);
  return events;
}
