import { isConstraintFailure, isGuardFailure } from "@prego/core/d1-error";
import { METERS_MAX } from "@prego/core/limits";
import { formatInstant } from "@prego/core/period";
import { ProblemError } from "@prego/core/problem";
import { commit } from "@prego/core/store";
import type { Deps } from "./deps.ts";
import { planNextVersion, type PlanVersion, type PlanWish } from "./domain/plan-version.ts";
import { PLAN_ATTEMPTS_MAX } from "./limits.ts";
import { auditStatements } from "./store/change-set.ts";
import {
  countMeters,
  findMeter,
  listKnownMeterKeys,
  listTakenPrices,
  listVersionsOf,
  meterStatements,
  planStatements,
  type MeterRow,
} from "./store/plans.ts";

/** What a request made, or found made already. */
export interface Saved<T> {
  value: T;
  isNew: boolean;
}

/** Stores the next version of a plan with its audit row. A repeat of the newest version's request changes nothing. */
export async function savePlan(
  deps: Deps,
  wish: PlanWish,
  by: { actor: string; traceId: string | null },
): Promise<Saved<PlanVersion>> {
  const { terms } = wish;
  const keys = terms.meters.map(({ meterKey }) => meterKey);
  for (let attempt = 0; attempt < PLAN_ATTEMPTS_MAX; attempt += 1) {
    const [[newest], meterKeys, takenPrices] = await Promise.all([
      listVersionsOf(deps.db, terms.planId, 1),
      listKnownMeterKeys(deps.db, keys),
      listTakenPrices(deps.db, terms),
    ]);
    const nowMs = deps.now();
    const step = planNextVersion(newest, { ...wish, meterKeys, takenPrices }, nowMs);
    if (step.kind === "refused") {
      const { pointer, message } = step;
      throw new ProblemError("validation_failed", { errors: [{ pointer, message }] });
    }
    if (step.kind === "same") return { value: step.version, isNew: false };
    const { planId, version, effectiveFrom } = step.version;
    const detail = { version, effective_from: effectiveFrom, currency: terms.currency, meters: keys };
    const change = { ...by, action: "plan.version_created", target: `plans/${planId}`, detail };
    if (await commitNew(deps, [...planStatements(deps.db, step.version), ...(await auditOf(deps, change, nowMs))])) {
      return { value: step.version, isNew: true };
    }
  }
  throw new ProblemError("conflict", { detail: "Others keep changing this plan; read it and send the version again." });
}

/** Stores a meter. A meter that exists is never changed: what was counted by it would mean something else. */
export async function saveMeter(
  deps: Deps,
  wish: Omit<MeterRow, "createdAt">,
  by: { actor: string; traceId: string | null },
): Promise<Saved<MeterRow>> {
  for (let attempt = 0; attempt < PLAN_ATTEMPTS_MAX; attempt += 1) {
    const known = await findMeter(deps.db, wish.meterKey);
    if (known !== undefined) return { value: requireSame(known, wish), isNew: false };
    const nowMs = deps.now();
    const row = { ...wish, createdAt: formatInstant(nowMs) };
    const { meterKey, ...detail } = wish;
    const change = { ...by, action: "meter.created", target: `meters/${meterKey}`, detail };
    if ((await countMeters(deps.db)) >= METERS_MAX) {
      throw new ProblemError("conflict", {
        detail: `There are ${METERS_MAX} meters already, as many as there may be.`,
      });
    }
    const statements = [...meterStatements(deps.db, row), ...(await auditOf(deps, change, nowMs))];
    if (await commitNew(deps, statements)) {
      return { value: row, isNew: true };
    }
  }
  throw new ProblemError("conflict", { detail: "Others keep changing this meter; send it again." });
}

function requireSame(known: MeterRow, wish: Omit<MeterRow, "createdAt">): MeterRow {
  const isSame = (Object.keys(wish) as (keyof typeof wish)[]).every((name) => known[name] === wish[name]);
  if (!isSame) throw new ProblemError("conflict", { detail: "This meter exists and is defined otherwise." });
  return known;
}

const auditOf = (deps: Deps, change: Parameters<typeof auditStatements>[1][number], nowMs: number) =>
  auditStatements(deps, [change], nowMs);

/** False when someone else made the row first, or took a price. */
async function commitNew(deps: Deps, statements: Parameters<typeof commit>[1]): Promise<boolean> {
  try {
    await commit(deps.db, statements);
    return true;
  } catch (error) {
    if (!isConstraintFailure(error) && !isGuardFailure(error)) throw error;
    return false;
  }
}
