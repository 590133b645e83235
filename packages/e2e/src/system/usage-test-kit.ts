import { LOCAL_SECRETS, startEphemeralStack } from "@prego/local/stack";
import { expect, vi } from "vitest";

/** A line of a raw usage object. */
export type StoredLine = Record<string, unknown> & { id?: string; source?: string; qty: string };

/** An object of R2, read back. */
export interface StoredObject {
  key: string;
  text: string;
}

export type UsageStack = Awaited<ReturnType<typeof startUsageStack>>;

const STORED_TIMEOUT_MS = 30_000;

/** The stack with a short flush, and what a sender and an operator do with it. Nothing here calls Stripe or GitHub. */
export async function startUsageStack() {
  const nowhere = "http://127.0.0.1:9";
  const stack = await startEphemeralStack({
    stripeUrl: nowhere,
    githubUrl: nowhere,
    vars: { "usage-writer": { FLUSH_SECONDS: "1" } },
  });
  const { DB: database, BUCKET: bucket } = await stack.bindings();
  const send = (path: string, body: BodyInit, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(new URL(path, stack.url), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${LOCAL_SECRETS.USE_WRITER_SECRET}`,
        ...headers,
      },
      body,
      ...(body instanceof ReadableStream ? { duplex: "half" as const } : {}),
    });
  return {
    url: stack.url,
    database,
    send,
    postUsage: (value: unknown, headers?: Record<string, string>) => send("/usage", JSON.stringify(value), headers),
    addTenant: (tenantId: string, more: TenantSettings = {}) => addTenant(database, tenantId, more),
    defineMeter: (definition: MeterDefinition) => defineMeter(stack.url, definition),
    listObjects: () => listObjects(bucket),
    readLines: (tenantId: string) => readLines(bucket, tenantId),
    awaitLines: (tenantId: string, count: number) => awaitLines({ database, bucket }, tenantId, count),
    aggregate: () => aggregate(stack.url),
    close: () => stack.close(),
  };
}

/** Ids of lines, sorted. */
export const idsOf = (lines: readonly StoredLine[]): string[] => lines.map(({ id = "" }) => id).toSorted();

interface TenantSettings {
  status?: string;
  slug?: string;
}

async function addTenant(
  database: D1Database,
  tenantId: string,
  { status = "Active", slug = `slug-${tenantId}` }: TenantSettings,
): Promise<string> {
  const createdAt = "2026-01-01T00:00:00.000Z";
  await database
    .prepare(
      `INSERT INTO tenants_master (tenant_id, slug, short_id, type, plan_id, status, status_changed_at, region, created_at, updated_at)
       VALUES (?, ?, ?, 'standard', 'starter', ?, ?, 'eu', ?, ?)`,
    )
    .bind(tenantId, slug, `short-${tenantId}`, status, createdAt, createdAt, createdAt)
    .run();
  return tenantId;
}

interface MeterDefinition {
  meter_key: string;
  aggregation: string;
  value_property?: string;
}

/** Defines a meter as an operator does; usage-writer knows it at once if it has not read the meters yet. */
async function defineMeter(url: URL, definition: MeterDefinition): Promise<void> {
  const response = await fetch(new URL("/internal/meters", url), {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${LOCAL_SECRETS.INTERNAL_API_KEY}` },
    body: JSON.stringify({ display_name: definition.meter_key, unit: "unit", ...definition }),
  });
  expect(response.status).toBe(201);
}

async function listObjects(bucket: R2Bucket): Promise<StoredObject[]> {
  const listed = await bucket.list();
  expect(listed.truncated).toBe(false);
  return Promise.all(
    listed.objects.map(async ({ key }) => ({ key, text: (await (await bucket.get(key))?.text()) ?? "" })),
  );
}

async function readLines(bucket: R2Bucket, tenantId: string): Promise<StoredLine[]> {
  const own = (await listObjects(bucket)).filter(({ key }) => key.startsWith(`usage_raw/tenant_id=${tenantId}/`));
  return own.flatMap(({ text }) =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as StoredLine),
  );
}

/** Waits until the tenant's flushed objects hold that many events, and reads them. */
async function awaitLines(
  { database, bucket }: { database: D1Database; bucket: R2Bucket },
  tenantId: string,
  count: number,
): Promise<StoredLine[]> {
  await vi.waitFor(
    async () => {
      const row = await database
        .prepare("SELECT coalesce(sum(events), 0) AS events FROM usage_objects WHERE tenant_id = ?")
        .bind(tenantId)
        .first<{ events: number }>();
      expect(row?.events).toBeGreaterThanOrEqual(count);
    },
    { timeout: STORED_TIMEOUT_MS, interval: 50 },
  );
  return readLines(bucket, tenantId);
}

async function aggregate(url: URL): Promise<void> {
  const response = await fetch(new URL("/aggregate", url), {
    method: "POST",
    headers: { authorization: `Bearer ${LOCAL_SECRETS.INTERNAL_API_KEY}` },
  });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ report: { remaining: 0, failed: 0, quarantined: 0 } });
}
