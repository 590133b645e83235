import type { WorkerName } from "../wrangler-config.ts";

/** Secrets of the local stack. They protect nothing: the stack listens on loopback and holds made-up data. */
export const LOCAL_SECRETS = {
  INTERNAL_API_KEY: "local-operator-key",
  USE_WRITER_SECRET: "local-usage-key",
  STRIPE_SECRET_KEY: "sk_test_local",
  STRIPE_WEBHOOK_SECRET: "whsec_local",
  GITHUB_TOKEN: "local-github-token",
  PROVISIONER_SECRET: "local-provisioner-key",
  NODE_TOKEN_SECRET: "local-node-secret",
  FUNNEL_SECRET: "local-funnel-secret",
  PURGE_KEY: "local-purge-key",
} as const;

/** Name of a secret of the local stack. */
export type SecretName = keyof typeof LOCAL_SECRETS;

/** Secrets each worker gets. */
export const SECRETS_OF: Readonly<Record<WorkerName, readonly SecretName[]>> = {
  "control-plane": [
    "INTERNAL_API_KEY",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "GITHUB_TOKEN",
    "PROVISIONER_SECRET",
    "NODE_TOKEN_SECRET",
    "FUNNEL_SECRET",
  ],
  "usage-writer": ["USE_WRITER_SECRET"],
  "usage-aggregator": ["INTERNAL_API_KEY"],
  "cycle-close": ["INTERNAL_API_KEY", "STRIPE_SECRET_KEY"],
  "purge-job": ["INTERNAL_API_KEY", "STRIPE_SECRET_KEY", "PURGE_KEY"],
  autoscaler: ["INTERNAL_API_KEY", "NODE_TOKEN_SECRET"],
};

/** Where the workers find Stripe and GitHub. */
export interface Endpoints {
  stripeUrl: string;
  githubUrl: string;
}

/** Settings that differ from production: base URLs, and a short flush so that one sees usage arrive. */
export function localVars(worker: WorkerName, endpoints: Endpoints): Record<string, string> {
  const stripe = { STRIPE_API_BASE: endpoints.stripeUrl };
  switch (worker) {
    case "control-plane":
      return {
        ...stripe,
        GITHUB_API_BASE: endpoints.githubUrl,
        GITHUB_REPOSITORY: "local/prego-infra",
        BASE_DOMAIN: "prego.localhost",
      };
    case "usage-writer":
      return { FLUSH_SECONDS: "5" };
    case "cycle-close":
    case "purge-job":
      return stripe;
    case "usage-aggregator":
    case "autoscaler":
      return {};
  }
}

/**
 * True when the environment names a Stripe account in test mode, which then takes the emulator's place.
 * @throws Error for a live key, which a local stack must never touch, or when one of the two secrets is missing.
 */
export function hasRealStripe(environment: NodeJS.ProcessEnv): boolean {
  const key = (environment["STRIPE_SECRET_KEY"] ?? "").trim();
  if (key === "") return false;
  if (!/^(sk|rk)_test_/.test(key)) {
    throw new Error("STRIPE_SECRET_KEY is not a test mode key (sk_test_… or rk_test_…): unset it to use the emulator.");
  }
  if ((environment["STRIPE_WEBHOOK_SECRET"] ?? "").trim() === "") {
    throw new Error("STRIPE_WEBHOOK_SECRET is missing beside STRIPE_SECRET_KEY: set both, or neither.");
  }
  return true;
}

/** All secrets of the stack, with the environment's Stripe secrets over the local ones. */
export const stackSecrets = (environment: NodeJS.ProcessEnv): Record<SecretName, string> =>
  hasRealStripe(environment)
    ? {
        ...LOCAL_SECRETS,
        STRIPE_SECRET_KEY: environment["STRIPE_SECRET_KEY"] ?? "",
        STRIPE_WEBHOOK_SECRET: environment["STRIPE_WEBHOOK_SECRET"] ?? "",
      }
    : LOCAL_SECRETS;

/** The local secrets of one worker. */
export const localSecrets = (worker: WorkerName): Record<string, string> =>
  Object.fromEntries(SECRETS_OF[worker].map((name) => [name, LOCAL_SECRETS[name]]));
