import { ProblemError } from "@prego/core/problem";
import type { Env } from "./env.ts";

/** Domain under which tenants are reached. */
export function readBaseDomain({ BASE_DOMAIN }: Pick<Env, "BASE_DOMAIN">): string {
  const domain = BASE_DOMAIN?.trim().toLowerCase() ?? "";
  if (domain === "") throw new ProblemError("not_configured", { detail: "The base domain is not configured." });
  return domain;
}

/** The host that never changes; the customer's own name points to it. */
export const canonicalHost = (shortId: string, baseDomain: string): string => `tenant-${shortId}.${baseDomain}`;
