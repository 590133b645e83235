import { isConstraintFailure, isGuardFailure } from "@prego/core/d1-error";
import { describeError } from "@prego/core/log";
import { ProblemError } from "@prego/core/problem";
import { commit } from "@prego/core/store";
import type { Deps } from "./deps.ts";
import type { FunnelDraft } from "./domain/change-set.ts";
import { toFunnelRow, type FunnelRow } from "./domain/funnel-event.ts";
import { digestBody, tenantIdOfKey } from "./domain/idempotency.ts";
import { planSignup, type Refusal, type Signup, type SignupForm, type SignupPlan } from "./domain/onboarding.ts";
import { newShortId } from "./domain/short-id.ts";
import { PLAN_ATTEMPTS_MAX } from "./limits.ts";
import { changeSetStatements } from "./store/change-set.ts";
import { funnelStatement } from "./store/funnel-events.ts";
import { listNodeRoom } from "./store/nodes.ts";
import { findSignup, readOffer } from "./store/onboarding.ts";

/** A request for a free tenant. */
export interface SignupRequest {
  form: SignupForm;
  traceId: string;
  idempotencyKey: string | undefined;
  /** Key of the fingerprints of addresses. */
  funnelKey: string | undefined;
}

/** Plans and commits a signup until nobody interferes; a repeat of its idempotency key finds what the first one made. */
export async function createFreeTenant(deps: Deps, request: SignupRequest): Promise<Signup & { isRepeated: boolean }> {
  for (let attempt = 0; attempt < PLAN_ATTEMPTS_MAX; attempt += 1) {
    const nowMs = deps.now();
    const plan = await planRequest(deps, request, nowMs);
    if (plan.kind === "refused") throw toProblem(plan);
    if (plan.kind === "repeated") return { ...plan.signup, isRepeated: true };
    const { funnel, ...changes } = plan.changes;
    const rows = await Promise.all(funnel.map((draft) => toRow(draft, request, nowMs)));
    try {
      await commit(deps.db, [
        ...(await changeSetStatements(deps, { ...changes, funnel: [] }, nowMs)),
        funnelStatement(rows),
      ]);
      return { ...plan.signup, isRepeated: false };
    } catch (error) {
      if (!isGuardFailure(error) && !isConstraintFailure(error)) throw error;
      deps.log("info", "signup.replanned", { trace_id: request.traceId, error: describeError(error) });
    }
  }
  throw new ProblemError("unavailable", { headers: { "retry-after": "1" } });
}

async function planRequest(
  deps: Deps,
  { form, traceId, idempotencyKey }: SignupRequest,
  nowMs: number,
): Promise<SignupPlan> {
  const derivedId = idempotencyKey === undefined ? undefined : await tenantIdOfKey(idempotencyKey);
  const [offer, nodes, earlier] = await Promise.all([
    readOffer(deps.db, form, nowMs),
    listNodeRoom(deps.db, form.region),
    derivedId === undefined ? undefined : findSignup(deps.db, derivedId),
  ]);
  return planSignup(
    form,
    { ...offer, nodes, earlier },
    {
      nowMs,
      traceId,
      newTenant: { tenantId: derivedId ?? deps.newId("ten"), shortId: newShortId(deps.randomBytes(10)) },
      newJobIds: { provision: deps.newId("job"), deprovision: deps.newId("job") },
      requestSha256: derivedId === undefined ? null : await digestBody(form),
    },
  );
}

const toRow = (draft: FunnelDraft, { form, funnelKey }: SignupRequest, nowMs: number): Promise<FunnelRow> =>
  toFunnelRow(
    {
      event_type: draft.eventType,
      source: draft.source,
      trace_id: draft.traceId,
      tenant_id: draft.tenantId ?? undefined,
      job_id: draft.jobId ?? undefined,
      email: form.email,
      success: draft.success,
      payload: draft.payload,
    },
    { key: funnelKey, nowMs },
  );

export const toProblem = ({ code, detail, errors }: Refusal): ProblemError =>
  new ProblemError(code, {
    ...(detail === undefined ? {} : { detail }),
    ...(errors === undefined ? {} : { errors }),
  });
