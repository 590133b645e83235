import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { createRawUsageStore } from "../store/raw-usage.ts";
import {
  addTenant,
  bindings,
  bufferOf,
  createTestWorker,
  readStored,
  runAlarm,
  runInBuffer,
} from "../usage-test-kit.ts";

const worker = createTestWorker();
const DAY_MS = 86_400_000;
const real = createRawUsageStore(bindings.DB, bindings.BUCKET);

const findAlarm = (tenantId: string): Promise<number | null> => runInBuffer(tenantId, (storage) => storage.getAlarm());

/** Lets the next statement that begins so fail without effect. */
const failNext = (tenantId: string, beginning: string): Promise<void> =>
  runInBuffer(tenantId, ({ sql }) => {
    const exec = sql.exec.bind(sql);
    Object.defineProperty(sql, "exec", {
      configurable: true,
      value: (query: string, ...values: unknown[]) => {
        if (!query.startsWith(beginning)) return exec(query, ...values);
        Object.defineProperty(sql, "exec", { configurable: true, value: exec });
        throw new Error("disk I/O error");
      },
    });
  });

/** A clock a day ahead: alarms are set and looked at, and none fires by itself. */
async function addQuietTenant(tenantId: string): Promise<string> {
  await addTenant(tenantId);
  await runInDurableObject(bufferOf(tenantId), (buffer) => {
    buffer.deps = { ...buffer.deps, log: () => undefined, now: () => Date.now() + DAY_MS };
  });
  return tenantId;
}

describe("the alarm of a buffer", () => {
  it("is set for what a flush leaves behind when a commit fails during it", async () => {
    const tenantId = await addQuietTenant("failed-meanwhile");
    const path = `/${"p".repeat(500)}`;
    const putObject = async (): Promise<string> => Promise.reject(new Error("R2 is away"));
    for (let batch = 0; batch < 24; batch++) {
      const events = Array.from({ length: 500 }, (_, index) => ({
        tenant_id: tenantId,
        id: `${batch}-${index}`,
        path,
      }));
      await worker.postUsage(events);
    }
    await runAlarm(tenantId, { store: { ...real, putObject } });
    await runInBuffer(tenantId, (storage) => storage.deleteAlarm());
    await runAlarm(tenantId, {
      store: {
        ...real,
        putObject: async (key, bytes) => {
          await failNext(tenantId, "INSERT INTO batches");
          expect((await worker.postUsage({ tenant_id: tenantId, id: "meanwhile" })).status).toBe(503);
          return real.putObject(key, bytes);
        },
      },
    });
    expect((await readStored(tenantId)).lines.length).toBeLessThan(12_000);
    expect(await findAlarm(tenantId)).toBeLessThan(Date.now() + DAY_MS + 60_000);
    expect(await findAlarm(tenantId)).not.toBeNull();
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).lines).toHaveLength(12_000);
  });
});
