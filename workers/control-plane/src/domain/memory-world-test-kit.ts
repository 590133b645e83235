import { formatInstant } from "@prego/core/period";
import { readEnvelope, type SubscriptionFields } from "@prego/core/stripe";
import type { ChangeSet, PlanStatement } from "./change-set.ts";
import type { NodeRoom } from "./placement.ts";
import { planCompletion, type JobEnding } from "./provision.ts";
import { isUnclaimed, type JobRow, type SubscriptionRow, type TenantRow } from "./rows.ts";
import { planStripeEffect } from "./stripe-effects.ts";
import { readStripeFact } from "./stripe-fact.ts";
import type { StripeContext, StripeNews, StripeOutcome, StripeState } from "./stripe-state.ts";

/** What the database would hold, so that thousands of orders can be tried through the pure plans alone. */
export class MemoryWorld {
  readonly tenants = new Map<string, TenantRow>();
  readonly subscriptions = new Map<string, SubscriptionRow>();
  readonly jobs = new Map<string, JobRow>();
  readonly outcomes = new Map<string, StripeOutcome>();
  readonly changes: ChangeSet[] = [];
  readonly plans: PlanStatement[] = [];
  /** Stripe's own state, for the events that leave a doubt; by subscription id. */
  readonly stripe = new Map<string, SubscriptionFields>();
  nodes: NodeRoom[] = [{ nodeId: "node_1", capacity: 10, placed: 0 }];
  questions = 0;
  nowMs = Date.UTC(2026, 10, 21);
  #ids = 0;

  get tenant(): TenantRow {
    const [tenant] = this.tenants.values();
    if (tenant === undefined) throw new Error("no tenant yet");
    return tenant;
  }

  /** What Stripe invoices the tenant's subscription by. */
  get invoiced(): Pick<SubscriptionRow, "currentPeriodStart" | "currentPeriodEnd" | "priceIds"> {
    const row = this.subscriptions.get(this.tenant.stripeSubscriptionId ?? "");
    if (row === undefined) throw new Error("no subscription yet");
    const { currentPeriodStart, currentPeriodEnd, priceIds } = row;
    return { currentPeriodStart, currentPeriodEnd, priceIds };
  }

  openJobs(kind?: JobRow["kind"]): JobRow[] {
    return [...this.jobs.values()].filter(
      (job) => !["succeeded", "failed", "cancelled"].includes(job.status) && (kind === undefined || job.kind === kind),
    );
  }

  /** Takes an event as the webhook does; a copy does nothing. */
  receive(event: unknown): StripeOutcome {
    const envelope = readEnvelope(event);
    if (envelope === undefined) throw new Error("not an event");
    return this.take({ envelope, fact: readStripeFact(envelope) });
  }

