import { createRemoteJWKSet, jwtVerify } from "jose";
import { sha256Hex } from "../auth.ts";

type KeySet = ReturnType<typeof createRemoteJWKSet>;

/** Public keys per team; jose refetches them on an unknown key id. */
const keySets = new Map<string, KeySet>();

/**
 * Verifies a Cloudflare Access JWT: RS256, issuer, audience, expiry.
 * @returns a fingerprint of the identity (first 12 hex digits of a SHA-256), or undefined when it is not valid.
 */
export async function verifyAccessJwt(
  token: string,
  access: { teamDomain: string; audience: string },
  nowMs: number,
): Promise<string | undefined> {
  try {
    const { payload } = await jwtVerify(token, keySetOf(access.teamDomain), {
      issuer: access.teamDomain,
      audience: access.audience,
      algorithms: ["RS256"],
      requiredClaims: ["exp"],
      currentDate: new Date(nowMs),
    });
    const name = payload["email"] ?? payload["common_name"] ?? payload.sub;
    return typeof name === "string" && name !== "" ? (await sha256Hex(name)).slice(0, 12) : undefined;
  } catch {
    return undefined;
  }
}

function keySetOf(teamDomain: string): KeySet {
  const known = keySets.get(teamDomain);
  if (known !== undefined) {
    return known;
  }
  const made = createRemoteJWKSet(new URL("/cdn-cgi/access/certs", teamDomain));
  keySets.set(teamDomain, made);
  return made;
}
