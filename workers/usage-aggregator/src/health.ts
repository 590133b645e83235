import { type HealthReport, missingSettings, type Runtime } from "@prego/core/http";
import { createDeps } from "./deps.ts";
import { type Env, REQUIRED } from "./env.ts";
import { COUNTED_ROWS_MAX } from "./limits.ts";

/** What is missing, and how many objects wait or were put aside. */
export async function inspectHealth(env: Env, runtime: Runtime): Promise<HealthReport> {
  const missing = missingSettings(env, REQUIRED);
  if (missing.includes("DB")) return { missing };
  try {
    const { pending, quarantined } = await createDeps(env, runtime).objects.countBacklog();
    return { missing, notes: [`${atMost(pending)} objects pending`, `${atMost(quarantined)} objects quarantined`] };
  } catch {
    return { missing, notes: ["the database does not answer"] };
  }
}

const atMost = (count: number): string => (count >= COUNTED_ROWS_MAX ? `${COUNTED_ROWS_MAX} or more` : String(count));
