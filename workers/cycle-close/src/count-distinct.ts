import { createHash } from "node:crypto";
import { RECOMPUTE_VALUES_MAX } from "./limits.ts";

/** Distinct values of one meter and cycle, up to a bound. */
export interface DistinctCounter {
  add: (value: string, hour: string) => void;
  /** Whether there were more than it counts. */
  isFull: () => boolean;
  /** How many values each hour was the first to have. */
  byHour: () => ReadonlyMap<string, bigint>;
}

/** Counts values under the earliest hour that has them, in digests of equal length: values may be long. */
export function countDistinct(): DistinctCounter {
  const firstHours = new Map<string, string>();
  let isFull = false;
  return {
    add: (value, hour) => {
      const digest = createHash("sha256").update(value).digest("base64url");
      const known = firstHours.get(digest);
      if (known === undefined && firstHours.size >= RECOMPUTE_VALUES_MAX) isFull = true;
      else if (known === undefined || hour < known) firstHours.set(digest, hour);
    },
    isFull: () => isFull,
    byHour: () => {
      const counts = new Map<string, bigint>();
      for (const hour of firstHours.values()) counts.set(hour, (counts.get(hour) ?? 0n) + 1n);
      return counts;
    },
  };
}
