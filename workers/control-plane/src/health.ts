import { missingSettings, type HealthReport } from "@prego/core/http";
import { REQUIRED, type Env } from "./env.ts";
import { countTroubles } from "./store/troubles.ts";

/** What is not configured, and how much waits for a person: failed and quarantined events, failed jobs and dispatches. */
export async function inspectHealth(env: Env): Promise<HealthReport> {
  const troubles = await countTroubles(env);
  return {
    missing: missingSettings(env, REQUIRED),
    notes: troubles.filter(({ count }) => count > 0).map(({ name, count }) => `${name}: ${count}`),
  };
}
