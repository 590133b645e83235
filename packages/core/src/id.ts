import { encodeUlid } from "./ulid.ts";

/** Prefix of every generated identifier, and what it names. Trace ids have their own: see `trace-id`. */
export const ID_PREFIXES = {
  ten: "tenant",
  job: "provision job",
  evt: "usage event",
  dsp: "dispatch",
  run: "job run",
  prg: "purge run",
  aud: "audit entry",
  scl: "scaling event",
  node: "node",
  req: "request",
  trc: "trace event",
} as const satisfies Record<string, string>;

/** One of the closed list of identifier prefixes. */
export type IdPrefix = keyof typeof ID_PREFIXES;

/** A tenant id, generated or brought along: safe in an R2 key, a URL and a log line. */
export const TENANT_ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
/** A meter's key. */
export const METER_KEY_PATTERN = /^[a-z][a-z0-9_.]{0,63}$/;
/** A tenant's name in DNS: one label of 3 to 40 characters, no `--` (punycode), no hyphen at either end. */
export const SLUG_PATTERN = /^(?!.*--)[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$/;

const GENERATED_ID_PATTERN = /^([a-z]{3,4})_[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** Names that the platform, mail or browsers give a meaning to, or that would pass for the operator. */
const RESERVED_SLUGS: ReadonlySet<string> = new Set(
  [
    "www web ftp mail smtp imap pop pop3 email webmail mx autoconfig autodiscover ns ns1 ns2 dns mta-sts wpad isatap",
    "api admin administrator app apps auth login signin signup sso oauth account accounts dashboard console portal",
    "internal static assets cdn media files img images css js download downloads public private",
    "status health metrics monitor monitoring grafana prometheus logs trace audit",
    "billing pay payment payments checkout invoice invoices stripe webhook webhooks usage events",
    "dev test testing staging stage prod production demo sandbox preview beta local localhost example",
    "root system operator support help docs blog about legal security abuse postmaster hostmaster webmaster noreply",
    "prego tenant tenants node nodes worker workers gateway proxy null undefined none any all",
  ].flatMap((line) => line.split(" ")),
);

/**
 * A new identifier: prefix, `_`, ULID. Identifiers of one prefix sort by their time.
 * @param nowMs epoch milliseconds.
 * @param random at least 10 random bytes from a cryptographic source.
 * @throws RangeError for a time outside of 0..2^48-1 or too few random bytes.
 */
export function newId(prefix: IdPrefix, nowMs: number, random: Uint8Array): string {
  return `${prefix}_${encodeUlid(nowMs, random)}`;
}

/** Whether the text is an identifier that {@link newId} could have made for this prefix. */
export function isGeneratedId(prefix: IdPrefix, text: string): boolean {
  return GENERATED_ID_PATTERN.exec(text)?.[1] === prefix;
}

/** Whether the text may be a tenant's id: {@link TENANT_ID_PATTERN}. */
export function isTenantId(text: string): boolean {
  return TENANT_ID_PATTERN.test(text);
}

/** Whether the text may be a meter's key: {@link METER_KEY_PATTERN}. */
export function isMeterKey(text: string): boolean {
  return METER_KEY_PATTERN.test(text);
}

/** Whether the text may be a tenant's DNS name: {@link SLUG_PATTERN}. Reserved words are {@link isReservedSlug}'s. */
export function isSlug(text: string): boolean {
  return SLUG_PATTERN.test(text);
}

/**
 * Whether a slug is kept back: a word of the platform, or `tenant-…`, the form of the canonical hosts,
 * which a customer's name must never take over.
 */
export function isReservedSlug(slug: string): boolean {
  return RESERVED_SLUGS.has(slug) || slug.startsWith("tenant-");
}
