import type { RotatingSecret } from "@prego/core/auth";
import type { SharedBindings } from "@prego/core/http";

/** Bindings and settings of control-plane, as wrangler.toml and its secrets give them. */
export interface Env extends SharedBindings {
  /** Signing secret of Stripe's webhook endpoint. */
  STRIPE_WEBHOOK_SECRET?: string;
  /** Signing secret that is being rolled out of use. */
  STRIPE_WEBHOOK_SECRET_PREVIOUS?: string;
  /** Stripe's API key, for the subscription whose events leave a doubt. */
  STRIPE_SECRET_KEY?: string;
  /** Stripe's API, `https://api.stripe.com`. */
  STRIPE_API_BASE?: string;
  /** `true` where events of live mode are ours and test events are not. */
  STRIPE_LIVEMODE?: string;
  /** Token that may dispatch the provisioning workflow. */
  GITHUB_TOKEN?: string;
  /** GitHub's API, `https://api.github.com`. */
  GITHUB_API_BASE?: string;
  /** Repository of the workflow, `owner/name`; blank keeps dispatches waiting. */
  GITHUB_REPOSITORY?: string;
  /** File name of the workflow. */
  GITHUB_WORKFLOW?: string;
  /** Branch or tag that the workflow runs from. */
  GITHUB_REF?: string;
  /** Bearer secret of the workflow: claims jobs, registers nodes, derives job tokens. */
  PROVISIONER_SECRET?: string;
  /** Provisioner secret that is being rotated out. */
  PROVISIONER_SECRET_PREVIOUS?: string;
  /** Derives the tokens of nodes. */
  NODE_TOKEN_SECRET?: string;
  /** Signs funnel events and keys the fingerprints of addresses. */
  FUNNEL_SECRET?: string;
  /** Funnel secret that is being rotated out. */
  FUNNEL_SECRET_PREVIOUS?: string;
  /** Domain under which tenants are reached. */
  BASE_DOMAIN?: string;
  /** Time zone of daily buckets when a report does not name one. */
  REPORTING_TIME_ZONE?: string;
}

/** What `/health` names when it is unset: without it some routes answer 503 or work waits. */
export const REQUIRED = [
  "INTERNAL_API_KEY",
  "STRIPE_SECRET_KEY",
  "STRIPE_WEBHOOK_SECRET",
  "GITHUB_TOKEN",
  "GITHUB_REPOSITORY",
  "PROVISIONER_SECRET",
  "NODE_TOKEN_SECRET",
  "FUNNEL_SECRET",
] as const satisfies readonly (keyof Env)[];

/** Where dispatches go; undefined while token or repository is unset. */
export interface GithubSettings {
  apiBase: string;
  repository: string;
  workflow: string;
  ref: string;
  token: string;
}

export interface Settings {
  webhookSecret: RotatingSecret;
  provisionerSecret: RotatingSecret;
  nodeTokenSecret: string | undefined;
  stripeSecretKey: string | undefined;
  stripeApiBase: string;
  livemode: boolean;
  github: GithubSettings | undefined;
}

const REPOSITORY_PATTERN = /^[A-Za-z0-9-]{1,39}\/[A-Za-z0-9._-]{1,100}$/;

const trimmed = (value: string | undefined): string | undefined => {
  const text = value?.trim();
  return text === "" ? undefined : text;
};

export function readSettings(env: Env): Settings {
  return {
    webhookSecret: { current: env.STRIPE_WEBHOOK_SECRET, previous: env.STRIPE_WEBHOOK_SECRET_PREVIOUS },
    provisionerSecret: { current: env.PROVISIONER_SECRET, previous: env.PROVISIONER_SECRET_PREVIOUS },
    nodeTokenSecret: trimmed(env.NODE_TOKEN_SECRET),
    stripeSecretKey: trimmed(env.STRIPE_SECRET_KEY),
    stripeApiBase: trimmed(env.STRIPE_API_BASE) ?? "https://api.stripe.com",
    livemode: trimmed(env.STRIPE_LIVEMODE) === "true",
    github: readGithubSettings(env),
  };
}

function readGithubSettings(env: Env): GithubSettings | undefined {
  const token = trimmed(env.GITHUB_TOKEN);
  const repository = trimmed(env.GITHUB_REPOSITORY);
  if (token === undefined || repository === undefined || !REPOSITORY_PATTERN.test(repository)) return undefined;
  return {
    apiBase: trimmed(env.GITHUB_API_BASE) ?? "https://api.github.com",
    repository,
    workflow: trimmed(env.GITHUB_WORKFLOW) ?? "provision.yml",
    ref: trimmed(env.GITHUB_REF) ?? "main",
    token,
  };
}
