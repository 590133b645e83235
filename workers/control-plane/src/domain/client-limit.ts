/** Requests a client may make at once, and the time after which it may make one more. */
export interface ClientAllowance {
  burst: number;
  refillMs: number;
  /** Clients remembered. */
  clientsMax: number;
}

/** Takes one request of a client into account; undefined if it is allowed, else the seconds to wait. */
export type TakeRequest = (client: string, nowMs: number) => number | undefined;

/**
 * A token bucket per client, in the memory of one isolate: a brake on scripts. Each isolate counts for itself and forgets
 * on restart; a wall across all of them is a rate limiting rule of the zone.
 */
export function createClientLimit({ burst, refillMs, clientsMax }: ClientAllowance): TakeRequest {
  const fullMs = burst * refillMs;
  const buckets = new Map<string, { creditMs: number; atMs: number }>();
  return (client, nowMs) => {
    const known = buckets.get(client);
    const elapsedMs = known === undefined ? fullMs : Math.max(0, nowMs - known.atMs);
    const creditMs = Math.min(fullMs, (known?.creditMs ?? 0) + elapsedMs);
    const isAllowed = creditMs >= refillMs;
    // Insertion order is the order of last use, so the first key is the client seen longest ago.
    buckets.delete(client);
    if (buckets.size >= clientsMax) forgetFirst(buckets);
    buckets.set(client, { creditMs: isAllowed ? creditMs - refillMs : creditMs, atMs: nowMs });
    return isAllowed ? undefined : Math.ceil((refillMs - creditMs) / 1_000);
  };
}

function forgetFirst(buckets: Map<string, unknown>): void {
  for (const client of buckets.keys()) {
    buckets.delete(client);
    return;
  }
}

const IPV6_NETWORK_GROUPS = 4;
const IPV6_GROUPS = 8;

/** What counts as one client: an IPv4 address, or the /64 network of an IPv6 address, which is what one customer gets. */
export function clientOfAddress(address: string | undefined): string {
  const text = (address ?? "").trim().toLowerCase().slice(0, 45);
  if (!text.includes(":")) return text;
  const [head = "", tail] = text.split("::", 2);
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap = tail === undefined ? 0 : Math.max(0, IPV6_GROUPS - groups.length - rest.length);
  return [...groups, ...Array.from({ length: gap }, () => "0"), ...rest].slice(0, IPV6_NETWORK_GROUPS).join(":");
}
