import { createHash, timingSafeEqual } from "node:crypto";

const encoder = new TextEncoder();

/** A secret and the one it replaces; blank or absent counts as missing. */
export interface RotatingSecret {
  current: string | undefined;
  previous?: string | undefined;
}

/** The secrets that are really set, current first. */
export function configuredSecrets(secret: RotatingSecret): string[] {
  return [secret.current, secret.previous].filter(
    (value): value is string => value !== undefined && value.trim() !== "",
  );
}

/** True when at least the current secret is set. */
export const isConfigured = (secret: RotatingSecret): boolean =>
  secret.current !== undefined && secret.current.trim() !== "";

/** The token of an `Authorization: Bearer …` header value; undefined for anything else, `undefined` and `null` included. */
export function parseBearer(header: string | null | undefined): string | undefined {
  const token = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/.exec(header ?? "")?.[1];
  return token === "undefined" || token === "null" ? undefined : token;
}

/** SHA-256 of a text, lower-case hex. */
export async function sha256Hex(text: string): Promise<string> {
  return toHex(await crypto.subtle.digest("SHA-256", encoder.encode(text)));
}

/** HMAC-SHA-256 of a text under a text key, lower-case hex. */
export async function hmacSha256Hex(key: string, text: string): Promise<string> {
  const imported = await crypto.subtle.importKey("raw", encoder.encode(key), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  return toHex(await crypto.subtle.sign("HMAC", imported, encoder.encode(text)));
}

/** Compares two texts in time that depends on neither: both are hashed first, so lengths do not show either. */
export const equalsInConstantTime = (left: string, right: string): boolean => timingSafeEqual(hash(left), hash(right));

/**
 * The key id of the secret that a presented token equals, current or previous; undefined when it equals neither.
 * The id is the first 8 hex digits of the secret's SHA-256: it names the key in audit rows without giving it away.
 */
export function matchSecret(presented: string, secret: RotatingSecret): string | undefined {
  const digest = hash(presented);
  let matched: string | undefined;
  for (const candidate of configuredSecrets(secret)) {
    // What equals the presented token has its digest, and so its key id.
    if (timingSafeEqual(digest, hash(candidate))) matched ??= digest.toString("hex", 0, 4);
  }
  return matched;
}

// Synchronous: a digest takes less time than waiting for one, and every request of a sender needs it.
const hash = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Token of a node: HMAC of its id under `NODE_TOKEN_SECRET`, hex. It is good for that node's metrics only. */
export const nodeToken = (secret: string, nodeId: string): Promise<string> => hmacSha256Hex(secret, `node:${nodeId}`);

/** Token of a claimed provisioning job: HMAC of job id and claiming run, hex. It is good for that job's callbacks only. */
export const jobToken = (secret: string, jobId: string, runId: string): Promise<string> =>
  hmacSha256Hex(secret, `job:${JSON.stringify([jobId, runId])}`);

function toHex(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
