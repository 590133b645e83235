import { createExecutionContext, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Runtime } from "@prego/core/http";
import { createWorker } from "./app.ts";
import type { UsageBuffer } from "./buffer/usage-buffer.ts";
import type { BufferDeps } from "./deps.ts";
import type { UsageAnswer } from "./domain/event-result.ts";
import type { Env } from "./env.ts";

export const bindings = env as unknown as Env;

/** A moment in the middle of an hour. */
export const NOON_MS = Date.parse("2026-11-21T12:30:00.000Z");

/** A worker with a clock of its own and the log lines it wrote. */
export function createTestWorker(nowMs: number = Date.now()) {
  const lines: string[] = [];
  const clock = { nowMs };
  const runtime: Runtime = {
    now: () => clock.nowMs,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    write: (line) => lines.push(line),
    fetch: () => Promise.reject(new Error("usage-writer calls no one")),
  };
  const app = createWorker(runtime);
  const send = async (request: Request, overrides: Partial<Env> = {}): Promise<Response> =>
    app.fetch(request, { ...bindings, ...overrides }, createExecutionContext());
  const post = (path: string, body: BodyInit, headers: Record<string, string> = {}, overrides?: Partial<Env>) =>
    send(
      new Request(`https://usage.test${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body,
      }),
      overrides,
    );
  return {
    clock,
    lines,
    send,
    post,
    postUsage: (value: unknown, headers?: Record<string, string>, overrides?: Partial<Env>) =>
      post("/usage", JSON.stringify(value), headers, overrides),
  };
}

/** Adds a tenant in the given state. */
export async function addTenant(tenantId: string, status = "Active"): Promise<string> {
  const now = "2026-11-01T00:00:00.000Z";
  await bindings.DB.prepare(
    `INSERT INTO tenants_master (tenant_id, slug, short_id, type, plan_id, status, status_changed_at, region, created_at, updated_at)
     VALUES (?, ?, ?, 'standard', 'starter', ?, ?, 'eu', ?, ?)`,
  )
    .bind(tenantId, `slug-${tenantId}`, `short-${tenantId}`, status, now, now, now)
    .run();
  return tenantId;
}

export async function setTenantStatus(tenantId: string, status: string): Promise<void> {
  await bindings.DB.prepare("UPDATE tenants_master SET status = ? WHERE tenant_id = ?").bind(status, tenantId).run();
}

export const bufferOf = (tenantId: string, shard = 0): DurableObjectStub<UsageBuffer> =>
  bindings.USAGE_BUFFER.getByName(`${tenantId}/${shard}`);

/** Runs the alarm of a tenant's buffer, whenever it is due, with some parts replaced. */
export const runAlarm = (tenantId: string, parts: Partial<BufferDeps> = {}, shard = 0): Promise<void> =>
  runInDurableObject(bufferOf(tenantId, shard), async (buffer) => {
    const real = buffer.deps;
    buffer.deps = { ...real, log: () => undefined, ...parts };
    try {
      await buffer.alarm();
    } finally {
      buffer.deps = real;
    }
  });

/** Reads or changes the storage of a tenant's buffer. */
export const runInBuffer = <R>(
  tenantId: string,
  callback: (storage: DurableObjectStorage) => R | Promise<R>,
): Promise<R> => runInDurableObject(bufferOf(tenantId), (_buffer, { storage }) => callback(storage));

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What a 202 says. */
export const readAnswer = async (response: Response): Promise<UsageAnswer> => response.json();

interface ObjectRow {
  r2_key: string;
  hour: string;
  events: number;
  bytes: number;
  sha256: string;
  status: string;
}

/** All that is known of a tenant's usage after its flushes: rows, keys in R2, and the lines in them. */
export async function readStored(tenantId: string) {
  const { results: rows } = await bindings.DB.prepare(
    "SELECT r2_key, hour, events, bytes, sha256, status FROM usage_objects WHERE tenant_id = ? ORDER BY seq",
  )
    .bind(tenantId)
    .all<ObjectRow>();
  const listed = await bindings.BUCKET.list({ prefix: `usage_raw/tenant_id=${tenantId}/` });
  const keys = listed.objects.map(({ key }) => key);
  const texts = await Promise.all(keys.map(async (key) => (await (await bindings.BUCKET.get(key))?.text()) ?? ""));
  const lines = texts.flatMap((text) => text.split("\n").filter((line) => line !== ""));
  return { rows, keys, lines, events: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}
