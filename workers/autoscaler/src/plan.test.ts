import { describe, expect, it } from "vitest";
import { MINUTE_MS, nodeState, NOW_MS, scalingInputs, windowsOf } from "./autoscaler-test-kit.ts";
import { planScaling } from "./plan.ts";
import type { ScalingDecision } from "./plan/decision.ts";

const ordered = ({ effects }: ScalingDecision) => effects.filter(({ kind }) => kind === "create_node").length;
const sickWindows = () => windowsOf(50).map((window) => ({ ...window, memoryAvg: 99, memoryP95: 99 }));
const fleetOf = (count: number, percent: number) =>
  Array.from({ length: count }, (_, index) => nodeState(`n${index}`, { percent }));

describe("scaling out", () => {
  it("orders ceil(nodes x pressure / target) less the nodes there are", () => {
    const decision = planScaling(scalingInputs(fleetOf(3, 95)));
    expect(decision).toMatchObject({ decision: "scale_out", bindingRule: "pressure", recommended: 5 });
    expect(ordered(decision)).toBe(2);
  });

  it.each([
    [77, "none"],
    [78, "scale_out"],
    [63, "none"],
  ])("acts only beyond 10 percent of the target: at %i percent %s", (percent, expected) => {
    expect(planScaling(scalingInputs(fleetOf(4, percent), { evaluations: [] })).decision).toBe(expected);
  });

  it("counts nodes on their way as there", () => {
    const onTheWay = ["a", "b"].map((id) =>
      nodeState(id, { status: "provisioning", windows: [], createdAtMs: NOW_MS - MINUTE_MS }),
    );
    const decision = planScaling(scalingInputs([...fleetOf(3, 95), ...onTheWay]));
    expect(decision).toMatchObject({ decision: "none", bindingRule: "nodes_on_their_way", effects: [] });
  });

  it("orders room for waiting jobs beyond the free slots", () => {
    const full = fleetOf(2, 50).map((node) => ({ ...node, tenants: 6 }));
    expect(ordered(planScaling(scalingInputs(full, { waitingJobs: 8 })))).toBe(0);
    const decision = planScaling(scalingInputs(full, { waitingJobs: 9 }));
    expect(decision).toMatchObject({ decision: "scale_out", bindingRule: "waiting_jobs" });
    expect(ordered(decision)).toBe(1);
  });

  it("orders nothing for jobs that the node ordered for them takes as soon as it is up", () => {
    const full = nodeState("full", { tenants: 10, percent: 70, capacity: 10 });
    const before = planScaling(scalingInputs([full], { waitingJobs: 3, targetPressure: 100 }));
    expect(ordered(before)).toBe(1);
    const up = nodeState("new", { windows: windowsOf(5, { windows: 1 }), createdAtMs: NOW_MS - 5 * MINUTE_MS });
    expect(ordered(planScaling(scalingInputs([full, up], { waitingJobs: 3, targetPressure: 100 })))).toBe(0);
  });

  it("keeps the minimum of nodes", () => {
    const decision = planScaling(scalingInputs([], { minNodes: 2 }));
    expect(decision).toMatchObject({ decision: "scale_out", bindingRule: "min_nodes" });
    expect(ordered(decision)).toBe(2);
  });

  it("stops at the budget, leaving nodes included", () => {
    const leaving = nodeState("old", { status: "cordoned", tenants: 1 });
    const nodes = [...fleetOf(3, 100), leaving];
    expect(ordered(planScaling(scalingInputs(nodes, { maxNodes: 5 })))).toBe(1);
    expect(planScaling(scalingInputs(nodes, { maxNodes: 4 }))).toMatchObject({
      decision: "none",
      bindingRule: "budget_cap",
      effects: [],
    });
  });

  it("orders at most four nodes at once", () => {
    const decision = planScaling(scalingInputs([], { minNodes: 7 }));
    expect(decision.bindingRule).toBe("step_cap");
    expect(ordered(decision)).toBe(4);
  });
});

