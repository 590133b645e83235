import type { Handler } from "hono";
import type { AppEnv, SharedBindings } from "./app-env.ts";

/** What a worker says of its configuration: names only, never a value. */
export interface HealthReport {
  /** Settings and bindings without which some routes answer 503. */
  missing: string[];
  /** Remarks such as open ingest, or counts that need an operator. */
  notes?: string[];
}

/** Names among `required` that are unset or blank in the bindings. */
export const missingSettings = <B extends object>(bindings: B, required: readonly (keyof B & string)[]): string[] =>
  required.filter((name) => {
    const value = bindings[name];
    return value === undefined || value === null || (typeof value === "string" && value.trim() === "");
  });

/** `GET /health`: 200 as long as the worker runs, with the names of what is missing. */
export const healthHandler =
  <B extends SharedBindings>(
    worker: string,
    inspect: (bindings: B) => HealthReport | Promise<HealthReport>,
  ): Handler<AppEnv<B>> =>
  async (c) => {
    const { missing, notes = [] } = await inspect(c.env);
    return c.json({ worker, status: missing.length === 0 ? "ok" : "degraded", missing, notes }, 200, {
      "cache-control": "no-store",
    });
  };
