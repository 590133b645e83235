import type { PlantedBug } from "../planted-bugs.ts";
import type { CallSite, FindingKind } from "./fault-plan.ts";
import type { Stage } from "./kept-stores.ts";

const SINK = "cycle-close/src/execute.ts";
const INVOICES = "cycle-close/src/invoice-calls.ts";
const IDENTIFIERS = "core/src/stripe/identifiers.ts";
const OUTBOX = "cycle-close/src/store/outbox.ts";
const DECISION = "cycle-close/src/plan/send-decision.ts";
const FAILURE = "cycle-close/src/plan/stripe-failure.ts";

/** A bug, and what it does to the bill. */
export interface BillingBug extends PlantedBug<CallSite> {
  shows: FindingKind;
  /** Where it shows soonest. */
  stage: Stage;
}

/** Bugs that the sweep of the close must see, by name. */
export const BILLING_BUGS: Readonly<Record<string, BillingBug>> = {
  "random-key": {
    shows: "doubled",
    stage: "due",
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
    stage: "due",
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
    stage: "due",
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
    stage: "due",
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
    stage: "due",
    sites: [],
    changes: [
      {
        file: "cycle-close/src/store/waiting-objects.ts",
        correct: "sql`t.status IN (SELECT value FROM json_each(${GONE}))`",
        wrong: "sql`t.status = 'Purged'`",
      },
    ],
  },
  "random-invoice-key": {
    shows: "doubled",
    stage: "due",
    sites: ["stripe"],
    changes: [
      {
        file: INVOICES,
        correct: "idempotencyKey: idempotencyKey({ identifier: row.identifier, keyEpoch })",
        wrong: "idempotencyKey: crypto.randomUUID()",
      },
    ],
  },
  "resend-under-new-identifier": {
    shows: "doubled",
    stage: "refused",
    sites: ["stripe"],
    changes: [
      {
        file: DECISION,
        correct: "resends === undefined ? identifier : `${identifier}-r${resends}`",
        wrong: "resends === undefined ? identifier : crypto.randomUUID()",
      },
    ],
  },
  "resend-under-old-identifier": {
    shows: "lost",
    stage: "refused",
    sites: ["stripe"],
    changes: [
      {
        file: DECISION,
        correct: "resends === undefined ? identifier : `${identifier}-r${resends}`",
        wrong: "resends === undefined ? identifier : identifier",
      },
    ],
  },
  "parts-of-one-identifier": {
    shows: "lost",
    stage: "due",
    sites: ["stripe"],
    changes: [
      { file: IDENTIFIERS, correct: 'part === "" ? whole : [...whole, part]', wrong: "whole" },
      { file: OUTBOX, correct: "INSERT INTO stripe_usage_outbox", wrong: "INSERT OR IGNORE INTO stripe_usage_outbox" },
    ],
  },
};
