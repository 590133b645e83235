import { formatInstant } from "@prego/core/period";
import type { Bucket, ComparedPeriods, Period } from "./funnel-period.ts";

/** Events of one type and outcome in one bucket. */
export interface EventCount {
  key: string;
  eventType: string;
  success: 0 | 1 | null;
  count: number;
}

/** Distinct visits in one bucket; those of a period are not the sum of its days. */
export interface SessionCount {
  key: string;
  count: number;
}

export interface ErrorCount {
  eventType: string;
  errorCode: string;
  current: number;
  previous: number;
}

export interface FunnelCounts {
  events: readonly EventCount[];
  sessions: readonly SessionCount[];
  errors: readonly ErrorCount[];
}

type CountedOutcome = 0 | 1 | "any";

/** Which events each figure counts. Visits are counted apart. */
const COUNTED = {
  login_attempts: ["m_auth_login_start", "any"],
  login_successes: ["m_auth_login_success", "any"],
  login_failures: ["m_auth_login_fail", "any"],
  otp_sent: ["m_otp_send", "any"],
  otp_delivered: ["m_otp_send_result", 1],
  otp_failed: ["m_otp_send_result", 0],
  checkout_clicks: ["m_checkout_click", "any"],
  checkout_started: ["m_checkout_session_created", "any"],
  checkout_completed: ["m_stripe_webhook_checkout_complete", "any"],
  provision_jobs: ["m_provision_job_created", "any"],
  provision_failed: ["m_provision_failed", "any"],
} as const satisfies Record<string, readonly [string, CountedOutcome]>;

/** Names of the figures, in the order of the funnel. */
export const FIGURES = ["sessions", ...(Object.keys(COUNTED) as (keyof typeof COUNTED)[])] as const;
type Figure = (typeof FIGURES)[number];
type Figures = Record<Figure, number>;

const RATES = {
  login_success: ["login_successes", "login_attempts"],
  otp_failure: ["otp_failed", "otp_sent"],
  checkout_completion: ["checkout_completed", "checkout_started"],
  provision_failure: ["provision_failed", "provision_jobs"],
} as const satisfies Record<string, readonly [Figure, Figure]>;

/** Names of the rates. */
export const RATE_NAMES = Object.keys(RATES) as (keyof typeof RATES)[];

/** A share; `per_mille` is rounded half up, and null when there is nothing to share. */
interface Rate {
  numerator: number;
  denominator: number;
  per_mille: number | null;
}

const PERIOD_KEYS = { current: "current", previous: "previous" } as const;

/** Every bucket that must be counted: the days of both periods, and the periods as a whole. */
export function listBuckets({ current, previous }: ComparedPeriods): Bucket[] {
  return [
    { key: PERIOD_KEYS.current, startMs: current.startMs, endMs: current.endMs },
    { key: PERIOD_KEYS.previous, startMs: previous.startMs, endMs: previous.endMs },
    ...previous.days.map((day) => ({ ...day, key: dayKey("previous", day) })),
    ...current.days.map((day) => ({ ...day, key: dayKey("current", day) })),
  ];
}

/** A day that is cut in two by the border of the periods belongs to both. */
const dayKey = (period: keyof typeof PERIOD_KEYS, day: Bucket): string => `${period}/${day.key}`;

/** The answer: figures and rates of both periods, and of each of their days. */
export function summarizeFunnel(
  periods: ComparedPeriods,
  counts: FunnelCounts,
  { timeZone, nowMs }: { timeZone: string; nowMs: number },
) {
  const figuresOf = indexFigures(counts);
  const current = figuresOf(PERIOD_KEYS.current);
  const previous = figuresOf(PERIOD_KEYS.previous);
  const show = (name: keyof typeof PERIOD_KEYS, period: Period) => ({
    from: formatInstant(period.startMs),
    to: formatInstant(period.endMs),
    complete: period.endMs <= nowMs,
    days: period.days.map((day) => ({
      day: day.key,
      from: formatInstant(day.startMs),
      to: formatInstant(day.endMs),
      complete: day.endMs <= nowMs,
      counts: figuresOf(dayKey(name, day)),
    })),
  });
  return {
    tz: timeZone,
    bucket: "day" as const,
    kpis: pair(FIGURES, (figure) => ({ current: current[figure], previous: previous[figure] })),
    rates: pair(RATE_NAMES, (rate) => ({ current: rateOf(rate, current), previous: rateOf(rate, previous) })),
    errors: counts.errors.map(({ eventType, errorCode, current, previous }) => ({
      event_type: eventType,
      error_code: errorCode,
      current,
      previous,
    })),
    current: show("current", periods.current),
    previous: show("previous", periods.previous),
  };
}

const pair = <K extends string, V>(keys: readonly K[], valueOf: (key: K) => V): Record<K, V> =>
  Object.fromEntries(keys.map((key) => [key, valueOf(key)])) as Record<K, V>;

function indexFigures({ events, sessions }: FunnelCounts): (key: string) => Figures {
  const byBucket = Map.groupBy(events, ({ key }) => key);
  const visits = new Map(sessions.map(({ key, count }) => [key, count]));
  return (key) => {
    const found = byBucket.get(key) ?? [];
    return pair(FIGURES, (figure) => (figure === "sessions" ? (visits.get(key) ?? 0) : countFigure(found, figure)));
  };
}

function countFigure(events: readonly EventCount[], figure: keyof typeof COUNTED): number {
  const [eventType, outcome] = COUNTED[figure];
  return events
    .filter((event) => event.eventType === eventType && (outcome === "any" || event.success === outcome))
    .reduce((sum, { count }) => sum + count, 0);
}

function rateOf(name: keyof typeof RATES, figures: Figures): Rate {
  const [upper, lower] = RATES[name];
  const [numerator, denominator] = [figures[upper], figures[lower]];
  const perMille = denominator === 0 ? null : Math.floor((2_000 * numerator + denominator) / (2 * denominator));
  return { numerator, denominator, per_mille: perMille };
}
