import { isReservedSlug } from "@prego/core/id";
import { formatInstant } from "@prego/core/period";
import type { FieldError, ProblemCode } from "@prego/core/problem";
import { z } from "zod";
import { NAME_CHARS_MAX } from "../intake-limits.ts";
import { emptyChangeSet, type ChangeSet } from "./change-set.ts";
import { Email } from "./funnel-event.ts";
import type { NodeRoom } from "./placement.ts";
import type { TenantRow } from "./rows.ts";
import { Slug } from "./slug-check.ts";
import { moveTenant, queueProvision, type NewJobIds } from "./tenant-move.ts";

/** Members of both signup bodies. */
export const WISH_SHAPE = {
  slug: Slug,
  plan: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, "Expected the id of a plan"),
  region: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, "Expected the name of a region"),
  name: z.string().trim().min(1).max(NAME_CHARS_MAX).optional(),
  email: Email.optional().describe("leaves only a keyed hash and its domain here"),
};

/** Body of `POST /v1/tenants`. */
export const SignupForm = z.strictObject(WISH_SHAPE);
export type SignupForm = z.infer<typeof SignupForm>;

/** What a customer asks for. */
export type Wish = Pick<SignupForm, "slug" | "plan" | "region">;

/** What the version of a plan that is in force sells. */
export interface OfferedPlan {
  planId: string;
  stripePriceId: string | null;
  /** Of its meters, in the order of their keys. */
  meteredPriceIds: readonly string[];
}

/** What is known about the things a wish names. */
export interface OfferState {
  plan: OfferedPlan | undefined;
  isRegionKnown: boolean;
  isSlugTaken: boolean;
}

/** A refusal, in the terms of the closed list of problems. */
export interface Refusal {
  kind: "refused";
  code: ProblemCode;
  detail?: string;
  errors?: readonly FieldError[];
}

/** Whether the wish can be met at all, whatever it costs. */
export function refuseWish({ slug }: Wish, state: OfferState): Refusal | undefined {
  const errors: FieldError[] = [];
  if (state.plan === undefined) errors.push({ pointer: "/plan", message: "No such plan" });
  if (!state.isRegionKnown) errors.push({ pointer: "/region", message: "No such region" });
  if (errors.length > 0) return { kind: "refused", code: "validation_failed", errors };
  if (isReservedSlug(slug)) return { kind: "refused", code: "slug_taken", detail: "The name is reserved." };
  return state.isSlugTaken ? { kind: "refused", code: "slug_taken" } : undefined;
}

/** A tenant and the request that made it. */
export interface Signup {
  tenant: TenantRow;
  jobId: string;
  /** Digest of the request's body; null without an idempotency key, and after a purge. */
  requestSha256: string | null;
}

export interface SignupState extends OfferState {
  /** Active nodes of the region. */
  nodes: readonly NodeRoom[];
  /** The signup that the same idempotency key made. */
  earlier: Signup | undefined;
}

export interface SignupContext {
  nowMs: number;
  traceId: string;
  newTenant: { tenantId: string; shortId: string };
  newJobIds: NewJobIds;
  /** Digest of the body, if the request has an idempotency key. */
  requestSha256: string | null;
}

export type SignupPlan =
  | Refusal
  | { kind: "repeated"; signup: Signup }
  | { kind: "create"; signup: Signup; changes: ChangeSet };

/** A free tenant starts in `Provisioning`, for nothing has to be paid; it takes a slot or waits for capacity. */
export function planSignup(form: SignupForm, state: SignupState, context: SignupContext): SignupPlan {
  const { earlier } = state;
  if (earlier !== undefined) {
    const isSame = earlier.requestSha256 !== null && earlier.requestSha256 === context.requestSha256;
    return isSame ? { kind: "repeated", signup: earlier } : { kind: "refused", code: "idempotency_key_reused" };
  }
  const refusal = refuseWish(form, state);
  if (refusal !== undefined) return refusal;
  if (state.plan?.stripePriceId !== null) {
    return { kind: "refused", code: "conflict", detail: "This plan is paid for: use POST /v1/checkout." };
  }
  return createTenant(form, state, context);
}

function createTenant(form: SignupForm, state: SignupState, context: SignupContext): SignupPlan {
  const tenant = draftTenant(form, context);
  const input = {
    tenant,
    event: undefined,
    set: {},
    openJobs: [],
    nodes: state.nodes,
    newJobIds: context.newJobIds,
    actor: "public",
    nowMs: context.nowMs,
  };
  const move = moveTenant(input);
  if (move.kind === "refused") return { kind: "refused", code: "conflict" };
  queueProvision(input, move);

  const about = { traceId: context.traceId, tenantId: tenant.tenantId };
  const facts = { slug: tenant.slug, plan: tenant.planId, region: tenant.region, status: tenant.status };
  const digest = context.requestSha256 === null ? {} : { request_sha256: context.requestSha256 };
  const changes = emptyChangeSet();
  changes.tenant = { kind: "create", row: { ...tenant, ...move.set } };
  const { tenantId, planId, createdAt } = tenant;
  changes.plans.push({ tenantId, planId, effectiveFrom: createdAt, source: "signup" });
  changes.jobs.push(...move.jobs);
  changes.preconditions.push(...move.preconditions);
  changes.trace.push({ ...about, eventType: "tenant.created", payload: facts }, ...move.trace);
  changes.audit.push({
    ...about,
    actor: "public",
    action: "tenant.created",
    target: `tenants_master/${tenant.tenantId}`,
    detail: { ...facts, ...digest },
  });
  changes.audit.push(...move.audit);
  changes.funnel.push(...move.funnel);
  const signup = { tenant, jobId: context.newJobIds.provision, requestSha256: context.requestSha256 };
  return { kind: "create", signup, changes };
}

function draftTenant(form: SignupForm, { nowMs, traceId, newTenant }: SignupContext): TenantRow {
  const now = formatInstant(nowMs);
  return {
    ...newTenant,
    slug: form.slug,
    name: form.name ?? null,
    type: "standard",
    planId: form.plan,
    status: "Provisioning",
    statusChangedAt: now,
    provisionedAt: null,
    region: form.region,
    nodeId: null,
    stripeCustomerId: null,
    stripeSubscriptionId: null,
    subscriptionStatus: null,
    currentPeriodEnd: null,
    traceId,
    pendingDeletionAt: null,
    purgeAfter: null,
    legalHold: 0,
    createdAt: now,
    updatedAt: now,
  };
}
