import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { hmacSha256Hex } from "@prego/core/auth";
import type { Runtime } from "@prego/core/http";
import { createStripeClient } from "@prego/core/stripe";
import { createWorker } from "./app.ts";
import { createDeps, type Deps } from "./deps.ts";
import type { Env } from "./env.ts";

export const SECRETS = {
  INTERNAL_API_KEY: "operator-secret",
  STRIPE_WEBHOOK_SECRET: "whsec_test",
  STRIPE_SECRET_KEY: "sk_test_control_plane",
  GITHUB_TOKEN: "github-token",
  GITHUB_REPOSITORY: "acme/infra",
  PROVISIONER_SECRET: "provisioner-secret",
  NODE_TOKEN_SECRET: "node-secret",
  FUNNEL_SECRET: "funnel-secret",
} satisfies Partial<Env>;

export const START_MS = Date.UTC(2026, 10, 21, 2, 16, 33, 123);

/** An outbound call and how the test answers it. */
export interface OutboundCall {
  url: string;
  method: string;
  body: unknown;
}

export type Outbound = (call: OutboundCall) => Response | Promise<Response>;

const refuseNetwork: Outbound = ({ url }) => {
  throw new Error(`unexpected call to ${new URL(url).host}`);
};

/** GitHub that accepts every dispatch and names its run. */
export const acceptDispatches: Outbound = ({ url }) =>
  url.endsWith("/dispatches")
    ? Response.json({ workflow_run_id: 4_711, html_url: "https://github.com/acme/infra/actions/runs/4711" })
    : refuseNetwork({ url, method: "GET", body: null });

const STRIPE_LIST = /^https:\/\/api\.stripe\.com\/v1\/(?:events|subscriptions)\?/;

/** The same, with a Stripe that has nothing to list. */
export const acceptTicks: Outbound = (call) =>
  STRIPE_LIST.test(call.url) ? Response.json({ object: "list", data: [], has_more: false }) : acceptDispatches(call);

/** The worker with a clock, a network and secrets of the test's own, over the real database. */
export class ControlPlane {
  nowMs = START_MS;
  readonly lines: string[] = [];
  readonly calls: OutboundCall[] = [];
  outbound: Outbound = acceptDispatches;
  bindings: Env;
  readonly runtime: Runtime;
  readonly #app: ReturnType<typeof createWorker>;

  constructor(settings: Partial<Env> = {}) {
    this.bindings = { ...(env as unknown as Env), ...SECRETS, ...settings };
    this.runtime = {
      now: () => this.nowMs,
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      write: (line) => this.lines.push(line),
      fetch: async (input, init) => this.#answer(input, init),
    };
    this.#app = createWorker(this.runtime);
  }

  get deps(): Deps {
    return createDeps(this.bindings, this.runtime);
  }

  async #answer(input: RequestInfo | URL, init: RequestInit | undefined): Promise<Response> {
    const request = new Request(input, init);
    const text = request.body === null ? "" : await request.text();
    const call = { url: request.url, method: request.method, body: text === "" ? null : (JSON.parse(text) as unknown) };
    this.calls.push(call);
    return this.outbound(call);
  }

  async send(path: string, init: RequestInit = {}): Promise<Response> {
    const context = createExecutionContext();
    const response = await this.#app.fetch(new Request(`https://cp.test${path}`, init), this.bindings, context);
    await waitOnExecutionContext(context);
    return response;
  }

  async get<T>(path: string, token: string = SECRETS.INTERNAL_API_KEY): Promise<{ status: number; body: T }> {
    const response = await this.send(path, { headers: { authorization: `Bearer ${token}` } });
    return { status: response.status, body: await response.json<T>() };
  }

  async post<T>(path: string, token: string, body: unknown): Promise<{ status: number; body: T }> {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await this.send(path, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: response.status, body: await response.json<T>() };
  }

  /** Delivers an event as Stripe does: signed by the SDK, with the clock of the test. */
  async deliver(event: object, options: { secret?: string } = {}): Promise<{ status: number; body: unknown }> {
    const payload = JSON.stringify(event);
    const signature = await createStripeClient({ secretKey: "sk_unused" }).webhooks.generateTestHeaderStringAsync({
      payload,
      secret: options.secret ?? SECRETS.STRIPE_WEBHOOK_SECRET,
      timestamp: Math.floor(this.nowMs / 1_000),
    });
    const headers = { "stripe-signature": signature, "content-type": "application/json" };
    const response = await this.send("/webhooks/stripe", { method: "POST", headers, body: payload });
    return { status: response.status, body: await response.json() };
  }

  /** Rows of a query, as D1 gives them. */
  async rows<T = Record<string, unknown>>(query: string, ...values: unknown[]): Promise<T[]> {
    return (
      await this.bindings.DB.prepare(query)
        .bind(...values)
        .all<T>()
    ).results;
  }

  async row<T = Record<string, unknown>>(query: string, ...values: unknown[]): Promise<T | undefined> {
    return (await this.rows<T>(query, ...values))[0];
  }
}

