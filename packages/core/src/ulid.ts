const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_MAX_MS = 2 ** 48 - 1;
const RANDOM_BYTES = 10;

/**
 * A ULID: 26 Crockford base32 characters, 48 bits of time and 80 random bits, sorting by time as text.
 * Format: github.com/ulid/spec.
 * @param nowMs epoch milliseconds, 0 to 2^48-1.
 * @param random at least 10 random bytes; the first 10 are used.
 * @throws RangeError for a time or an amount of random bytes outside of that.
 */
export function encodeUlid(nowMs: number, random: Uint8Array): string {
  const isTime = Number.isSafeInteger(nowMs) && nowMs >= 0 && nowMs <= TIME_MAX_MS;
  if (!isTime) throw new RangeError("time outside of ULID's 48 bits");
  if (random.length < RANDOM_BYTES) throw new RangeError("a ULID takes 10 random bytes");
  return encodeTime(nowMs) + encodeRandom(random);
}

function encodeTime(nowMs: number): string {
  let text = "";
  let rest = nowMs;
  for (let index = 0; index < 10; index++) {
    text = CROCKFORD.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function encodeRandom(random: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (let index = 0; index < RANDOM_BYTES; index++) {
    bits = (bits << 8) | (random[index] ?? 0);
    held += 8;
    while (held >= 5) {
      held -= 5;
      text += CROCKFORD.charAt((bits >> held) & 31);
    }
    bits &= (1 << held) - 1;
  }
  return text;
}
