import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { createRawUsageStore, type RawUsageStore } from "../store/raw-usage.ts";
import {
  addTenant,
  bindings,
  bufferOf,
  createRandom,
  createTestWorker,
  NOON_MS,
  readAnswer,
  readStored,
  runAlarm,
} from "../usage-test-kit.ts";

const worker = createTestWorker(NOON_MS);
const real = createRawUsageStore(bindings.DB, bindings.BUCKET);
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

/** A store that fails one call in three, half of them after they took effect. */
function createFlakyStore(random: () => number): RawUsageStore {
  const wrap =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const dice = random();
      if (dice < 1 / 6) throw new Error("D1 DB is overloaded. Requests queued for too long.");
      const result = await call(...args);
      if (dice < 1 / 3) throw new Error("Network connection lost.");
      return result;
    };
  return {
    findTenant: wrap(real.findTenant),
    putObject: wrap(real.putObject),
    recordObjects: wrap(real.recordObjects),
    deleteObjects: wrap(real.deleteObjects),
  };
}

describe("random batches with 30 % duplicates, failing flushes and evictions", () => {
  it.each(SEEDS)("end as one line per distinct id (seed %i)", async (seed) => {
    const random = createRandom(seed);
    const tenantId = await addTenant(`property-${seed}`);
    const sent = new Map<string, object>();
    let accepted = 0;
    for (let round = 0; round < 25; round++) {
      const batches = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
        Array.from({ length: 1 + Math.floor(random() * 20) }, () => pickEvent(random, sent, tenantId)),
      );
      const answers = await Promise.all(batches.map(async (batch) => readAnswer(await worker.postUsage(batch))));
      for (const answer of answers) {
        accepted += answer.accepted;
        expect(answer.conflicts + answer.rejected).toBe(0);
      }
      if (random() < 0.4) await runAlarm(tenantId, { store: createFlakyStore(random) });
      if (random() < 0.2) await evictDurableObject(bufferOf(tenantId));
    }
    await runAlarm(tenantId);
    const stored = await readStored(tenantId);
    expect(accepted).toBe(sent.size);
    expect(stored.events.map(({ id }) => String(id)).toSorted()).toEqual([...sent.keys()].toSorted());
    expect(stored.rows.reduce((sum, { events }) => sum + events, 0)).toBe(sent.size);
    expect(stored.rows.map(({ r2_key: key }) => key).toSorted()).toEqual(stored.keys);
  });
});

function pickEvent(random: () => number, sent: Map<string, object>, tenantId: string): object {
  if (sent.size > 0 && random() < 0.3) {
    const events = [...sent.values()];
    return events[Math.floor(random() * events.length)] ?? {};
  }
  const id = `e${sent.size}`;
  const hoursBack = Math.floor(random() * 4);
  const event = {
    tenant_id: tenantId,
    id,
    qty: String(1 + Math.floor(random() * 1_000)),
    timestamp: new Date(worker.clock.nowMs - hoursBack * 3_600_000).toISOString(),
  };
  sent.set(id, event);
  return event;
}