/** Gives the business a plan with a price, and a region of its own with one node. */
export async function seedBusiness(plane: ControlPlane, region: string, capacity = 10): Promise<void> {
  const at = "2026-01-01T00:00:00.000Z";
  const { DB } = plane.bindings;
  await DB.batch([
    ...["starter", "scale"].map((plan) =>
      DB.prepare(
        "INSERT OR IGNORE INTO plans (plan_id, version, name, currency, billing_mode, stripe_price_id, effective_from, created_at) VALUES (?1, 1, ?1, 'eur', 'invoice_item', 'price_' || ?1, ?2, ?2)",
      ).bind(plan, at),
    ),
    DB.prepare(
      "INSERT INTO nodes (node_id, region, provider, size, capacity, status, created_at, updated_at) VALUES ('node-' || ?1, ?1, 'local', 's', ?2, 'active', ?3, ?3)",
    ).bind(region, capacity, at),
  ]);
}

/** Names of one customer's objects at Stripe, and its events. */
export class StripeCustomer {
  readonly slug: string;
  readonly region: string;
  #events = 0;

  constructor(slug: string, region: string) {
    this.slug = slug;
    this.region = region;
  }

  get subscriptionId(): string {
    return `sub_${this.slug.replaceAll("-", "_")}`;
  }

  get customerId(): string {
    return `cus_${this.slug.replaceAll("-", "_")}`;
  }

  get traceId(): string {
    return `trace_${this.slug}`;
  }

  event(type: string, object: object, created = START_MS / 1_000): Record<string, unknown> & { id: string } {
    this.#events += 1;
    return {
      id: `evt_${this.slug.replaceAll("-", "_")}_${this.#events}`,
      object: "event",
      api_version: "2026-10-28.endive",
      type,
      created: Math.floor(created),
      livemode: false,
      data: { object },
    };
  }

  checkout(
    options: { created?: number; metadata?: Record<string, string>; subscription?: string; customer?: string } = {},
  ) {
    const metadata = { slug: this.slug, plan: "starter", region: this.region, trace_id: this.traceId, name: "Ann" };
    const session = {
      id: `cs_${this.slug.replaceAll("-", "_")}`,
      object: "checkout.session",
      mode: "subscription",
      payment_status: "paid",
      customer: options.customer ?? this.customerId,
      subscription: options.subscription ?? this.subscriptionId,
      metadata: options.metadata ?? metadata,
    };
    return this.event("checkout.session.completed", session, options.created);
  }

  subscription(status: string, options: { price?: string; endSeconds?: number; id?: string } = {}) {
    const { price = "price_starter", endSeconds = 1_800_000_000 } = options;
    return {
      id: options.id ?? this.subscriptionId,
      object: "subscription",
      customer: this.customerId,
      status,
      items: {
        data: [
          {
            id: "si_1",
            price: { id: price },
            current_period_start: endSeconds - 2_592_000,
            current_period_end: endSeconds,
          },
        ],
      },
      metadata: {},
    };
  }

  changed(status: string, created?: number, options: { price?: string; endSeconds?: number; id?: string } = {}) {
    const kind = status === "canceled" ? "deleted" : "updated";
    return this.event(`customer.subscription.${kind}`, this.subscription(status, options), created);
  }
}

/** A signature made without the SDK, for what the SDK would not sign. */
export const signBytes = async (payload: string, timestamp: number): Promise<string> =>
  `t=${timestamp},v1=${await hmacSha256Hex(SECRETS.STRIPE_WEBHOOK_SECRET, `${timestamp}.${payload}`)}`;
