import { sql } from "drizzle-orm";
import { formatInstant } from "@prego/core/period";
import { commit, type Database, type Statement } from "@prego/core/store";
import type { Bucket, ComparedPeriods } from "../domain/funnel-period.ts";
import type { ErrorCount, EventCount, FunnelCounts, SessionCount } from "../domain/funnel-summary.ts";
import { FUNNEL_SUMMARY_ERRORS_MAX } from "../intake-limits.ts";

/** Counts events per bucket and type, distinct visits per bucket, and error codes, all from one moment. */
export async function countFunnelEvents(
  db: Database,
  buckets: readonly Bucket[],
  periods: ComparedPeriods,
): Promise<FunnelCounts> {
  const [events, sessions, errors] = await commit(db, [
    countByType(buckets),
    countSessions(buckets),
    countErrors(periods),
  ]);
  return {
    events: (events?.results ?? []) as unknown as EventCount[],
    sessions: (sessions?.results ?? []) as unknown as SessionCount[],
    errors: (errors?.results ?? []) as unknown as ErrorCount[],
  };
}

const toJson = (buckets: readonly Bucket[]): string =>
  JSON.stringify(
    buckets.map(({ key, startMs, endMs }) => ({ key, start: formatInstant(startMs), end: formatInstant(endMs) })),
  );

// CROSS JOIN keeps SQLite's order of loops: the few buckets outside, a range of the index inside.
const countByType = (buckets: readonly Bucket[]): Statement => sql`
  SELECT bucket.value ->> '$.key' AS key, e.event_type AS eventType, e.success AS success, count(*) AS count
  FROM json_each(${toJson(buckets)}) AS bucket
  CROSS JOIN funnel_events AS e ON e.ts >= bucket.value ->> '$.start' AND e.ts < bucket.value ->> '$.end'
  GROUP BY 1, 2, 3`;

const countSessions = (buckets: readonly Bucket[]): Statement => sql`
  SELECT bucket.value ->> '$.key' AS key,
    count(DISTINCT coalesce(e.payload_json ->> '$.session_id', e.payload_json ->> '$.anonymous_id')) AS count
  FROM json_each(${toJson(buckets)}) AS bucket
  CROSS JOIN funnel_events AS e ON e.event_type = 'm_page_view'
    AND e.ts >= bucket.value ->> '$.start' AND e.ts < bucket.value ->> '$.end'
  GROUP BY 1`;

const countErrors = ({ current, previous }: ComparedPeriods): Statement => sql`
  SELECT event_type AS eventType, error_code AS errorCode,
    count(*) FILTER (WHERE ts >= ${formatInstant(current.startMs)}) AS current,
    count(*) FILTER (WHERE ts < ${formatInstant(current.startMs)}) AS previous
  FROM funnel_events
  WHERE ts >= ${formatInstant(previous.startMs)} AND ts < ${formatInstant(current.endMs)} AND error_code IS NOT NULL
  GROUP BY 1, 2 ORDER BY 3 DESC, 4 DESC, 1, 2 LIMIT CAST(${FUNNEL_SUMMARY_ERRORS_MAX} AS INTEGER)`;
