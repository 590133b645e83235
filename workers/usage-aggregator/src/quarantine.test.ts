import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  adjustmentsOf,
  aggregate,
  createTestDeps,
  env,
  execute,
  HOUR,
  jobRun,
  line,
  objectsOf,
  rollupsOf,
  rows,
  seedObject,
  seedTenant,
} from "./aggregator-test-kit.ts";

interface Case {
  title: string;
  reason: string;
  seed: (tenantId: string) => Promise<unknown>;
}

const good = (tenantId: string): string => line({ tenantId });

const CASES: Case[] = [
  {
    title: "a line that does not parse",
    reason: "line 2: not JSON",
    seed: (t) => seedObject(t, [good(t), '{"tenant_id":', good(t)]),
  },
  {
    title: "an empty line",
    reason: "line 1: not JSON",
    seed: (t) => seedObject(t, ["", good(t)]),
  },
  {
    title: "a quantity that is a JSON number",
    reason: "line 1: qty invalid",
    seed: (t) => seedObject(t, [good(t).replace('"qty":"1"', '"qty":1')]),
  },
  {
    title: "a line of another tenant",
    reason: "line 2: foreign tenant",
    seed: (t) => seedObject(t, [good(t), good("t_somebody_else")]),
  },
  {
    title: "a second record smuggled into a text field by a line feed",
    reason: "line 1: not JSON",
    seed: (t) => seedObject(t, [`{"path":"x`, good("t_somebody_else")]),
  },
  {
    title: "a line of the hour before",
    reason: "line 1: foreign hour",
    seed: (t) => seedObject(t, [line({ tenantId: t, at: "2026-11-21T01:59:59.999Z" })]),
  },
  {
    title: "a line of the hour after",
    reason: "line 1: foreign hour",
    seed: (t) => seedObject(t, [line({ tenantId: t, at: "2026-11-21T03:00:00.000Z" })]),
  },
  {
    title: "another hash than its row",
    reason: "hash differs",
    seed: (t) => seedObject(t, [good(t)], { row: { sha256: "0".repeat(64) } }),
  },
  {
    title: "fewer lines than its row",
    reason: "count differs",
    seed: (t) => seedObject(t, [good(t)], { row: { events: 2 } }),
  },
  {
    title: "another length than its row",
    reason: "size differs",
    seed: (t) => seedObject(t, [good(t)], { row: { bytes: 3 } }),
  },
  {
    title: "no object in R2",
    reason: "object missing",
    seed: (t) => seedObject(t, [good(t)], { put: false }),
  },
  {
    title: "a row that says another tenant than the key",
    reason: "row and key differ",
    seed: async (t) => {
      await seedObject(`${t}_other`, [good(`${t}_other`)], { row: { tenant_id: t } });
    },
  },
  {
    title: "more bytes than are read",
    reason: "object too large",
    seed: (t) => seedObject(t, [good(t)], { row: { bytes: 512 * 1024 * 1024 + 1 } }),
  },
  {
    title: "a line without an end",
    reason: "line 1: line too long",
    seed: (t) => seedObject(t, [" ".repeat(200_000)]),
  },
  {
    title: "bytes that are not UTF-8",
    reason: "not UTF-8",
    seed: async (t) => {
      const { key, text } = await seedObject(t, [good(t)]);
      const bytes = new TextEncoder().encode(text);
      bytes[5] = 0xff;
      await env.BUCKET.put(key, bytes);
    },
  },
  {
    title: "a character cut off at its end",
    reason: "not UTF-8",
    seed: async (t) => {
      const { key, text } = await seedObject(t, [good(t)]);
      const bytes = new TextEncoder().encode(text);
      bytes[bytes.length - 1] = 0xe2;
      await env.BUCKET.put(key, bytes);
    },
  },
];

