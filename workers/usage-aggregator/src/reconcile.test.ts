import { describe, expect, it } from "vitest";
import {
  aggregate,
  createTestDeps,
  env,
  execute,
  HOUR,
  line,
  objectsOf,
  rollupsOf,
  rows,
  runJob,
  seedObject,
  seedTenant,
  withPagesOf,
} from "./aggregator-test-kit.ts";

describe("reconciling R2 with usage_objects", () => {
  it("happens once a UTC day", async () => {
    const first = await runJob(createTestDeps(), 1);
    expect(first.reconcile).toMatchObject({ finished: true, pages: 1 });
    expect((await runJob(createTestDeps(), 1)).reconcile).toMatchObject({ finished: true, pages: 0 });
    expect((await runJob(createTestDeps(), 0)).reconcile).toMatchObject({ finished: true, pages: 0 });
    expect((await runJob(createTestDeps(), 2)).reconcile).toMatchObject({ finished: true, pages: 1 });
  });

  it("adopts objects that other tools dropped, and the next run counts them once", async () => {
    await seedTenant("t_dropped");
    const { key, text } = await seedObject("t_dropped", [line({ tenantId: "t_dropped", qty: "2" })], { row: null });
    await env.BUCKET.put(key, text.trimEnd());
    const report = await runJob(createTestDeps(), 3);
    expect(report).toMatchObject({ failed: 0, reconcile: { adopted: 1, refused: 0, missing: 0 } });
    await runJob(createTestDeps(), 3);
    await runJob(createTestDeps(), 4);
    expect(await objectsOf("t_dropped")).toMatchObject([{ status: "done" }]);
    expect(await rollupsOf("t_dropped")).toMatchObject([{ qty: "2000000", events: 1 }]);
    expect(await rows("SELECT actor, action FROM audit_logs WHERE tenant_id = 't_dropped'")).toEqual([
      { actor: "cron:usage-aggregator", action: "usage_object.adopted" },
    ]);
  });

  it("adopts an object with a bad line, which is then quarantined", async () => {
    await seedTenant("t_dropped_bad");
    await seedObject("t_dropped_bad", [line({ tenantId: "t_dropped_bad" }), "oops"], { row: null });
    await runJob(createTestDeps(), 5);
    expect(await runJob(createTestDeps(), 5)).toMatchObject({ quarantined: 1 });
    expect(await objectsOf("t_dropped_bad")).toMatchObject([{ status: "quarantined", error: "line 2: not JSON" }]);
  });

  it("adopts nothing of unknown or purged tenants, under foreign names, or that is too young", async () => {
    await seedTenant("t_gone", "Purged");
    await seedObject("t_gone", [line({ tenantId: "t_gone" })], { row: null });
    await seedObject("t_unknown", [line({ tenantId: "t_unknown" })], { row: null });
    await env.BUCKET.put("usage_raw/readme.txt", "hello");
    expect((await runJob(createTestDeps(), 6)).reconcile).toMatchObject({ adopted: 0, refused: 3 });
    await seedTenant("t_young");
    await seedObject("t_young", [line({ tenantId: "t_young" })], { row: null });
    const young = await runJob({ ...createTestDeps(), now: () => Date.now() }, 7);
    expect(young.reconcile).toMatchObject({ adopted: 0, too_young: 3, refused: 1 });
    expect((await runJob(createTestDeps(), 8)).reconcile).toMatchObject({ adopted: 1 });
    expect(await objectsOf("t_unknown")).toEqual([]);
    expect(await objectsOf("t_gone")).toEqual([]);
  });

  it("names rows whose object is gone", async () => {
    await seedTenant("t_lost");
    const lost = await seedObject("t_lost", [line({ tenantId: "t_lost" })]);
    await seedObject("t_lost", [line({ tenantId: "t_lost" })]);
    await aggregate();
    await env.BUCKET.delete(lost.key);
    const { reconcile } = await runJob(withPagesOf(1), 9);
    expect(reconcile).toMatchObject({ missing: 1, missing_seqs: [lost.seq], finished: true });
    await execute("DELETE FROM usage_objects WHERE seq = ?", lost.seq);
  });

  it("leaves an object to its writer when that records it first", async () => {
    await seedTenant("t_raced");
    const { key, text } = await seedObject("t_raced", [line({ tenantId: "t_raced" })], { row: null });
    const deps = createTestDeps();
    const { adopt } = deps.reconcile;
    deps.reconcile.adopt = async (adoption) => {
      await execute(
        `INSERT INTO usage_objects (r2_key, tenant_id, hour, events, bytes, sha256, status, created_at)
         VALUES (?, 't_raced', ?, 1, ?, ?, 'pending', '2026')`,
        key,
        HOUR,
        text.length,
        adoption.objects[0]?.sha256,
      );
      await adopt(adoption);
    };
    expect(await runJob(deps, 10)).toMatchObject({ failed: 0, reconcile: { adopted: 0 } });
    await runJob(createTestDeps(), 10);
    expect(await rollupsOf("t_raced")).toMatchObject([{ events: 1 }]);
    expect(await rows("SELECT seq FROM audit_logs WHERE tenant_id = 't_raced'")).toEqual([]);
  });

  it("carries on where the run before stopped, without naming a tenant in its report", async () => {
    await seedTenant("t_pages");
    for (let index = 0; index < 55; index += 1) await seedObject("t_pages", [line({ tenantId: "t_pages" })]);
    await aggregate();
    const [total] = await rows<{ n: number }>("SELECT count(*) AS n FROM usage_objects");
    await seedTenant("t_zz_last");
    await seedObject("t_zz_last", [line({ tenantId: "t_zz_last" })], { row: null });
    const first = await runJob(withPagesOf(1), 11);
    expect(first.reconcile).toMatchObject({ finished: false, pages: 50, adopted: 0 });
    expect(JSON.stringify(first)).not.toContain("t_pages");
    const crashed = createTestDeps();
    crashed.reconcile.findState = () => Promise.reject(new Error("Network connection lost"));
    expect(await runJob(crashed, 12)).toMatchObject({ failed: 1, reconcile: null });
    const second = await runJob(withPagesOf(1), 12);
    expect(second.reconcile).toMatchObject({ finished: true, adopted: 1, stalled: false });
    expect(second.reconcile?.pages).toBeLessThan((total?.n ?? 0) + 10 - 40);
  });

  it("gives up for the day behind more foreign objects than a run lists", async () => {
    await env.BUCKET.put("usage_raw/!/0", "first of all");
    for (let index = 0; index < 55; index += 1) await env.BUCKET.put(`usage_raw/!/${index}`, "x");
    expect((await runJob(withPagesOf(1), 20)).reconcile).toMatchObject({ finished: true, stalled: true });
    expect((await runJob(withPagesOf(1), 20)).reconcile).toMatchObject({ pages: 0 });
  });
});
