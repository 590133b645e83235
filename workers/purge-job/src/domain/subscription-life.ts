const ENDED_STATUSES = new Set(["canceled", "incomplete_expired"]);

/** Whether Stripe never revives a subscription of this status; a status that Stripe may add counts as alive. */
export const isEndedSubscription = (status: string): boolean => ENDED_STATUSES.has(status);

/** A subscription as listed by Stripe or stored here. */
export interface ListedSubscription {
  id: string;
  status: string;
}

/** Ids of those that have not ended and are not another tenant's, each once. */
export function findAlive(listed: readonly ListedSubscription[], elsewhere: ReadonlySet<string>): string[] {
  const alive = listed.filter(({ id, status }) => !isEndedSubscription(status) && !elsewhere.has(id));
  return [...new Set(alive.map(({ id }) => id))].toSorted();
}
