import { configuredSecrets } from "@prego/core/auth";
import { encodeCursor } from "@prego/core/cursor";
import { fingerprintEmail } from "@prego/core/funnel";
import {
  operatorOnly,
  PAGE_QUERY,
  readLimit,
  readPosition,
  validate,
  type AppEnv,
  type Runtime,
} from "@prego/core/http";
import { ProblemError } from "@prego/core/problem";
import { sanitizeTraceIdValue } from "@prego/core/trace-id";
import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { z } from "zod";
import { createDeps } from "../deps.ts";
import { type Calendar, createCalendar } from "../domain/calendar-day.ts";
import { Email, FunnelType } from "../domain/funnel-event.ts";
import { comparePeriods, readMoment } from "../domain/funnel-period.ts";
import { listBuckets, summarizeFunnel } from "../domain/funnel-summary.ts";
import { showFunnelEvent } from "../domain/funnel-view.ts";
import type { Env } from "../env.ts";
import { FUNNEL_SUMMARY_DAYS_MAX } from "../intake-limits.ts";
import { countFunnelEvents } from "../store/funnel-counts.ts";
import { listFunnelEvents } from "../store/funnel-events.ts";
import { funnelSecretOf, requireFunnelKey } from "./funnel-auth.ts";

const Moment = z.string().max(40).optional().describe("a day in the reporting time zone, or an RFC 3339 instant");

const SummaryQuery = z.strictObject({
  from: Moment.describe("first moment; 30 days before `to` by default"),
  to: Moment.describe("first moment after the period; the end of today by default"),
  tz: z.string().max(64).optional().describe("IANA time zone of days; the server's reporting time zone by default"),
});

const FeedQuery = z.strictObject({
  from: Moment,
  to: Moment,
  type: FunnelType.optional(),
  q_email: Email.optional().describe("hashed before it is looked up"),
  trace_id: z
    .string()
    .refine((text) => sanitizeTraceIdValue(text) === text, "Expected a trace id")
    .optional(),
  ...PAGE_QUERY,
});

const NOT_STORED = { "cache-control": "no-store" };

/** What operators read about the funnel: the feed and the summary. */
export const funnelRoutes = (): Hono<AppEnv<Env>> =>
  new Hono<AppEnv<Env>>()
    .get(
      "/internal/funnel-events",
      describeRoute({ summary: "Funnel events, newest first", security: [{ bearer: [] }] }),
      operatorOnly<Env>(),
      validate("query", FeedQuery),
      async (c) => c.json(await readFeed(c.env, c.get("runtime"), c.req.valid("query")), 200, NOT_STORED),
    )
    .get(
      "/internal/funnel-events/summary",
      describeRoute({ summary: "Figures of the funnel per day, beside the period before", security: [{ bearer: [] }] }),
      operatorOnly<Env>(),
      validate("query", SummaryQuery),
      async (c) => c.json(await readSummary(c.env, c.get("runtime"), c.req.valid("query")), 200, NOT_STORED),
    );

async function readFeed(env: Env, runtime: Runtime, query: z.infer<typeof FeedQuery>) {
  const calendar = requireCalendar(env.REPORTING_TIME_ZONE);
  const filter = {
    fromMs: readBound("from", query.from, calendar),
    toMs: readBound("to", query.to, calendar),
    eventType: query.type,
    traceId: query.trace_id,
  };
  const emailFingerprints = await fingerprintsOf(env, query.q_email);
  const limit = readLimit(query.limit);
  const bound = { list: "funnel", ...filter, email: emailFingerprints?.[0] };
  const [ts, id] = (await readPosition(bound, query.cursor, 2)) ?? [];
  const after = ts === undefined || id === undefined ? undefined : { ts, id: Number(id) };
  const { db } = createDeps(env, runtime);
  const rows = await listFunnelEvents(db, { ...filter, emailFingerprints }, { after, limit: limit + 1 });
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return {
    events: shown.map((row) => showFunnelEvent(row)),
    next_cursor: last === undefined ? null : await encodeCursor(bound, [last.ts, String(last.id)]),
  };
}

async function readSummary(env: Env, runtime: Runtime, { from, to, tz }: z.infer<typeof SummaryQuery>) {
  const calendar = requireCalendar(env.REPORTING_TIME_ZONE, tz);
  const nowMs = runtime.now();
  const range = { fromMs: readBound("from", from, calendar), toMs: readBound("to", to, calendar), nowMs };
  const periods = comparePeriods(range, calendar);
  if (periods === undefined) {
    throw invalidParameter("from", `Expected at most ${FUNNEL_SUMMARY_DAYS_MAX} days before to`);
  }
  const counts = await countFunnelEvents(createDeps(env, runtime).db, listBuckets(periods), periods);
  return summarizeFunnel(periods, counts, { timeZone: calendar.timeZone, nowMs });
}

function requireCalendar(setting: string | undefined, wanted?: string): Calendar {
  const calendar = createCalendar(wanted ?? setting ?? "UTC");
  if (calendar !== undefined) return calendar;
  if (wanted !== undefined) throw invalidParameter("tz", "Expected an IANA time zone");
  throw new ProblemError("not_configured", { detail: "The reporting time zone is not one." });
}

function readBound(name: "from" | "to", text: string | undefined, calendar: Calendar): number | undefined {
  if (text === undefined) return undefined;
  const epochMs = readMoment(text, calendar);
  if (epochMs === undefined) throw invalidParameter(name, "Expected a day or an RFC 3339 instant");
  return epochMs;
}

/** Under every secret in use, so that rotating one loses nobody's history until the old one is removed. */
async function fingerprintsOf(env: Env, email: string | undefined): Promise<string[] | undefined> {
  if (email === undefined) return undefined;
  requireFunnelKey(env);
  return Promise.all(configuredSecrets(funnelSecretOf(env)).map((key) => fingerprintEmail(key, email)));
}

const invalidParameter = (name: string, message: string): ProblemError =>
  new ProblemError("validation_failed", { errors: [{ pointer: `/${name}`, message }] });
