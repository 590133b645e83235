import { runDurableObjectAlarm } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { addTenant, bufferOf, createTestWorker, readAnswer, readStored } from "./usage-test-kit.ts";

describe("POST /usage", () => {
  it("brings an accepted event to R2 and into usage_objects", async () => {
    const worker = createTestWorker();
    const tenantId = await addTenant("thin");
    const response = await worker.postUsage({ tenant_id: tenantId, id: "a", qty: "1.50" });
    expect(response.status).toBe(202);
    expect(await readAnswer(response)).toEqual({
      accepted: 1,
      duplicates: 0,
      conflicts: 0,
      rejected: 0,
      results: [{ status: "accepted", id: "a" }],
    });
    expect(await runDurableObjectAlarm(bufferOf(tenantId))).toBe(true);
    const stored = await readStored(tenantId);
    expect(stored.lines).toHaveLength(1);
    expect(stored.events[0]).toMatchObject({ id: "a", tenant_id: tenantId, meter_key: "api_requests", qty: "1.50" });
    expect(stored.rows).toEqual([expect.objectContaining({ r2_key: stored.keys[0], events: 1, status: "pending" })]);
  });
});
