import { createScheduledController } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { AUDIT_GENESIS_HASH, verifyAuditChain, type SealedAuditRow } from "@prego/core/audit";
import { acceptTicks, ControlPlane, SECRETS, seedBusiness, StripeCustomer } from "../control-plane-test-kit.ts";
import worker from "../index.ts";
import { anchorAuditHead } from "./anchor-audit.ts";
import { chaseOverdueJobs } from "./chase-overdue.ts";
import { placeWaitingJobs } from "./place-waiting.ts";
import { runTick } from "./run-tick.ts";
import { sealAuditLog } from "./seal-audit.ts";

const MINUTE_MS = 60_000;

const jobOf = (plane: ControlPlane, slug: string) =>
  plane.row("SELECT * FROM provision_jobs WHERE trace_id = ?", `trace_${slug}`);

describe("jobs that wait for capacity", () => {
  it("are placed oldest first as soon as there is room, never more than there is", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-wait", 0);
    for (const slug of ["wait-a", "wait-b", "wait-c"]) {
      plane.nowMs += 1_000;
      await plane.deliver(new StripeCustomer(slug, "eu-wait").checkout());
    }
    expect(await placeWaitingJobs(plane.deps, plane.nowMs)).toEqual({ placed: 0, waiting: 3 });
    await plane.rows("UPDATE nodes SET capacity = 2 WHERE region = 'eu-wait'");
    await Promise.all([placeWaitingJobs(plane.deps, plane.nowMs), placeWaitingJobs(plane.deps, plane.nowMs)]);
    const jobs = await plane.rows(
      "SELECT trace_id, status, node_id FROM provision_jobs WHERE region = 'eu-wait' ORDER BY created_at",
    );
    expect(jobs).toEqual([
      { trace_id: "trace_wait-a", status: "queued", node_id: "node-eu-wait" },
      { trace_id: "trace_wait-b", status: "queued", node_id: "node-eu-wait" },
      { trace_id: "trace_wait-c", status: "queued_capacity", node_id: null },
    ]);
    expect(await plane.rows("SELECT 1 FROM dispatches WHERE trace_id LIKE 'trace_wait-%'")).toHaveLength(2);
    expect(await plane.rows("SELECT 1 FROM tenants_master WHERE node_id = 'node-eu-wait'")).toHaveLength(2);
  });
});

describe("jobs that nobody claims", () => {
  it("are dispatched again after 15 minutes, five times in all, then failed", async () => {
    const plane = new ControlPlane();
    plane.outbound = acceptTicks;
    await seedBusiness(plane, "eu-overdue");
    await plane.deliver(new StripeCustomer("overdue", "eu-overdue").checkout());
    // Jobs of other tests of this file are no concern of this one.
    await plane.rows("UPDATE provision_jobs SET status = 'cancelled' WHERE trace_id <> 'trace_overdue'");
    await plane.rows("UPDATE dispatches SET status = 'cancelled' WHERE trace_id <> 'trace_overdue'");
    expect(await chaseOverdueJobs(plane.deps, plane.nowMs + 15 * MINUTE_MS - 1)).toEqual({
      redispatched: 0,
      failed: 0,
    });
    for (let dispatched = 2; dispatched <= 5; dispatched += 1) {
      plane.nowMs += 15 * MINUTE_MS;
      await runTick(plane.deps);
      expect(await jobOf(plane, "overdue")).toMatchObject({ status: "dispatched", attempts: dispatched });
    }
    plane.nowMs += 15 * MINUTE_MS;
    expect(await chaseOverdueJobs(plane.deps, plane.nowMs)).toEqual({ redispatched: 0, failed: 1 });
    expect(await jobOf(plane, "overdue")).toMatchObject({ status: "failed", failure_stage: "claim" });
    expect(plane.calls.filter(({ url }) => url.endsWith("/dispatches"))).toHaveLength(5);
  });

  it("whose run falls silent are failed after six hours", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-silent");
    await plane.deliver(new StripeCustomer("silent", "eu-silent").checkout());
    const jobId = String((await jobOf(plane, "silent"))?.["job_id"]);
    await plane.post(`/internal/provision/${jobId}/claim`, SECRETS.PROVISIONER_SECRET, { run_id: "r" });
    expect(await chaseOverdueJobs(plane.deps, plane.nowMs + 360 * MINUTE_MS - 1)).toMatchObject({ failed: 0 });
    expect(await chaseOverdueJobs(plane.deps, plane.nowMs + 360 * MINUTE_MS)).toMatchObject({ failed: 1 });
    expect(await jobOf(plane, "silent")).toMatchObject({ status: "failed", failure_stage: "claimed" });
  });
});

