const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const SHORT_ID_CHARS = 10;

/** Part of a tenant's canonical host: 10 lower-case characters, 50 random bits. Uniqueness is the database's. */
export function newShortId(random: Uint8Array): string {
  if (random.length < SHORT_ID_CHARS) throw new RangeError("a short id takes 10 random bytes");
  return Array.from(random.slice(0, SHORT_ID_CHARS), (byte) => ALPHABET.charAt(byte % ALPHABET.length)).join("");
}
