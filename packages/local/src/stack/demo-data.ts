import { LOCAL_SECRETS } from "./settings.ts";

const DAY_MS = 86_400_000;
const DAYS = 30;
const ROUNDS_MAX = 10;

const TENANTS = [
  { slug: "acme", plan: "starter", region: "eu", perDay: 90 },
  { slug: "globex", plan: "starter", region: "us", perDay: 40 },
  { slug: "initech", plan: "scale", region: "eu", perDay: 200 },
] as const;

/** What {@link loadDemoData} does its work with: the one origin, Stripe's control surface, and a look at the tenants. */
export interface DemoDoors {
  origin: string;
  stripeUrl: string;
  /** Slugs that were bought already. */
  paidSlugs(): Set<string>;
  /** Lets webhooks and workflow runs happen. */
  tick(): Promise<void>;
  nowMs: number;
}

/**
 * Three tenants on two plans with thirty days of usage, brought in through the front doors: checkouts, webhooks,
 * workflow runs and POST /usage. Repeating it carries on where it stopped: what was bought is
 * not bought again, and every event has its id.
 */
export async function loadDemoData(doors: DemoDoors): Promise<{ tenants: number; events: number }> {
  const paid = doors.paidSlugs();
  for (const { slug, plan, region } of TENANTS.filter((tenant) => !paid.has(tenant.slug))) {
    const wish = { slug, plan, region, email: `owner@${slug}.example` };
    const trace = { "x-trace-id": `trace_demo_${slug}` };
    const session = await postJson(`${doors.origin}/v1/checkout`, wish, trace);
    const { session_id } = await session.json<{ session_id: string }>();
    await postJson(`${doors.stripeUrl}/_emulator/checkout`, { session: session_id });
  }
  const known = await waitForTenants(doors);
  let events = 0;
  for (const tenant of TENANTS) {
    const tenantId = known.get(tenant.slug);
    if (tenantId === undefined) throw new Error(`the checkout of ${tenant.slug} made no tenant`);
    events += await reportMonth(doors, tenantId, tenant.perDay);
  }
  return { tenants: TENANTS.length, events };
}

/** Deliveries that failed while the stack was stopped come again later; ten rounds are enough for fresh ones. */
async function waitForTenants(doors: DemoDoors): Promise<Map<string, string>> {
  let known = new Map<string, string>();
  for (let round = 0; round < ROUNDS_MAX && known.size < TENANTS.length; round += 1) {
    await doors.tick();
    known = await listTenants(doors.origin);
  }
  return known;
}

async function listTenants(origin: string): Promise<Map<string, string>> {
  const response = await fetch(`${origin}/internal/tenants`, {
    headers: { authorization: `Bearer ${LOCAL_SECRETS.INTERNAL_API_KEY}` },
  });
  if (!response.ok) throw new Error(`GET /internal/tenants: ${response.status} ${await response.text()}`);
  const { tenants } = await response.json<{ tenants: { tenant_id: string; slug: string }[] }>();
  return new Map(tenants.map(({ slug, tenant_id }) => [slug, tenant_id]));
}

async function reportMonth(doors: DemoDoors, tenantId: string, perDay: number): Promise<number> {
  const today = doors.nowMs - (doors.nowMs % DAY_MS);
  for (let day = DAYS; day > 0; day -= 1) {
    const dayMs = today - day * DAY_MS;
    const events = Array.from({ length: perDay }, (_, index) => ({
      tenant_id: tenantId,
      meter_key: index % 8 === 0 ? "data_gb" : "api_requests",
      qty: index % 8 === 0 ? `0.${String(100_000 + ((day * 7_919 + index * 104_729) % 800_000))}` : "1",
      id: `demo-${new Date(dayMs).toISOString().slice(0, 10)}-${index}`,
      source: "demo-data",
      timestamp: new Date(dayMs + Math.floor((index * DAY_MS) / perDay)).toISOString(),
    }));
    await postJson(`${doors.origin}/usage`, events, { authorization: `Bearer ${LOCAL_SECRETS.USE_WRITER_SECRET}` });
  }
  return DAYS * perDay;
}

async function postJson(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${url}: ${response.status} ${(await response.text()).slice(0, 300)}`);
  return response;
}
