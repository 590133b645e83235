import { expect, it } from "vitest";
import { planDispatchRetry, readDispatchInputs } from "./dispatch.ts";

it("passes ids, regions and empty texts on", () => {
  const inputs = { job_id: "job_01", tenant_id: "ten_A-1", node_id: "", region: "eu-1", trace_id: "trace_a" };
  expect(readDispatchInputs(JSON.stringify(inputs))).toEqual(inputs);
});

it.each([
  { job_id: "$(reboot)" },
  { job_id: "a b" },
  { job_id: "a\nb" },
  { job_id: "${{ secrets.X }}" },
  { job_id: 1 },
  { job_id: null },
  { job_id: "x".repeat(129) },
  { "job id": "a" },
  { __x: "a" },
  Object.fromEntries(Array.from({ length: 26 }, (_, index) => [`a${index}`, ""])),
  [],
  null,
])("never sends inputs that do not match their patterns: %j", (inputs) => {
  expect(readDispatchInputs(JSON.stringify(inputs))).toBeUndefined();
});

it("pauses twice as long after each failure and gives up after the eighth", () => {
  const delays = [1, 2, 3, 4, 5, 6, 7].map((attempts) => planDispatchRetry(attempts));
  expect(delays.map((plan) => (plan.kind === "retry" ? plan.delayMs / 60_000 : plan.kind))).toEqual([
    1, 2, 4, 8, 16, 32, 60,
  ]);
  expect(planDispatchRetry(8)).toEqual({ kind: "give_up" });
  expect(planDispatchRetry(9)).toEqual({ kind: "give_up" });
});
