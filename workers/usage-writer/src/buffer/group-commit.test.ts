import { describe, expect, it } from "vitest";
import { createGroupCommit } from "./group-commit.ts";

/** A group commit whose steps the test lets go one by one. */
function createSteps(commit: (items: readonly number[]) => readonly number[]) {
  const groups: number[][] = [];
  const settles: PromiseWithResolvers<void>[] = [];
  const group = createGroupCommit<number, number>({
    commit: (items) => {
      groups.push([...items]);
      return commit(items);
    },
    gather: () => Promise.resolve(),
    settle: () => {
      const settle = Promise.withResolvers<void>();
      settles.push(settle);
      return settle.promise;
    },
  });
  return { group, groups, settles };
}

const double = (items: readonly number[]): number[] => items.map((item) => item * 2);

describe("createGroupCommit", () => {
  it("commits what arrives while a commit is under way as one group, and answers each its own", async () => {
    const { group, groups, settles } = createSteps(double);
    const first = [group.submit(1), group.submit(2)];
    expect(await Promise.all(first)).toEqual([2, 4]);
    const second = [group.submit(3), group.submit(4), group.submit(5)];
    expect(groups).toEqual([[1, 2]]);
    settles[0]?.resolve();
    expect(await Promise.all(second)).toEqual([6, 8, 10]);
    settles[1]?.resolve();
    expect(groups).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
  });

  it("starts again after it was idle", async () => {
    const { group, settles } = createSteps(double);
    for (const item of [1, 2, 3]) {
      expect(await group.submit(item)).toBe(item * 2);
      settles[item - 1]?.resolve();
      await settles[item - 1]?.promise;
    }
  });

  it("fails the whole group that could not be written, and no other", async () => {
    const { group, settles } = createSteps((items) => {
      if (items.includes(2)) throw new Error("disk full");
      return double(items);
    });
    const failed = await Promise.allSettled([group.submit(1), group.submit(2)]);
    expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const next = group.submit(3);
    settles[0]?.resolve();
    expect(await next).toBe(6);
  });

  it("fails what waits when the disk never settles, and takes new items after that", async () => {
    const { group, settles } = createSteps(double);
    await group.submit(1);
    const waiting = group.submit(2);
    settles[0]?.reject(new Error("storage reset"));
    await expect(waiting).rejects.toThrow("storage reset");
    expect(await group.submit(3)).toBe(6);
  });
});
