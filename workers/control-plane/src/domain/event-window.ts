/** A stretch of Stripe's event time, half open, in epoch seconds; `after` pages through one second that overflows a page. */
export interface EventWindow {
  from: number;
  until: number;
  after: string | null;
}

/**
 * How far back undelivered events are looked for. A day less than Stripe keeps them and than a purge waits: the purge erases
 * the ids of its tenant's events, so an event that was applied before must be out of reach by then.
 */
export const EVENTS_BACK_SECONDS = 29 * 24 * 60 * 60;

/** The whole stretch, as the first window. */
export const firstWindow = (endSeconds: number): EventWindow => ({
  from: endSeconds - EVENTS_BACK_SECONDS,
  until: endSeconds,
  after: null,
});

/**
 * Stripe lists newest first and pages are bounded, so a window that does not fit into one page is halved until it does: its
 * events are then applied oldest first, and the next window begins where it ends, twice as wide.
 * @returns whether the page is to be applied, and the next window, undefined at the end.
 */
export function followWindow(
  window: EventWindow,
  endSeconds: number,
  page: { hasMore: boolean; lastId: string | undefined },
): { isComplete: boolean; next: EventWindow | undefined } {
  const width = window.until - window.from;
  if (page.hasMore && width > 1) {
    return { isComplete: false, next: { ...window, until: window.from + Math.floor(width / 2) } };
  }
  if (page.hasMore && page.lastId !== undefined) return { isComplete: true, next: { ...window, after: page.lastId } };
  if (window.until >= endSeconds) return { isComplete: true, next: undefined };
  const until = Math.min(endSeconds, window.until + 2 * width);
  return { isComplete: true, next: { from: window.until, until, after: null } };
}
