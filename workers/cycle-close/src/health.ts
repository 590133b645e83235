import { type HealthReport, missingSettings, type Runtime } from "@prego/core/http";
import { createDeps } from "./deps.ts";
import { type Env, REQUIRED } from "./env.ts";
import { readHealth } from "./store/health.ts";

/** What is missing, and what waits for an operator. */
export async function inspectHealth(env: Env, runtime: Runtime): Promise<HealthReport> {
  const missing = missingSettings(env, REQUIRED);
  if (missing.includes("DB")) return { missing };
  try {
    const { rejected, failed, open, quarantined } = await readHealth(createDeps(env, runtime).db);
    const notes = [
      ...(rejected > 0 ? [`${rejected} charges were rejected by Stripe`] : []),
      ...(failed > 0 ? [`${failed} charges could not be sent`] : []),
      ...(quarantined > 0 ? [`${quarantined} usage objects are quarantined`] : []),
      ...(open > 0 ? [`${open} cycles are being closed`] : []),
    ];
    return { missing, notes };
  } catch {
    return { missing, notes: ["the database does not answer"] };
  }
}
