import { describe, expect, it } from "vitest";
import { choosePass, isReconcileDue, RETRY_AFTER_MS, startPass } from "./reconcile-pass.ts";

const NOW = Date.UTC(2026, 10, 21, 0, 1);
const done = (nowMs: number) => ({ ...startPass(nowMs), events: null, subscriptions: null, tenants: null });

describe("the daily pass", () => {
  it("is due on the first tick of a day and not again that day", () => {
    expect(isReconcileDue({ pass: undefined, failedAtMs: undefined }, NOW)).toBe(true);
    expect(isReconcileDue({ pass: done(NOW - 120_000), failedAtMs: undefined }, NOW)).toBe(true);
    expect(isReconcileDue({ pass: done(NOW), failedAtMs: undefined }, NOW + 23 * 3_600_000)).toBe(false);
  });

  it("goes on while it is unfinished, where it stopped", () => {
    const pass = { ...startPass(NOW - 600_000), events: null, subscriptions: { after: "sub_9" } };
    expect(isReconcileDue({ pass, failedAtMs: undefined }, NOW)).toBe(true);
    expect(choosePass({ pass, failedAtMs: undefined }, NOW)).toEqual(pass);
    expect(choosePass({ pass: done(NOW), failedAtMs: undefined }, NOW)).toEqual(startPass(NOW));
  });

  it("waits after a failure", () => {
    expect(isReconcileDue({ pass: undefined, failedAtMs: NOW }, NOW + RETRY_AFTER_MS - 1)).toBe(false);
    expect(isReconcileDue({ pass: undefined, failedAtMs: NOW }, NOW + RETRY_AFTER_MS)).toBe(true);
  });
});
