import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { addTenant, bufferOf, runAlarm, runInBuffer } from "../usage-test-kit.ts";
import { packAppend } from "./append-wire.ts";

const DAY_MS = 86_400_000;
const IDS = 1_000;
// A clock ahead of the real one, so that no alarm fires by itself; it begins with a span of runs.
const START_MS = Math.ceil(Date.now() / (4 * DAY_MS) + 1) * 4 * DAY_MS;

/** Sends the events of one day, new or known; the answer has one character each. */
const sendDay = (tenantId: string, day: number): Promise<string> =>
  runInDurableObject(bufferOf(tenantId), (buffer) => {
    buffer.deps = { ...buffer.deps, log: () => undefined, now: () => START_MS + day * DAY_MS };
    const ids = Uint32Array.from({ length: IDS * 6 }, (_, word) => Math.imul(word * 1_000 + day + 1, 0x9e3779b1));
    const hours = Array.from({ length: IDS }, () => "2026-11-21T12");
    const lines = hours.map(() => "{}");
    return buffer.append(...packAppend({ v: 1, tenantId, shard: 0, ids, hours, lines }));
  });

/** Flushes a day's events and looks after ids, as the alarms at its end do. */
const endDay = (tenantId: string, day: number): Promise<void> =>
  runAlarm(tenantId, { now: () => START_MS + (day + 1) * DAY_MS });

const listRuns = (tenantId: string) =>
  runInBuffer(tenantId, ({ sql }) =>
    sql.exec<{ run: number; is_complete: number }>("SELECT run, is_complete FROM runs ORDER BY run").toArray(),
  );

const countPages = (tenantId: string) =>
  runInBuffer(tenantId, ({ sql }) => sql.exec("SELECT page FROM pages").toArray().length);

describe("runs of ids", () => {
  it("are merged as days go by, and every id is known until its window ends", async () => {
    const tenantId = await addTenant("merged");
    const answers: string[] = [];
    for (let day = 0; day < 40; day++) {
      answers.push(await sendDay(tenantId, day));
      await endDay(tenantId, day);
      expect((await listRuns(tenantId)).length).toBeLessThanOrEqual(14);
    }
    expect(answers.every((answer) => answer === "a".repeat(IDS))).toBe(true);
    for (const wake of [false, true]) {
      if (wake) await evictDurableObject(bufferOf(tenantId));
      for (const day of [5, 11, 30, 39]) expect(await sendDay(tenantId, day)).toBe("d".repeat(IDS));
    }
    await endDay(tenantId, 82);
    expect([await listRuns(tenantId), await countPages(tenantId)]).toEqual([[], 0]);
    expect(await sendDay(tenantId, 39)).toBe("a".repeat(IDS));
  });

  it("stay as they were when a merge is cut short, and are merged later", async () => {
    const tenantId = await addTenant("cut-short");
    for (let day = 0; day < 3; day++) {
      await sendDay(tenantId, day);
      await endDay(tenantId, day);
    }
    const before = await listRuns(tenantId);
    await sendDay(tenantId, 3);
    await failAt(tenantId, "INSERT INTO pages", 3);
    await endDay(tenantId, 3);
    expect((await listRuns(tenantId)).filter((run) => run.is_complete === 0)).toHaveLength(1);
    for (const evicted of [false, true]) {
      if (evicted) await evictDurableObject(bufferOf(tenantId));
      for (const day of [0, 1, 2, 3]) expect(await sendDay(tenantId, day)).toBe("d".repeat(IDS));
    }
    await sendDay(tenantId, 4);
    await endDay(tenantId, 4);
    const after = await listRuns(tenantId);
    expect(after.every((run) => run.is_complete === 1)).toBe(true);
    expect([before.length, after.length]).toEqual([3, 3]);
    for (const day of [0, 1, 2, 3, 4]) expect(await sendDay(tenantId, day)).toBe("d".repeat(IDS));
  });

  it.each([2, 3, 5])(
    "are known after a change that took effect and was said to have failed: the %i. of a day",
    async (change) => {
      const tenantId = await addTenant(`said-to-fail-${change}`);
      for (let day = 0; day < 2; day++) {
        await sendDay(tenantId, day);
        await endDay(tenantId, day);
      }
      await sendDay(tenantId, 2);
      await failAfter(tenantId, change);
      await endDay(tenantId, 2);
      for (let day = 3; day < 6; day++) {
        expect(await sendDay(tenantId, day)).toBe("a".repeat(IDS));
        await endDay(tenantId, day);
        for (let known = 0; known <= day; known++) expect(await sendDay(tenantId, known)).toBe("d".repeat(IDS));
      }
    },
  );

  it("take requests while they are merged", async () => {
    const tenantId = await addTenant("merged-meanwhile");
    for (let day = 0; day < 4; day++) {
      await sendDay(tenantId, day);
      if (day < 3) await endDay(tenantId, day);
    }
    const merging = endDay(tenantId, 3);
    const answers = await Promise.all([0, 1, 2, 3, 2, 1, 9].map((day) => sendDay(tenantId, day)));
    await merging;
    expect(answers.map((answer) => answer[0])).toEqual(["d", "d", "d", "d", "d", "d", "a"]);
    expect(await sendDay(tenantId, 9)).toBe("d".repeat(IDS));
  });
});

/** Lets the n-th statement that begins so fail without effect. */
const failAt = (tenantId: string, beginning: string, n: number): Promise<void> =>
  runInBuffer(tenantId, ({ sql }) => {
    const exec = sql.exec.bind(sql);
    let left = n;
    Object.defineProperty(sql, "exec", {
      configurable: true,
      value: (query: string, ...values: unknown[]) => {
        if (query.startsWith(beginning) && --left === 0) throw new Error("disk I/O error");
        return exec(query, ...values);
      },
    });
  });

/** Lets the n-th transaction take effect and fail all the same. */
const failAfter = (tenantId: string, n: number): Promise<void> =>
  runInBuffer(tenantId, (storage) => {
    const transactionSync = storage.transactionSync.bind(storage);
    let left = n;
    Object.defineProperty(storage, "transactionSync", {
      configurable: true,
      value: <T>(change: () => T): T => {
        const result = transactionSync(change);
        if (--left === 0) throw new Error("the answer was lost");
        return result;
      },
    });
  });