  /** Takes news as the webhook's code does, wherever they come from. */
  take(news: StripeNews): StripeOutcome {
    const known = this.outcomes.get(news.envelope.id);
    if (known !== undefined) return known;
    const asked = new Map<string, SubscriptionFields>();
    for (;;) {
      const plan = planStripeEffect(news, this.#state(news), this.#context(asked));
      if (plan.kind === "ask") {
        const answer = this.stripe.get(plan.subscriptionId);
        if (answer === undefined || asked.has(plan.subscriptionId)) throw new Error("Stripe has no answer");
        this.questions += 1;
        asked.set(plan.subscriptionId, answer);
        continue;
      }
      this.apply(plan.changes);
      this.outcomes.set(news.envelope.id, plan.outcome);
      return plan.outcome;
    }
  }

  /** Lets a run claim an open job, as the first callback does. */
  claim(kind: JobRow["kind"]): JobRow | undefined {
    const job = this.openJobs(kind).find((open) => isUnclaimed(open));
    if (job === undefined) return undefined;
    const held: JobRow = { ...job, status: "claimed", runId: "run_1" };
    this.jobs.set(job.jobId, held);
    return held;
  }

  /** Lets the run that holds a job finish it. */
  complete(job: JobRow): void {
    const tenant = this.tenants.get(job.tenantId);
    if (tenant === undefined) throw new Error("no such tenant");
    const ending: JobEnding = {
      job,
      tenant,
      openJobs: this.openJobs(),
      nodes: this.nodes,
      newJobIds: this.#newJobIds(),
      actor: "provisioner:run_1",
      nowMs: this.nowMs,
    };
    const plan = planCompletion(ending, { readiness: {}, nodeId: undefined });
    if (plan.kind === "change") this.apply(plan.changes);
  }

  /** Plan of the tenant at a second of the story: the last statement up to it, in the order of times and then of recording. */
  planAt(second: number): string | undefined {
    const at = formatInstant((CREATED + second) * 1_000);
    const history = this.plans.toSorted((a, b) => a.effectiveFrom.localeCompare(b.effectiveFrom));
    return (history.findLast(({ effectiveFrom }) => effectiveFrom <= at) ?? history[0])?.planId;
  }

  apply(changes: ChangeSet): void {
    this.changes.push(changes);
    this.plans.push(...changes.plans);
    if (changes.tenant?.kind === "create") this.tenants.set(changes.tenant.row.tenantId, changes.tenant.row);
    if (changes.tenant?.kind === "update") {
      const { before, set } = changes.tenant;
      this.tenants.set(before.tenantId, { ...before, ...set });
    }
    if (changes.subscription !== null) {
      this.subscriptions.set(changes.subscription.after.subscriptionId, changes.subscription.after);
    }
    for (const change of changes.jobs) {
      if (change.kind === "queue") this.jobs.set(change.job.jobId, change.job);
      if (change.kind === "cancel") this.jobs.set(change.job.jobId, { ...change.job, status: "cancelled" });
      if (change.kind === "update") this.jobs.set(change.before.jobId, { ...change.before, ...change.set });
    }
  }

  #state({ fact }: StripeNews): StripeState {
    const tenants = [...this.tenants.values()];
    const session = fact.kind === "checkout" ? fact.session : undefined;
    const subscriptionId =
      fact.kind === "subscription"
        ? fact.subscription.id
        : fact.kind === "invoice"
          ? fact.subscriptionId
          : session?.subscriptionId;
    const slugTenant = tenants.find(({ slug }) => slug === session?.metadata["slug"]);
    const tenant = tenants.find(({ stripeSubscriptionId }) => stripeSubscriptionId === (subscriptionId ?? ""));
    const customerId = fact.kind === "subscription" ? fact.subscription.customerId : session?.customerId;
    const customerTenant = tenants.find(({ stripeCustomerId }) => stripeCustomerId === (customerId ?? ""));
    const moved = session === undefined ? (tenant ?? customerTenant) : slugTenant;
    return {
      subscription: this.subscriptions.get(subscriptionId ?? ""),
      tenant,
      claimedTenant: this.tenants.get(session?.metadata["tenant_id"] ?? ""),
      slugTenant,
      customerTenant,
      openJobs: this.openJobs().filter(({ tenantId }) => tenantId === moved?.tenantId),
      nodes: this.nodes,
      isPlanKnown: ["starter", "scale"].includes(session?.metadata["plan"] ?? ""),
      planIdByPrice: new Map([
        ["price_starter", "starter"],
        ["price_scale", "scale"],
      ]),
    };
  }

  #newJobIds(): JobEnding["newJobIds"] {
    this.#ids += 1;
    return { provision: `job_p${this.#ids}`, deprovision: `job_d${this.#ids}` };
  }

  #context(asked: ReadonlyMap<string, SubscriptionFields>): StripeContext {
    this.#ids += 1;
    return {
      nowMs: this.nowMs,
      livemode: false,
      newTenant: { tenantId: `ten_${this.#ids}`, shortId: `short${this.#ids}` },
      newJobIds: this.#newJobIds(),
      asked,
    };
  }
}

const CREATED = 1_795_000_000;

/** A subscription object of the given state: the price of a plan, after the metered one that is sold with it. */
export const subscriptionObject = (status: string, options: { id?: string; price?: string; end?: number } = {}) => ({
  id: options.id ?? "sub_1",
  object: "subscription",
  customer: "cus_1",
  status,
  items: { data: itemsOf(options.price ?? "price_starter", options.end ?? 1_800_000_000) },
});

const itemsOf = (price: string, end: number) => {
  const period = { current_period_start: end - 2_592_000, current_period_end: end };
  const metered = { id: `${price}_metered`, recurring: { usage_type: "metered" } };
  return [
    { price: metered, ...period },
    { price: { id: price }, ...period },
  ];
};

/** A subscription event `second` seconds into the story. */
export const subscriptionEvent = (
  type: "created" | "updated" | "deleted" | "paused" | "resumed",
  second: number,
  object: ReturnType<typeof subscriptionObject>,
) => ({
  id: `evt_${type}_${second}_${object.status}_${object.id}`,
  object: "event",
  type: `customer.subscription.${type}`,
  created: CREATED + second,
  livemode: false,
  data: { object },
});

/** A completed checkout `second` seconds into the story. */
export const checkoutEvent = (
  second: number,
  options: { id?: string; subscription?: string; customer?: string | null; metadata?: Record<string, string> } = {},
) => ({
  id: options.id ?? `evt_checkout_${second}`,
  object: "event",
  type: "checkout.session.completed",
  created: CREATED + second,
  livemode: false,
  data: {
    object: {
      id: "cs_1",
      object: "checkout.session",
      mode: "subscription",
      customer: options.customer === undefined ? "cus_1" : options.customer,
      subscription: options.subscription ?? "sub_1",
      metadata: { slug: "acme", plan: "starter", region: "eu", trace_id: "trace_acme", ...options.metadata },
    },
  },
});
