import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { z } from "zod";
import { encodeCursor } from "@prego/core/cursor";
import { jsonBody, operatorOnly, PAGE_QUERY, readLimit, readPosition, validate, type AppEnv } from "@prego/core/http";
import { createDeps } from "../deps.ts";
import type { Env } from "../env.ts";
import { saveMeter } from "../save-plan.ts";
import { listMeters, type MeterRow } from "../store/plans.ts";
import { NoQuery } from "./no-query.ts";
import { MeterDefinitionBody } from "./plan-body.ts";

const NO_STORE = { "cache-control": "no-store" };
const MetersQuery = z.strictObject(PAGE_QUERY);
const FILTER = { list: "meters" };

/** What is counted. */
export const meterRoutes = (): Hono<AppEnv<Env>> =>
  new Hono<AppEnv<Env>>()
    .get(
      "/internal/meters",
      describeRoute({ summary: "Meters in order of their keys", security: [{ bearer: [] }] }),
      operatorOnly<Env>(),
      validate("query", MetersQuery),
      async (c) => {
        const query = c.req.valid("query");
        const limit = readLimit(query.limit);
        const [after] = (await readPosition(FILTER, query.cursor, 1)) ?? [];
        const rows = await listMeters(createDeps(c.env, c.get("runtime")).db, { after, limit: limit + 1 });
        const shown = rows.slice(0, limit);
        const last = rows.length > limit ? shown.at(-1) : undefined;
        const nextCursor = last === undefined ? null : await encodeCursor(FILTER, [last.meterKey]);
        return c.json({ meters: shown.map((row) => showMeter(row)), next_cursor: nextCursor }, 200, NO_STORE);
      },
    )
    .post(
      "/internal/meters",
      describeRoute({ summary: "Makes a meter", security: [{ bearer: [] }] }),
      operatorOnly<Env>(),
      ...jsonBody(),
      validate("query", NoQuery),
      validate("json", MeterDefinitionBody),
      async (c) => {
        const body = c.req.valid("json");
        const by = { actor: c.get("actor"), traceId: c.get("traceId") };
        const wish = {
          meterKey: body.meter_key,
          displayName: body.display_name,
          unit: body.unit,
          aggregation: body.aggregation,
          valueProperty: body.value_property,
        };
        const { value, isNew } = await saveMeter(createDeps(c.env, c.get("runtime")), wish, by);
        return c.json({ meter: showMeter(value) }, isNew ? 201 : 200, NO_STORE);
      },
    );

const showMeter = (row: MeterRow) => ({
  meter_key: row.meterKey,
  display_name: row.displayName,
  unit: row.unit,
  aggregation: row.aggregation,
  value_property: row.valueProperty,
  created_at: row.createdAt,
});
