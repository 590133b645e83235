import { describe, expect, test } from "vitest";
import { TENANT_STATES } from "@prego/core/tenant-state";
import { judgeCandidate, planCounts, planPurge, planSteps, PURGE_STEPS, type Candidate } from "./plan.ts";

const DUE_AT_MS = Date.parse("2026-11-21T02:00:00.000Z");
const PAST = "2026-11-20T02:00:00.000Z";

const candidate = (changes: Partial<Candidate> = {}): Candidate => ({
  tenantId: "ten_1",
  status: "Pending_Deletion",
  purgeAfter: PAST,
  legalHold: 0,
  subscriptionStatus: "canceled",
  traceId: null,
  ...changes,
});

const kindOf = (changes: Partial<Candidate>, dueAtMs = DUE_AT_MS): string =>
  judgeCandidate(candidate(changes), dueAtMs).kind;

/** What must never count as a deadline that has passed. */
const NEVER: readonly (string | null)[] = [
  null,
  "",
  " ",
  "\t\n",
  "\u0000",
  "null",
  "undefined",
  "NaN",
  "Invalid Date",
  "0",
  "1",
  "-1",
  "1795000000000",
  "1e9",
  "never",
  "now",
  "yesterday",
  "2026",
  "2026-11",
  "2026-11-20",
  "2026-11-20 02:00:00",
  "2026-11-20T02:00:00",
  "2026-11-20T02:00Z",
  "2026-11-20t02:00:00z",
  "2026-11-20T02:00:00.Z",
  "2026-11-20T02:00:00.000",
  "2026-11-20T24:00:00Z",
  "2026-11-20T02:60:00Z",
  "2026-11-20T02:00:60Z",
  "2026-02-30T00:00:00Z",
  "2026-13-01T00:00:00Z",
  "2026-00-10T00:00:00Z",
  "2025-02-29T00:00:00Z",
  "+02026-11-20T02:00:00Z",
  "-000001-01-01T00:00:00Z",
  "20261120T020000Z",
  "2026-W47-5T02:00:00Z",
  " 2026-11-20T02:00:00Z",
  "2026-11-20T02:00:00Z ",
  "2026-11-20T02:00:00Z\n",
  "2026-11-20T02:00:00+24:00",
  "2026-11-20T02:00:00+0100",
  "2026-11-20T02:00:00Z' OR '1'='1",
  "２０２６-11-20T02:00:00Z",
  "9999-12-31T23:59:59.999Z",
  "2026-11-21T02:00:00.000Z",
  "2026-11-21T02:00:00.001Z",
  "2026-11-21T03:00:00+01:00",
  "2026-12-20T02:00:00Z",
];

const PASSED: readonly string[] = [
  PAST,
  "2026-11-20T02:00:00Z",
  "2026-11-21T01:59:59.999Z",
  "2026-11-21T02:59:59.999+01:00",
  "2026-11-20T21:00:00-04:00",
  "1970-01-01T00:00:00Z",
];

describe("a tenant is never due", () => {
  const holds = [0, 1];
  const subscriptions = [null, "canceled", "active"];
  const cases = NEVER.flatMap((purgeAfter) =>
    holds.flatMap((legalHold) =>
      subscriptions.map((subscriptionStatus) => ({ purgeAfter, legalHold, subscriptionStatus })),
    ),
  );

  test("with a blank, malformed or future deadline, whatever else is true of it", () => {
    expect(cases.length).toBeGreaterThanOrEqual(290);
    expect(cases.filter((changes) => kindOf(changes) === "due")).toEqual([]);
  });

  test("in any state but Pending_Deletion", () => {
    const others = TENANT_STATES.filter((status) => status !== "Pending_Deletion");
    expect(others).toHaveLength(7);
    const due = others.flatMap((status) => PASSED.filter((purgeAfter) => kindOf({ status, purgeAfter }) === "due"));
    expect(due).toEqual([]);
  });

  test.each([1, 2, -1, Number.NaN])("under a legal hold of %d", (legalHold) => {
    expect(PASSED.filter((purgeAfter) => kindOf({ purgeAfter, legalHold }) === "due")).toEqual([]);
  });

  test.each(["active", "trialing", "past_due", "unpaid", "paused"])("with a subscription that is %s", (status) => {
    expect(PASSED.filter((purgeAfter) => kindOf({ purgeAfter, subscriptionStatus: status }) === "due")).toEqual([]);
  });

  test.each(["", "/", "a/b", "../t1", "t1/", "t 1", "_t", "%74", "t\u0000", "x".repeat(65)])(
    "under the id %j",
    (tenantId) => {
      expect(PASSED.filter((purgeAfter) => kindOf({ purgeAfter, tenantId }) === "due")).toEqual([]);
    },
  );

  test.each([Number.NaN, Infinity, -Infinity, 0, -1, 1.5])("in a run at the time %d", (dueAtMs) => {
    expect(PASSED.slice(0, 5).filter((purgeAfter) => kindOf({ purgeAfter }, dueAtMs) === "due")).toEqual([]);
  });
});

