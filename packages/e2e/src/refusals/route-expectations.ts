/** Who may call a route. `public` needs nothing; `usage` is open while its secret is unset, by contract. */
type RouteAuth = "public" | "operator" | "usage" | "stripe" | "provisioner" | "job" | "node" | "funnel";

/** What the refusal suite expects of one route. */
export interface RouteExpectation {
  auth: RouteAuth;
  /** A body that passes the schema, for routes that take JSON. */
  body?: Record<string, unknown>;
  /** Query that passes the schema. */
  query?: string;
  /** A query that must be refused with 400. */
  badQuery?: string;
  /** True where the format itself allows members of the sender's own, as CloudEvents does. */
  isExtensible?: boolean;
  /** Largest body; the suite sends one byte more. */
  bodyBytesMax?: number;
}

const KB = 1024;
const MB = 1024 * KB;

const job = (path: string): Record<string, RouteExpectation> => ({
  [`POST ${path}`]: { auth: "operator", badQuery: "dry_run=yes" },
});

const everywhere: Record<string, RouteExpectation> = {
  "GET /health": { auth: "public" },
  "GET /openapi.json": { auth: "public" },
};

/** Every route of every worker. A route that is not listed here, or listed and gone, fails the suite. */
export const EXPECTED_ROUTES: Readonly<Record<string, Readonly<Record<string, RouteExpectation>>>> = {
  "control-plane": {
    ...everywhere,
    "POST /webhooks/stripe": { auth: "stripe", body: { id: "evt_1", object: "event" }, bodyBytesMax: 256 * KB },
    "GET /trace/:trace_id": { auth: "operator" },
    "GET /audit": { auth: "operator", badQuery: "limit=0" },
    "POST /internal/provision/:job_id/claim": { auth: "provisioner", body: { run_id: "1" }, bodyBytesMax: 64 * KB },
    "POST /internal/provision/:job_id/progress": { auth: "job", body: { stage: "server" }, bodyBytesMax: 64 * KB },
    "POST /internal/provision/:job_id/complete": { auth: "job", body: { readiness: {} }, bodyBytesMax: 64 * KB },
    "POST /internal/provision/:job_id/fail": {
      auth: "job",
      body: { failure_stage: "server", error: "no room" },
      bodyBytesMax: 64 * KB,
    },
    "POST /internal/nodes/:node_id/register": {
      auth: "provisioner",
      body: { region: "eu", provider: "local", size: "s", capacity: 1 },
      bodyBytesMax: 64 * KB,
    },
    "GET /v1/subdomain/check": { auth: "public", query: "slug=free-name", badQuery: "slug=-bad-" },
    "POST /v1/tenants": {
      auth: "public",
      body: { slug: "free-name", plan: "free", region: "eu" },
      bodyBytesMax: 64 * KB,
    },
    "POST /v1/checkout": {
      auth: "public",
      body: { slug: "free-name", plan: "paid", region: "eu" },
      bodyBytesMax: 64 * KB,
    },
    "GET /internal/tenants": { auth: "operator", badQuery: "limit=1000000" },
    "GET /internal/tenants/:tenant_id": { auth: "operator" },
    "POST /internal/tenants/:tenant_id/legal-hold": {
      auth: "operator",
      body: { hold: true, reason: "case 1" },
      badQuery: "dry_run=1",
      bodyBytesMax: 64 * KB,
    },
    "GET /internal/usage": { auth: "operator", query: "tenant_id=t1", badQuery: "tenant_id=.." },
    ...job("/internal/reconcile"),
    "GET /internal/plans": { auth: "operator", badQuery: "limit=0" },
    "GET /internal/plans/:plan_id": { auth: "operator", badQuery: "limit=1" },
    "POST /internal/plans": {
      auth: "operator",
      body: { plan_id: "p1", name: "P", currency: "eur", billing_mode: "invoice_item", meters: [] },
      badQuery: "dry_run=1",
      bodyBytesMax: 64 * KB,
    },
    "GET /internal/meters": { auth: "operator", badQuery: "limit=0" },
    "POST /internal/meters": {
      auth: "operator",
      body: { meter_key: "m1", display_name: "M", unit: "unit", aggregation: "sum" },
      badQuery: "dry_run=1",
      bodyBytesMax: 64 * KB,
    },
    "GET /internal/funnel-events": { auth: "operator", badQuery: "limit=0" },
    "GET /internal/funnel-events/summary": { auth: "operator", badQuery: "from=yesterday" },
    "POST /internal/funnel-events/ingest": {
      auth: "funnel",
      body: { event_type: "m_page_view", source: "admin-web", anonymous_id: "a" },
      bodyBytesMax: 64 * KB,
    },
  },
  "usage-writer": {
    ...everywhere,
    "POST /usage": { auth: "usage", body: { tenant_id: "t1" }, bodyBytesMax: MB },
    "POST /api/v1/events": {
      auth: "usage",
      body: { specversion: "1.0", id: "1", source: "s", type: "api_requests", subject: "t1" },
      isExtensible: true,
      bodyBytesMax: MB,
    },
  },
  "usage-aggregator": { ...everywhere, ...job("/aggregate") },
  "cycle-close": {
    ...everywhere,
    ...job("/cycle-close"),
    "GET /cycle-close/preview": {
      auth: "operator",
      query: "tenant_id=t1&cycle=2026-10",
      badQuery: "tenant_id=t1&cycle=2026-13",
    },
    "GET /cycle-close/charges": { auth: "operator", query: "status=rejected", badQuery: "status=lost" },
    "POST /cycle-close/charges/:id/resend": {
      auth: "operator",
      body: { reason: "the customer is back" },
      badQuery: "dry_run=1",
      bodyBytesMax: 64 * KB,
    },
    "GET /cycle-close/explain": {
      auth: "operator",
      query: "tenant_id=t1&meter_key=api_requests&cycle=2026-10",
      badQuery: "tenant_id=t1&meter_key=API&cycle=2026-10",
    },
  },
  "purge-job": { ...everywhere, ...job("/purge") },
  autoscaler: {
    ...everywhere,
    ...job("/run"),
    "POST /metrics": {
      auth: "node",
      body: { node_id: "n1", samples: [] },
      bodyBytesMax: 256 * KB,
    },
  },
};
