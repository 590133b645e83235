import { sha256Hex } from "@prego/core/auth";
import { type IdPrefix, newId } from "@prego/core/id";

/** What an ordered node is known by: the same for every attempt at one decision. */
export interface OrderKey {
  region: string;
  windowMs: number;
  index: number;
}

/** An id derived from the decision instead of chance, so that repeating the decision cannot order another node. */
export async function deriveOrderId(prefix: IdPrefix, { region, windowMs, index }: OrderKey): Promise<string> {
  const digest = await sha256Hex(JSON.stringify([prefix, region, windowMs, index]));
  const bytes = Uint8Array.from({ length: 10 }, (_, at) => Number.parseInt(digest.slice(2 * at, 2 * at + 2), 16));
  return newId(prefix, windowMs, bytes);
}
