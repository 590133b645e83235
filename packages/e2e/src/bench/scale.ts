/** How large a run is, and what its random numbers start from. */
export interface Scale {
  seed: number;
  /** A count of the full run, made smaller for a trial run; at least 1. */
  count(full: number): number;
}

/** @param share of the full run's counts, above 0 and at most 1. */
export const createScale = (share: number, seed: number): Scale => ({
  seed,
  count: (full) => Math.max(1, Math.round(full * share)),
});
