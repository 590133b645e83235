import { env as bindings } from "cloudflare:workers";
import type { Runtime } from "@prego/core/http";
import type { JobRun } from "@prego/core/job-run";
import { cycleBounds } from "@prego/core/period";
import { rows } from "./seed-test-kit.ts";
import { createDeps, type Deps } from "./deps.ts";
import type { Env } from "./env.ts";
import { type CloseReport, runClose } from "./run.ts";
import { createFakeStripe, type FakeStripe } from "./stripe-test-kit.ts";

export const OPERATOR_KEY = "operator-secret";
export const env: Env = {
  ...(bindings as unknown as Env),
  INTERNAL_API_KEY: OPERATOR_KEY,
  STRIPE_SECRET_KEY: "sk_test_kit",
  CLOSE_GRACE_SECONDS: "1800",
};

export const CYCLE = "2026-11";
export const HOUR_MS = 60 * 60 * 1_000;
export const DAY_MS = 24 * HOUR_MS;
/** 40 minutes after the cycle: past the grace time. */
export const CLOSE_MS = cycleBounds(CYCLE).endMs + 40 * 60 * 1_000;

/** One world: a clock, a Stripe on that clock, and the log. */
export interface World {
  clock: { nowMs: number };
  stripe: FakeStripe;
  runtime: Runtime;
  log: string[];
}

export function createWorld(nowMs = CLOSE_MS): World {
  const clock = { nowMs };
  const log: string[] = [];
  const stripe = createFakeStripe(() => clock.nowMs);
  let bytes = 0;
  const runtime: Runtime = {
    now: () => clock.nowMs,
    randomBytes: (length) => {
      bytes += 1;
      return Uint8Array.from({ length }, (_, index) => (index < 4 ? (bytes >> (8 * index)) & 255 : index));
    },
    write: (line) => void log.push(line),
    fetch: stripe.fetch,
  };
  return { clock, stripe, runtime, log };
}

export const jobRun = (world: World, change: Partial<JobRun> = {}): JobRun => ({
  runId: "run_test",
  dueAtMs: world.clock.nowMs,
  deadlineMs: world.clock.nowMs + 240_000,
  trigger: "cron",
  actor: "cron:cycle-close",
  ...change,
});

/** Runs the job once, without the lease. */
export const close = (world: World, change: Partial<JobRun> = {}, deps?: Deps): Promise<CloseReport> =>
  runClose(deps ?? createDeps(env, world.runtime), jobRun(world, change));

export interface TotalRow {
  tenant_id: string;
  meter_key: string;
  cycle: string;
  corrected_cycle: string;
  qty: number;
  included: number;
  overage: number;
  amount_minor: number;
}

export const totals = (tenantId?: string): Promise<TotalRow[]> =>
  rows<TotalRow>(
    `SELECT tenant_id, meter_key, cycle, corrected_cycle, qty, included, overage, amount_minor FROM usage_cycle_totals
      WHERE tenant_id LIKE ? ORDER BY tenant_id, cycle, corrected_cycle, meter_key`,
    tenantId ?? "%",
  );

export const outbox = () =>
  rows<{
    tenant_id: string;
    meter_key: string;
    cycle: string;
    status: string;
    attempts: number;
    stripe_id: string | null;
    error: string | null;
    mode: string;
  }>(
    "SELECT mode, tenant_id, meter_key, cycle, status, attempts, stripe_id, error FROM stripe_usage_outbox ORDER BY tenant_id, cycle, meter_key",
  );
