import { ProblemError } from "@prego/core/problem";
import type { Deps } from "./deps.ts";
import { RESENDS_MAX } from "./limits.ts";
import { recordChange } from "./record.ts";
import { type ChargeRow, findCharge } from "./store/charges.ts";
import { resendRejectedRow } from "./store/rejected-rows.ts";

/** What an operator wants; the reason may name people and goes where a purge erases it. */
export interface ResendWish {
  identifier: string;
  reason: string;
  actor: string;
}

/** Lets the next run send a rejected charge again, and returns it as it is then. A second request finds it pending. */
export async function resendCharge(
  deps: Pick<Deps, "db" | "now" | "randomBytes">,
  { identifier, reason, actor }: ResendWish,
): Promise<ChargeRow> {
  const row = await findCharge(deps.db, identifier);
  if (row === undefined) throw new ProblemError("not_found");
  if (row.status !== "rejected") throw new ProblemError("conflict", { detail: `The charge is ${row.status}.` });
  const resends = readResends(row.payloadJson);
  if (resends >= RESENDS_MAX) {
    throw new ProblemError("conflict", { detail: `The charge was sent again ${RESENDS_MAX} times; bill it by hand.` });
  }
  const { audit, trace } = await recordChange(deps, actor, {
    action: "stripe.usage_resent",
    target: `stripe_usage_outbox/${identifier}`,
    tenantId: row.tenantId,
    traceId: row.traceId,
    level: "warn",
    detail: { reason, meter_key: row.meterKey, cycle: row.cycle, rejected_as: row.error, resend: resends + 1 },
  });
  // The reason is an operator's own words: it belongs into the audit detail alone.
  const { reason: _reason, ...payload } = trace.payload ?? {};
  const record = { nowMs: deps.now(), audit: [audit], trace: [{ ...trace, payload }] };
  if (!(await resendRejectedRow(deps.db, { identifier, resends }, record))) {
    throw new ProblemError("conflict", { detail: "The charge was changed meanwhile." });
  }
  return (await findCharge(deps.db, identifier)) ?? row;
}

function readResends(payloadJson: string): number {
  const { resends } = JSON.parse(payloadJson) as { resends?: unknown };
  return typeof resends === "number" ? resends : 0;
}