test("a tenant is due once its deadline has passed, in any zone, with its subscription ended or never there", () => {
  for (const purgeAfter of PASSED) {
    expect(kindOf({ purgeAfter }), purgeAfter).toBe("due");
    expect(kindOf({ purgeAfter, subscriptionStatus: null }), purgeAfter).toBe("due");
  }
});

describe("a plan", () => {
  const many = (count: number): Candidate[] =>
    Array.from({ length: count }, (_, index) =>
      candidate({
        tenantId: `ten_${index}`,
        purgeAfter: `2026-11-${String(20 - (index % 10)).padStart(2, "0")}T00:00:00Z`,
      }),
    );

  test.each([
    [0, 5],
    [1, 5],
    [599, 5],
    [600, 6],
    [10_000, 100],
  ])("for %d tenants starts on at most %d", (tenantCount, cap) => {
    const plan = planPurge({ candidates: many(200), tenantCount, dueAtMs: DUE_AT_MS });
    expect(plan).toMatchObject({ cap, beyondCap: 200 - cap });
    expect(plan.start).toHaveLength(cap);
  });

  test("takes the longest overdue first and orders equals by id, so that every run plans alike", () => {
    const candidates = many(30);
    const plan = planPurge({ candidates, tenantCount: 30, dueAtMs: DUE_AT_MS });
    expect(plan.start.map(({ tenantId }) => tenantId)).toEqual(["ten_19", "ten_29", "ten_9", "ten_18", "ten_28"]);
    expect(planPurge({ candidates: candidates.toReversed(), tenantCount: 30, dueAtMs: DUE_AT_MS })).toEqual(plan);
  });

  test("counts why tenants that wait for deletion are not purged", () => {
    const candidates = [
      candidate({ purgeAfter: null }),
      candidate({ purgeAfter: " " }),
      candidate({ purgeAfter: "soon" }),
      candidate({ legalHold: 1 }),
      candidate({ subscriptionStatus: "active" }),
      candidate({ purgeAfter: "2027-01-01T00:00:00Z" }),
    ];
    expect(planPurge({ candidates, tenantCount: 6, dueAtMs: DUE_AT_MS })).toEqual({
      start: [],
      standby: [],
      cap: 5,
      beyondCap: 0,
      refused: { "no deadline": 2, "malformed deadline": 1, "legal hold": 1, subscription: 1 },
    });
  });

  test("erases provisioning rows after they proved the deprovision, and looks at everything again before the end", () => {
    const at = (step: string): number => PURGE_STEPS.indexOf(step);
    expect(PURGE_STEPS[0]).toBe("block_ingest");
    expect(at("r2_usage")).toBe(1);
    expect(at("deprovision")).toBeGreaterThan(at("stripe"));
    expect(at("provision_jobs")).toBeGreaterThan(at("deprovision"));
    expect(PURGE_STEPS.slice(-3)).toEqual(["relist", "tombstone", "certificate"]);
    expect(PURGE_STEPS).not.toContain("audit_logs");
  });

  test("expects the audit detail of its own start", () => {
    const planned = planCounts({ audit_details: 2, usage_rollups: 7 });
    expect(planned).toEqual({ audit_details: 3, usage_rollups: 7 });
    const steps = planSteps(planned, "{}");
    expect(steps.map((entry) => entry.step)).toEqual(PURGE_STEPS);
    expect(steps.filter((entry) => entry.status === "done").map((entry) => entry.step)).toEqual(["block_ingest"]);
    expect(steps.find((entry) => entry.step === "usage_rollups")).toMatchObject({ planned: 7, status: "pending" });
  });
});
