/** Largest payload that is stored, in bytes of JSON. */
export const FUNNEL_PAYLOAD_BYTES_MAX = 2_048;
/** Longest error message that is stored. */
export const FUNNEL_MESSAGE_CHARS_MAX = 500;

const TEXT_CHARS_MAX = 300;
const LIST_ITEMS_MAX = 20;
const MEMBERS_MAX = 50;
const DEPTH_MAX = 3;
const KEY_PATTERN = /^[A-Za-z0-9_.-]{1,64}$/;

// Compared with keys in lower case and without separators, so that `API-Key` and `apiKey` are one.
const PRIVATE_KEY_PATTERN =
  /secret|token|passw|pwd|passphrase|authorization|cookie|credential|apikey|privatekey|signature|^otp|cvc|cvv|card|iban|email|^mail|phone|mobile|address|street|postcode|zipcode|birth|^ip$|ipaddr|^ipv|remoteip|clientip|userip|^name$|(first|last|full|user)name/;
const ADDRESS_PATTERN = /[^\s@<>"'(),;:]{1,64}@[^\s@<>"'(),;:]{0,255}/g;
const SECRET_PATTERN =
  /(?:\b(?:sk|rk|pk)_(?:live|test)_|\bwhsec_|\bgh[pousr]_|\bgithub_pat_|\bxox[abp]-|\beyJ[A-Za-z0-9_-]{8,}\.|\bBearer\s+)\S+/gi;
const REDACTED = "[redacted]";

/** The text without e-mail addresses and credentials, each replaced by `[redacted]`, cut to what is stored. */
export const redactFunnelMessage = (text: string): string => redactText(text, FUNNEL_MESSAGE_CHARS_MAX);

/**
 * JSON of a payload as it may be stored: members whose key looks like a secret or an address are dropped, such parts of
 * texts replaced, deep and long parts cut. Small members come first, and those that no longer fit are left out.
 * @returns at most FUNNEL_PAYLOAD_BYTES_MAX bytes; null when nothing is left.
 */
export function redactFunnelPayload(payload: Readonly<Record<string, unknown>>): string | null {
  const encoder = new TextEncoder();
  const members = redactMembers(payload, 1)
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
    .map((text) => ({ text, bytes: encoder.encode(text).length }))
    .toSorted((left, right) => left.bytes - right.bytes);
  const kept: string[] = [];
  let bytes = 1;
  for (const member of members) {
    bytes += member.bytes + 1;
    if (bytes > FUNNEL_PAYLOAD_BYTES_MAX) break;
    kept.push(member.text);
  }
  return kept.length === 0 ? null : `{${kept.join(",")}}`;
}

function redactMembers(record: object, depth: number): [string, unknown][] {
  return Object.entries(record)
    .filter(([key, value]) => value !== undefined && KEY_PATTERN.test(key) && !isPrivateKey(key))
    .slice(0, MEMBERS_MAX)
    .map(([key, value]) => [key, redactValue(value, depth)]);
}

const isPrivateKey = (key: string): boolean => PRIVATE_KEY_PATTERN.test(key.toLowerCase().replaceAll(/[^a-z0-9]/g, ""));

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return redactText(value, TEXT_CHARS_MAX);
  if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) return value;
  if (value === null || typeof value !== "object" || depth >= DEPTH_MAX) return null;
  if (Array.isArray(value)) return value.slice(0, LIST_ITEMS_MAX).map((item) => redactValue(item, depth + 1));
  return Object.fromEntries(redactMembers(value, depth + 1));
}

function redactText(text: string, charsMax: number): string {
  const bounded = text.slice(0, 4 * charsMax);
  const redacted = bounded.replaceAll(SECRET_PATTERN, REDACTED).replaceAll(ADDRESS_PATTERN, REDACTED);
  return redacted.slice(0, charsMax).toWellFormed();
}
