import { missingSettings, type SharedBindings } from "@prego/core/http";

/** Bindings and settings of purge-job. */
export interface Env extends SharedBindings {
  /** Key of tombstones and pseudonyms; unset, nothing is purged. Losing it makes tombstones unreadable. */
  PURGE_KEY?: string;
  /** Stripe's key; unset, tenants with a Stripe customer wait at that step. */
  STRIPE_SECRET_KEY?: string;
  /** Base URL of the Stripe API. */
  STRIPE_API_BASE?: string;
  /** Commit of the deployed code, for certificates. */
  BUILD?: string;
}

/** Settings of a run; blank ones count as missing. */
export interface Settings {
  purgeKey: string | undefined;
  stripeSecretKey: string | undefined;
  stripeApiBase: string | undefined;
  build: string | null;
}

const REQUIRED = ["INTERNAL_API_KEY", "PURGE_KEY", "STRIPE_SECRET_KEY"] as const;

const textOf = (value: string | undefined): string | undefined =>
  value === undefined || value.trim() === "" ? undefined : value;

export const readSettings = (env: Env): Settings => ({
  purgeKey: textOf(env.PURGE_KEY),
  stripeSecretKey: textOf(env.STRIPE_SECRET_KEY),
  stripeApiBase: textOf(env.STRIPE_API_BASE),
  build: textOf(env.BUILD) ?? null,
});

/** Names of missing settings, for `GET /health`. */
export const findMissingSettings = (env: Env): string[] => missingSettings(env, REQUIRED);