describe("a quarantined object", () => {
  it.each(CASES)("is one with $title, and nothing of it is counted", async ({ reason, seed }) => {
    const tenantId = `t_${reason.replaceAll(/[^a-z0-9]/gi, "_")}_${CASES.findIndex((each) => each.seed === seed)}`;
    await seedTenant(tenantId);
    await seedObject(tenantId, [good(tenantId)]);
    await seed(tenantId);
    const report = await aggregate();
    expect(report).toMatchObject({ quarantined: 1, done: 1, failed: 0 });
    expect(await objectsOf(tenantId)).toMatchObject([
      { status: "done", error: null },
      { status: "quarantined", error: reason },
    ]);
    expect(await rollupsOf(tenantId)).toMatchObject([{ qty: "1000000", events: 1 }]);
  });

  it("leaves an audit row and a trace event that name the reason and no content", async () => {
    await seedTenant("t_audited");
    const { seq } = await seedObject("t_audited", ['{"secret":"4242"}']);
    await aggregate(createTestDeps(), jobRun({ actor: "operator:12345678", trigger: "operator" }));
    const audit = await rows<{ detail_json: string }>(
      `SELECT actor, action, target, a.tenant_id, detail_json FROM audit_logs a JOIN audit_details d
         ON d.commitment = a.detail_commitment WHERE a.tenant_id = 't_audited'`,
    );
    expect(audit).toMatchObject([
      { actor: "operator:12345678", action: "usage_object.quarantined", target: `usage_objects/${seq}` },
    ]);
    expect(JSON.parse(audit[0]?.detail_json ?? "")).toMatchObject({ reason: "line 1: tenant_id invalid", hour: HOUR });
    const trace = await rows<{ payload_json: string }>(
      "SELECT event_type, level, trace_id, payload_json FROM trace_events WHERE tenant_id = 't_audited'",
    );
    expect(trace).toMatchObject([{ event_type: "usage.quarantined", level: "warn", trace_id: "trace_t_audited" }]);
    expect(JSON.stringify([audit, trace])).not.toContain("4242");
  });

  it("is audited once when two runs find it at once", async () => {
    await seedTenant("t_found_twice");
    await seedObject("t_found_twice", ["not a line"]);
    const reports = await Promise.all([aggregate(createTestDeps()), aggregate(createTestDeps())]);
    expect(reports[0].quarantined + reports[1].quarantined).toBe(1);
    expect(reports.map(({ failed }) => failed)).toEqual([0, 0]);
    expect(await rows("SELECT seq FROM audit_logs WHERE tenant_id = 't_found_twice'")).toHaveLength(1);
  });

  it("stays in every later report until somebody looks after it", async () => {
    await seedTenant("t_stays");
    await seedObject("t_stays", ["not a line"]);
    const { quarantined_total: total } = await aggregate();
    expect(await aggregate()).toMatchObject({ quarantined: 0, quarantined_total: total });
    expect(total).toBeGreaterThan(0);
  });

  it("released after its tenant was closed becomes late usage, not part of the closed cycle", async () => {
    await seedTenant("t_released");
    const { seq, text } = await seedObject("t_released", [good("t_released")], { row: { sha256: "0".repeat(64) } });
    await aggregate();
    await execute(
      `INSERT INTO cycle_runs (cycle, status, event_time_bound, stored_seq_bound, opened_at)
       VALUES ('2026-11', 'closing', '2026-12-01T00:00:00.000Z', ?, '2026-12-01')`,
      seq + 100,
    );
    await execute(`INSERT INTO usage_cycle_totals (tenant_id, meter_key, cycle, corrected_cycle, qty, included, overage,
        amount_minor, currency, plan_snapshot_json, rollup_digest, closed_at)
      VALUES ('t_released', 'api_requests', '2026-11', '2026-11', 0, 0, 0, 0, 'eur', '{}', '', '2026-12-01')`);
    const sha256 = createHash("sha256").update(text).digest("hex");
    await execute("UPDATE usage_objects SET status = 'pending', sha256 = ? WHERE seq = ?", sha256, seq);
    expect(await aggregate()).toMatchObject({ done: 1, adjustment_rows: 1, late_events: 1 });
    expect(await rollupsOf("t_released")).toEqual([]);
    expect(await adjustmentsOf("t_released")).toMatchObject([{ corrected_cycle: "2026-11", qty: "1000000" }]);
  });
});
