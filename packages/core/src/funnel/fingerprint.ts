import { hmacSha256Hex } from "../auth.ts";

/**
 * Keyed hash of an e-mail address, 64 hex digits: HMAC-SHA-256 over the trimmed, lower-case address, so that one person
 * is one fingerprint and nobody without the key can try addresses.
 */
export const fingerprintEmail = (key: string, email: string): Promise<string> =>
  hmacSha256Hex(key, `email:${normalizeEmail(email)}`);

/** Keyed hash of an identity provider's subject, 64 hex digits. */
export const fingerprintSubject = (key: string, subject: string): Promise<string> =>
  hmacSha256Hex(key, `sub:${subject}`);

/** Lower-case domain of an address; null when what follows the `@` is no host name. */
export function emailDomain(email: string): string | null {
  const domain = normalizeEmail(email).split("@").at(-1) ?? "";
  return DOMAIN_PATTERN.test(domain) ? domain : null;
}

const DOMAIN_PATTERN = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$/;

const normalizeEmail = (email: string): string => email.trim().toLowerCase();