describe("the audit chain", () => {
  const chain = (plane: ControlPlane) =>
    plane.rows<SealedAuditRow>(
      `SELECT seq, ts, actor, action, tenant_id AS tenantId, target, trace_id AS traceId,
        detail_commitment AS detailCommitment, prev_hash AS prevHash, hash FROM audit_logs ORDER BY seq`,
    );

  async function addRows(plane: ControlPlane, count: number): Promise<void> {
    await plane.rows(
      `INSERT INTO audit_logs (ts, actor, action, target, detail_commitment)
       SELECT '2026-11-21T00:00:00.000Z', 'test', 'x', 'x/' || value, 'c' FROM json_each(?)`,
      JSON.stringify(Array.from({ length: count }, (_, index) => index)),
    );
  }

  it("is sealed in order, at most 500 rows a tick, and verifies from the first row", async () => {
    const plane = new ControlPlane();
    await addRows(plane, 1_100);
    const sealed: number[] = [];
    for (let tick = 0; tick < 5; tick += 1) sealed.push((await sealAuditLog(plane.deps)).sealed);
    expect(sealed.slice(0, 2)).toEqual([500, 500]);
    expect(sealed.at(-1)).toBe(0);
    expect(await verifyAuditChain(await chain(plane), AUDIT_GENESIS_HASH)).toMatchObject({ ok: true });
  });

  it("is the same chain when ticks overlap and rows keep coming", async () => {
    const plane = new ControlPlane();
    for (let round = 0; round < 5; round += 1) {
      await Promise.all([
        addRows(plane, 7),
        sealAuditLog(plane.deps),
        sealAuditLog(plane.deps),
        addRows(plane, 3),
        sealAuditLog(plane.deps),
      ]);
    }
    await sealAuditLog(plane.deps);
    const rows = await chain(plane);
    expect(rows.every(({ hash }) => hash !== null)).toBe(true);
    expect(await verifyAuditChain(rows, AUDIT_GENESIS_HASH)).toMatchObject({ ok: true });
  });

  it("is anchored in the bucket once an hour", async () => {
    const plane = new ControlPlane();
    plane.nowMs += 24 * 60 * MINUTE_MS;
    await addRows(plane, 1);
    await sealAuditLog(plane.deps);
    const anchors = await Promise.all([
      anchorAuditHead(plane.deps, plane.nowMs),
      anchorAuditHead(plane.deps, plane.nowMs),
    ]);
    expect(anchors.filter(({ anchored }) => anchored)).toHaveLength(1);
    const anchor = await (await plane.bindings.BUCKET.get("anchors/audit/2026-11-22/02.json"))?.json();
    const head = (await chain(plane)).at(-1);
    expect(anchor).toMatchObject({ seq: head?.seq, hash: head?.hash, anchored_at: "2026-11-22T02:16:33.123Z" });
    expect(await anchorAuditHead(plane.deps, plane.nowMs + 60 * MINUTE_MS)).toEqual({ anchored: true });
  });
});

describe("a tick", () => {
  it("does the other steps when one fails, and shows as failed", async () => {
    const plane = new ControlPlane();
    plane.outbound = acceptTicks;
    await plane.rows(
      "INSERT INTO audit_logs (ts, actor, action, target, detail_commitment) VALUES ('', 't', 't', 't', 'c')",
    );
    const bucket = { head: () => Promise.reject(new Error("bucket down")) } as unknown as R2Bucket;
    await expect(runTick({ ...plane.deps, bucket })).rejects.toThrow("1 steps of the tick failed");
    expect(await plane.rows("SELECT 1 FROM audit_logs WHERE hash IS NULL")).toEqual([]);
    expect(plane.lines.some((line) => line.includes("bucket down"))).toBe(true);
  });

  it("is what the cron runs", async () => {
    const plane = new ControlPlane({ GITHUB_REPOSITORY: "", STRIPE_SECRET_KEY: "" });
    await plane.rows(
      "INSERT INTO audit_logs (ts, actor, action, target, detail_commitment) VALUES ('', 't', 't', 't', 'c')",
    );
    await worker.scheduled(createScheduledController({ cron: "* * * * *" }), plane.bindings);
    expect(await plane.rows("SELECT 1 FROM audit_logs WHERE hash IS NULL")).toEqual([]);
  });
});
