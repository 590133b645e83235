import { encodeCursor } from "@prego/core/cursor";
import { operatorOnly, PAGE_QUERY, readLimit, readPosition, validate, type AppEnv } from "@prego/core/http";
import { isMeterKey, isTenantId } from "@prego/core/id";
import { hourOf, parseInstant } from "@prego/core/period";
import { formatQuantity } from "@prego/core/quantity";
import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { z } from "zod";
import { createDeps } from "../deps.ts";
import type { Env } from "../env.ts";
import { listUsage } from "../store/usage-read-models.ts";

const HOUR_MS = 3_600_000;
/** The last hour that four year digits can write. */
const LAST_HOUR_MS = Date.UTC(9999, 11, 31, 23);

const Instant = z
  .string()
  .refine((text) => parseInstant(text) !== undefined, "Expected an RFC 3339 instant")
  .optional();

const UsageQuery = z.strictObject({
  tenant_id: z.string().refine(isTenantId, "Expected a tenant id"),
  from: Instant.describe("hours that begin at it or later"),
  to: Instant.describe("hours that begin before it"),
  meter_key: z.string().refine(isMeterKey, "Expected a meter's key").optional(),
  ...PAGE_QUERY,
});

/** `GET /internal/usage`: hourly rollups of one tenant, by meter and hour. */
export const internalUsageRoutes = (): Hono<AppEnv<Env>> =>
  new Hono<AppEnv<Env>>().get(
    "/internal/usage",
    describeRoute({ summary: "Hourly usage of a tenant", security: [{ bearer: [] }] }),
    operatorOnly<Env>(),
    validate("query", UsageQuery),
    async (c) => {
      const { tenant_id: tenantId, meter_key: meterKey, from, to, cursor, ...query } = c.req.valid("query");
      const limit = readLimit(query.limit);
      const [fromHour, beforeHour] = [firstHourFrom(from), firstHourFrom(to)];
      const filter = { list: "usage", tenantId, meterKey, fromHour, beforeHour };
      const [lastMeter, lastHour] = (await readPosition(filter, cursor, 2)) ?? [];
      const after =
        lastMeter === undefined || lastHour === undefined ? undefined : { meterKey: lastMeter, hour: lastHour };
      const { db } = createDeps(c.env, c.get("runtime"));
      const rows = await listUsage(db, { tenantId, meterKey, fromHour, beforeHour }, { after, limit: limit + 1 });
      const shown = rows.slice(0, limit);
      const last = rows.length > limit ? shown.at(-1) : undefined;
      const nextCursor = last === undefined ? null : await encodeCursor(filter, [last.meterKey, last.hour]);
      const usage = shown.map(({ meterKey, hour, qty, events, newValues }) => ({
        meter_key: meterKey,
        hour,
        qty: formatQuantity(qty),
        events,
        ...(newValues === 0 ? {} : { new_values: newValues }),
      }));
      return c.json({ usage, next_cursor: nextCursor }, 200, { "cache-control": "no-store" });
    },
  );

/** The first hour that begins at an instant or after it. */
function firstHourFrom(instant: string | undefined): string | undefined {
  const epochMs = instant === undefined ? undefined : parseInstant(instant);
  if (epochMs === undefined) return undefined;
  return hourOf(Math.ceil(Math.min(epochMs, LAST_HOUR_MS) / HOUR_MS) * HOUR_MS);
}
