import { encodeCursor } from "@prego/core/cursor";
import { type AppEnv, jsonBody, operatorOnly, PAGE_QUERY, readLimit, readPosition, validate } from "@prego/core/http";
import { parseCycle } from "@prego/core/period";
import { ProblemError } from "@prego/core/problem";
import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { z } from "zod";
import { createDeps } from "../deps.ts";
import type { Env } from "../env.ts";
import { resendCharge } from "../resend-charge.ts";
import { type ChargeRow, listCharges } from "../store/charges.ts";

const ChargesQuery = z.strictObject({
  status: z.enum(["pending", "sent", "rejected", "failed"]),
  cycle: z
    .string()
    .refine((text) => parseCycle(text) !== undefined, "a calendar month, YYYY-MM")
    .optional(),
  ...PAGE_QUERY,
});

const ResendBody = z.strictObject({ reason: z.string().trim().min(1).max(500) });

/** Ids as they are made; those of purged tenants look otherwise and are not there for anybody. */
const ID_PATTERN = /^prego_[0-9a-f]{40}$/;
const NO_STORE = { "cache-control": "no-store" };

const listDocumentation = describeRoute({
  summary: "What Stripe was told or is to be told, by state",
  security: [{ bearer: [] }],
  responses: { 200: { description: "Charges in order of their ids, and a cursor" } },
});

const resendDocumentation = describeRoute({
  summary:
    "Lets the next run send a rejected charge again: it looks at Stripe first and uses keys that no call used before",
  security: [{ bearer: [] }],
  responses: {
    200: { description: "The charge, pending" },
    404: { description: "No such charge" },
    409: { description: "The charge is not rejected, or was sent again too often" },
  },
});

export function createChargeRoutes(): Hono<AppEnv<Env>> {
  const app = new Hono<AppEnv<Env>>();
  app.get(
    "/cycle-close/charges",
    listDocumentation,
    operatorOnly<Env>(),
    validate("query", ChargesQuery),
    async (c) => {
      const { status, cycle, ...query } = c.req.valid("query");
      const filter = { list: "charges", status, cycle };
      const [after] = (await readPosition(filter, query.cursor, 1)) ?? [];
      const limit = readLimit(query.limit);
      const { db } = createDeps(c.env, c.get("runtime"));
      const rows = await listCharges(db, { status, cycle }, { after, limit: limit + 1 });
      const shown = rows.slice(0, limit);
      const last = rows.length > limit ? shown.at(-1) : undefined;
      const nextCursor = last === undefined ? null : await encodeCursor(filter, [last.identifier]);
      return c.json({ charges: shown.map(presentRow), next_cursor: nextCursor }, 200, NO_STORE);
    },
  );
  app.post(
    "/cycle-close/charges/:id/resend",
    resendDocumentation,
    operatorOnly<Env>(),
    ...jsonBody(),
    validate("query", z.strictObject({})),
    validate("json", ResendBody),
    async (c) => {
      const identifier = c.req.param("id");
      if (!ID_PATTERN.test(identifier)) throw new ProblemError("not_found");
      const { reason } = c.req.valid("json");
      const deps = createDeps(c.env, c.get("runtime"));
      const row = await resendCharge(deps, { identifier, reason, actor: c.get("actor") });
      return c.json({ charge: presentRow(row) }, 200, NO_STORE);
    },
  );
  return app;
}

const presentRow = (row: ChargeRow) => ({
  id: row.identifier,
  tenant_id: row.tenantId,
  meter_key: row.meterKey,
  cycle: row.cycle,
  corrected_cycle: row.correctedCycle,
  part: row.part === "" ? null : row.part,
  mode: row.mode,
  status: row.status,
  attempts: row.attempts,
  intent_at: row.intentAt,
  next_attempt_at: row.nextAttemptAt,
  stripe_id: row.stripeId,
  error: row.error,
  sum_difference: row.sumDifference,
  payload: JSON.parse(row.payloadJson) as Record<string, unknown>,
  created_at: row.createdAt,
  updated_at: row.updatedAt,
});
