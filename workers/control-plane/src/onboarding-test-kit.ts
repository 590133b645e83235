import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Runtime } from "@prego/core/http";
import { createWorker } from "./app.ts";
import type { Env } from "./env.ts";

/** A moment in the middle of a day. */
export const NOON_MS = Date.parse("2026-11-21T12:30:00.000Z");

export const bindings = env as unknown as Env;

const SECRETS = {
  INTERNAL_API_KEY: "operator-key",
  FUNNEL_SECRET: "funnel-key",
  STRIPE_SECRET_KEY: "sk_test_onboarding",
  BASE_DOMAIN: "prego.example",
};

/** A call that left the worker. */
export interface OutboundCall {
  url: string;
  headers: Headers;
  body: URLSearchParams;
}

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
  text: string;
}

/** Control-plane with a clock of its own, a log that can be read, and a network that a test answers for. */
export function createTestPlane(answer: (call: OutboundCall) => Response = refuse) {
  const clock = { nowMs: NOON_MS };
  const lines: string[] = [];
  const calls: OutboundCall[] = [];
  const runtime: Runtime = {
    now: () => clock.nowMs,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    write: (line) => lines.push(line),
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const fields = [...(await request.formData())].map(([name, value]) => [
        name,
        typeof value === "string" ? value : "",
      ]);
      const call = { url: request.url, headers: request.headers, body: new URLSearchParams(fields) };
      calls.push(call);
      return answer(call);
    },
  };
  const app = createWorker(runtime);

  const send = async (method: string, path: string, init: SendInit = {}): Promise<Answer> => {
    const { json, text, token, headers = {}, overrides = {} } = init;
    const body = text ?? (json === undefined ? null : JSON.stringify(json));
    const request = new Request(`https://cp.test${path}`, {
      method,
      headers: {
        ...(body === null ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      body,
    });
    const context = createExecutionContext();
    const response = await app.fetch(request, { ...bindings, ...SECRETS, ...overrides }, context);
    await waitOnExecutionContext(context);
    const received = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: JSON.parse(received) as Record<string, unknown>,
      text: received,
    };
  };
  return {
    clock,
    lines,
    calls,
    send,
    get: (path: string, init?: SendInit) => send("GET", path, init),
    post: (path: string, json: unknown, init?: SendInit) => send("POST", path, { ...init, json }),
    read: (path: string, init?: SendInit) => send("GET", path, { token: SECRETS.INTERNAL_API_KEY, ...init }),
    ingest: (json: unknown, init?: SendInit) =>
      send("POST", "/internal/funnel-events/ingest", { token: SECRETS.FUNNEL_SECRET, json, ...init }),
  };
}

interface SendInit {
  json?: unknown;
  text?: string;
  token?: string;
  headers?: Record<string, string>;
  overrides?: Partial<Env>;
}

const refuse = (): Response => {
  throw new Error("no network in this test");
};

export const rows = async (sql: string, ...values: unknown[]): Promise<Record<string, unknown>[]> =>
  (
    await bindings.DB.prepare(sql)
      .bind(...values)
      .all()
  ).results;

const CREATED = "2026-01-01T00:00:00.000Z";

/** Plans `free` and `paid`, region `eu` with a node of the given capacity, region `us` without any. */
export async function seedOffer(capacity = 100): Promise<void> {
  await bindings.DB.batch([
    ...[
      ["free", null],
      ["paid", "price_paid"],
    ].map(([planId, price]) =>
      bindings.DB.prepare(
        "INSERT OR IGNORE INTO plans (plan_id, version, name, currency, billing_mode, stripe_price_id, effective_from, created_at) VALUES (?, 1, 'x', 'usd', 'invoice_item', ?, ?, ?)",
      ).bind(planId, price, CREATED, CREATED),
    ),
    bindings.DB.prepare(
      "INSERT OR IGNORE INTO nodes (node_id, region, provider, size, capacity, status, created_at, updated_at) VALUES ('node-1', 'eu', 'local', 's', ?, 'active', ?, ?)",
    ).bind(capacity, CREATED, CREATED),
    bindings.DB.prepare(
      "INSERT OR IGNORE INTO scaling_regions (region, mode, min_nodes, max_nodes, target_pressure, node_size, node_capacity, updated_at) VALUES ('us', 'active', 0, 1, 70, 's', 1, ?)",
    ).bind(CREATED),
  ]);
}

/** Puts a tenant there as if it had been made long ago. */
export async function addTenant(
  tenantId: string,
  columns: { slug?: string; status?: string; createdAt?: string } = {},
) {
  const { slug = `slug-${tenantId}`, status = "Active", createdAt = CREATED } = columns;
  await bindings.DB.prepare(
    `INSERT INTO tenants_master (tenant_id, slug, short_id, type, plan_id, status, status_changed_at, region, created_at, updated_at)
     VALUES (?, ?, ?, 'standard', 'paid', ?, ?, 'eu', ?, ?)`,
  )
    .bind(tenantId, slug, `short-${tenantId}`, status, createdAt, createdAt, createdAt)
    .run();
}
