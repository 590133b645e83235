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
export const sha256Hex = async (text: string): Promise<string> => toHex(await digest(text));

/** SHA-256 of bytes, lower-case hex. */
export const sha256HexOfBytes = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));

/** HMAC-SHA-256 of a text under a text key, lower-case hex. */
export async function hmacSha256Hex(key: string, text: string): Promise<string> {
  const imported = await crypto.subtle.importKey("raw", encoder.encode(key), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  return toHex(new Uint8Array(await crypto.subtle.sign("HMAC", imported, encoder.encode(text))));
}

/** Compares two texts in time that depends on neither: both are hashed first, so lengths do not show either. */
export async function equalsInConstantTime(left: string, right: string): Promise<boolean> {
  const [a, b] = await Promise.all([digest(left), digest(right)]);
  return isSameDigest(a, b);
}

/**
 * The key id of the secret that a presented token equals, current or previous; undefined when it equals neither.
 * The id is the first 8 hex digits of the secret's SHA-256: it names the key in audit rows without giving it away.
 */
export async function matchSecret(presented: string, secret: RotatingSecret): Promise<string | undefined> {
  const [own, ...candidates] = await Promise.all([presented, ...configuredSecrets(secret)].map(digest));
  if (own === undefined) return undefined;
  let isMatch = false;
  for (const candidate of candidates) if (isSameDigest(own, candidate)) isMatch = true;
  // What equals the secret has its digest.
  return isMatch ? toHex(own.slice(0, 4)) : undefined;
}

/** Token of a node: HMAC of its id under `NODE_TOKEN_SECRET`, hex. It is good for that node's metrics only. */
export const nodeToken = (secret: string, nodeId: string): Promise<string> => hmacSha256Hex(secret, `node:${nodeId}`);

/** Token of a claimed provisioning job: HMAC of job id and claiming run, hex. It is good for that job's callbacks only. */
export const jobToken = (secret: string, jobId: string, runId: string): Promise<string> =>
  hmacSha256Hex(secret, `job:${JSON.stringify([jobId, runId])}`);

const digest = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text)));

function isSameDigest(left: Uint8Array, right: Uint8Array): boolean {
  let difference = 0;
  for (let index = 0; index < left.length; index += 1) difference |= (left[index] ?? 0) ^ (right[index] ?? 0);
  return difference === 0;
}

const HEX_OF_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Bytes as lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX_OF_BYTE[byte] ?? "";
  return text;
}
