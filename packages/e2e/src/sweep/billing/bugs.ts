import type { PlantedBug } from "../planted-bugs.ts";
import type { CallSite, FindingKind } from "./fault-plan.ts";

const SINK = "cycle-close/src/execute.ts";
const OUTBOX = "cycle-close/src/store/outbox.ts";
const DECISION = "cycle-close/src/plan/send-decision.ts";
const FAILURE = "cycle-close/src/plan/stripe-failure.ts";

/** A bug, and what it does to the bill. */
export interface BillingBug extends PlantedBug<CallSite> {
  shows: FindingKind;
}

/** Bugs that the sweep of the close must see, by name. */
export const BILLING_BUGS: Readonly<Record<string, BillingBug>> = {
  "random-key": {
    shows: "doubled",
    sites: ["stripe"],
    changes: [
      {
        file: SINK,
        correct: "idempotencyKey: idempotencyKey({ identifier: row.identifier, keyEpoch: payload.key_epoch })",
        wrong: "idempotencyKey: crypto.randomUUID()",
      },
    ],
  },
  "mark-before-send": {
    shows: "lost",
    sites: ["stripe"],
    changes: [
      {
        file: OUTBOX,
        correct: "SET attempts = attempts + 1, intent_at",
        wrong: "SET status = 'sent', attempts = attempts + 1, intent_at",
      },
      {
        file: OUTBOX,
        correct: "WHERE o.identifier = r.value ->> 'identifier' AND o.status = 'pending'",
        wrong: "WHERE o.identifier = r.value ->> 'identifier'",
      },
    ],
  },
  "old-key-without-look-up": {
    shows: "doubled",
    sites: ["stripe"],
    changes: [
      {
        file: DECISION,
        correct: "isTooOld || nowMs - row.intentAtMs >= STRIPE_KEY_REUSE_MS_MAX ?",
        wrong: "isTooOld ?",
      },
    ],
  },
  "not-found-is-success": {
    shows: "lost",
    sites: ["stripe"],
    changes: [
      {
        file: FAILURE,
        correct: 'if (mode === "meter_event" && status === 400',
        wrong: "if (status === 404 || status === 400",
      },
    ],
  },
  "close-during-purge": {
    shows: "wrong",
    sites: [],
    changes: [
      {
        file: "cycle-close/src/store/tenant-close.ts",
        correct: "WHERE t.tenant_id IN ${ids} AND NOT ${isGone})",
        wrong: "WHERE t.tenant_id IN ${ids})",
      },
      { file: "cycle-close/src/store/cycle-runs.ts", correct: "NOT ${isGone} AND", wrong: "t.status <> 'Purged' AND" },
    ],
  },
};