describe("scaling in", () => {
  const idle = () => [nodeState("a", { percent: 20, tenants: 3 }), nodeState("b", { percent: 20, tenants: 1 })];

  it("drains the node with the fewest tenants after 60 minutes of a lower recommendation", () => {
    expect(planScaling(scalingInputs(idle()))).toMatchObject({
      decision: "scale_in",
      bindingRule: "surplus",
      effects: [{ kind: "drain_node", nodeId: "b" }],
    });
  });

  it.each(["one higher recommendation", "one window not evaluated", "one window paused"])(
    "waits after %s in the last 60 minutes",
    (what) => {
      const inputs = scalingInputs(idle());
      const oldest = inputs.evaluations[5];
      if (oldest === undefined) throw new Error("six evaluations expected");
      if (what === "one higher recommendation") oldest.recommended = 2;
      if (what === "one window not evaluated") inputs.evaluations.pop();
      if (what === "one window paused") oldest.recommended = null;
      expect(planScaling(inputs)).toMatchObject({ decision: "none", bindingRule: "stabilisation", effects: [] });
    },
  );

  it("waits 30 minutes after the last change", () => {
    const inputs = scalingInputs(idle());
    inputs.evaluations = inputs.evaluations.map((past, index) => ({ ...past, acted: index === 1 }));
    expect(planScaling(inputs).bindingRule).toBe("cooldown");
    inputs.evaluations = inputs.evaluations.map((past, index) => ({ ...past, acted: index === 2 }));
    expect(planScaling(inputs).decision).toBe("scale_in");
  });

  it("never happens while a node is silent", () => {
    const silent = nodeState("c", { windows: windowsOf(1, { untilMs: NOW_MS - 40 * MINUTE_MS }) });
    expect(planScaling(scalingInputs([...idle(), silent]))).toMatchObject({
      decision: "none",
      bindingRule: "unknown_nodes",
    });
  });

  it("never happens when the tenants would not fit on the others", () => {
    const nodes = idle().map((node) => ({ ...node, capacity: 20, tenants: 6 }));
    expect(planScaling(scalingInputs(nodes)).decision).toBe("scale_in");
    expect(planScaling(scalingInputs(nodes, { waitingJobs: 9 })).bindingRule).toBe("drain_does_not_fit");
  });

  it("drains one node at a time", () => {
    const draining = nodeState("c", { status: "draining", percent: 10 });
    expect(planScaling(scalingInputs([...idle(), draining])).bindingRule).toBe("drain_under_way");
  });
});

describe("health", () => {
  it("cordons a sick node and replaces what it carried", () => {
    const sick = nodeState("sick", { tenants: 5, windows: sickWindows() });
    const decision = planScaling(scalingInputs([nodeState("well", { percent: 70 }), sick]));
    expect(decision).toMatchObject({ decision: "replace", bindingRule: "node_unhealthy" });
    expect(decision.effects).toEqual([
      { kind: "cordon_node", nodeId: "sick" },
      { kind: "create_node", index: 1 },
    ]);
  });

  it("buys nothing for a sick node that stays sick", () => {
    const sick = nodeState("sick", { status: "cordoned", tenants: 5, windows: sickWindows() });
    expect(planScaling(scalingInputs([...fleetOf(3, 50), sick])).effects).toEqual([]);
  });

  it("does not cordon a busy node", () => {
    expect(planScaling(scalingInputs(fleetOf(2, 100))).effects.map(({ kind }) => kind)).not.toContain("cordon_node");
  });

  it("gives up a node that did not report in 15 minutes and orders another", () => {
    const late = nodeState("late", { status: "provisioning", windows: [], createdAtMs: NOW_MS - 15 * MINUTE_MS });
    const decision = planScaling(scalingInputs([nodeState("a", { percent: 90 }), late]));
    expect(decision).toMatchObject({ decision: "replace", bindingRule: "node_not_ready" });
    expect(decision.effects).toEqual([
      { kind: "fail_node", nodeId: "late" },
      { kind: "create_node", index: 1 },
    ]);
  });

  it("doubles the pause while new nodes keep failing, and forgets it once one came up", () => {
    const failed = [1, 2, 3].map((index) =>
      nodeState(`f${index}`, {
        status: "failed",
        windows: [],
        createdAtMs: NOW_MS - (index * 20 + 30) * MINUTE_MS,
        changedAtMs: NOW_MS - 15 * MINUTE_MS,
      }),
    );
    const full = nodeState("full", { percent: 100 });
    expect(planScaling(scalingInputs([full, ...failed])).bindingRule).toBe("failure_backoff");
    expect(ordered(planScaling(scalingInputs([full, ...failed.slice(0, 2)])))).toBe(1);
    const up = { ...full, createdAtMs: NOW_MS - 20 * MINUTE_MS };
    expect(ordered(planScaling(scalingInputs([up, ...failed])))).toBe(1);
  });

  it("halts when more than 45 percent and more than 3 nodes are unready", () => {
    const silent = (count: number) =>
      Array.from({ length: count }, (_, index) => nodeState(`s${index}`, { windows: [] }));
    const halted = planScaling(scalingInputs([...silent(4), ...fleetOf(4, 100)]));
    expect(halted).toMatchObject({ decision: "halted", effects: [], recommended: null });
    expect(planScaling(scalingInputs([...silent(3), ...fleetOf(1, 100)])).decision).not.toBe("halted");
    expect(planScaling(scalingInputs([...silent(4), ...fleetOf(5, 100)])).decision).not.toBe("halted");
  });
});

describe("modes", () => {
  it("evaluates nothing while paused", () => {
    expect(planScaling(scalingInputs(fleetOf(1, 100), { mode: "paused" }))).toMatchObject({
      decision: "none",
      bindingRule: "paused",
      effects: [],
      recommended: null,
    });
  });

  it("decides the same in advise mode", () => {
    const inputs = scalingInputs(fleetOf(3, 95));
    expect(planScaling({ ...inputs, mode: "advise" })).toEqual(planScaling(inputs));
  });
});
