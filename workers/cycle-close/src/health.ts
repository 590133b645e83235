import { type HealthReport, missingSettings, type Runtime } from "@prego/core/http";
import { createDeps } from "./deps.ts";
import { type Env, REQUIRED } from "./env.ts";
import { ATTEMPTS_UNNOTICED_MAX } from "./limits.ts";
import { readHealth } from "./store/health.ts";

/** What is missing, and what waits for an operator. */
export async function inspectHealth(env: Env, runtime: Runtime): Promise<HealthReport> {
  const missing = missingSettings(env, REQUIRED);
  if (missing.includes("DB")) return { missing };
  try {
    const { rejected, stuck, differing, withoutSubscription, open, quarantined } = await readHealth(
      createDeps(env, runtime).db,
    );
    const notes = [
      ...(rejected > 0 ? [`${rejected} charges were rejected by Stripe`] : []),
      ...(stuck > 0 ? [`${stuck} charges are pending after more than ${ATTEMPTS_UNNOTICED_MAX} attempts`] : []),
      ...(differing > 0 ? [`${differing} charges are in sums that Stripe holds differently`] : []),
      ...(withoutSubscription > 0 ? [`${withoutSubscription} charges without a live subscription`] : []),
      ...(quarantined > 0 ? [`${quarantined} usage objects are quarantined`] : []),
      ...(open > 0 ? [`${open} cycles are being closed`] : []),
    ];
    return { missing, notes };
  } catch {
    return { missing, notes: ["the database does not answer"] };
  }
}
