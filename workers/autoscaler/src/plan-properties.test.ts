import { describe, expect, it } from "vitest";
import { MINUTE_MS, nodeState, NOW_MS, scalingInputs, windowsOf } from "./autoscaler-test-kit.ts";
import { planScaling } from "./plan.ts";
import type { ScalingDecision } from "./plan/decision.ts";
import type { NodeState, ScalingInputs } from "./plan/inputs.ts";

const CASES = 400;
const STATUSES = ["active", "active", "active", "active", "provisioning", "cordoned", "draining", "failed"] as const;

/** Small deterministic generator: a failing seed is in the message of the assertion. */
function createRandom(seed: number) {
  let state = seed * 2_654_435_761 + 1;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const integer = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  return { integer, chance: (share: number) => next() < share };
}

function anyInputs(seed: number): ScalingInputs {
  const { integer, chance } = createRandom(seed);
  const isCalm = chance(0.3);
  const silence = chance(0.1) ? 0.7 : 0.1;
  const nodes = Array.from({ length: integer(0, 10) }, (_, index): NodeState => {
    const status = (isCalm ? undefined : STATUSES[integer(0, STATUSES.length - 1)]) ?? "active";
    const isSick = !isCalm && chance(0.05);
    const windows = windowsOf(integer(0, isCalm ? 40 : 100), { windows: !isCalm && chance(silence) ? 0 : 8 });
    return nodeState(`n${index}`, {
      status,
      tenants: integer(0, isCalm ? 3 : 10),
      createdAtMs: NOW_MS - integer(0, 120) * MINUTE_MS,
      changedAtMs: NOW_MS - integer(0, 120) * MINUTE_MS,
      windows: windows.map((window) => (isSick ? { ...window, memoryAvg: 99, memoryP95: 99 } : window)),
    });
  });
  const minNodes = integer(0, 3);
  return scalingInputs(nodes, {
    minNodes,
    maxNodes: minNodes + integer(0, 10),
    targetPressure: integer(30, 90),
    waitingJobs: chance(0.5) ? 0 : integer(1, 40),
    evaluations: Array.from({ length: isCalm ? 6 : integer(4, 6) }, (_, index) => ({
      windowMs: NOW_MS - (index + 1) * 10 * MINUTE_MS,
      recommended: integer(0, isCalm ? 2 : 6),
      acted: chance(0.1),
    })),
  });
}

const seeds = Array.from({ length: CASES }, (_, seed) => seed);
const ordered = ({ effects }: ScalingDecision) => effects.filter(({ kind }) => kind === "create_node").length;
const paidFor = ({ nodes }: ScalingInputs) => nodes.filter(({ status }) => status !== "failed").length;

/** The state that the decision leaves when it is carried out. */
function apply(inputs: ScalingInputs, { effects }: ScalingDecision): ScalingInputs {
  const nodes = structuredClone(inputs.nodes);
  const move = (nodeId: string, status: NodeState["status"]) => {
    for (const node of nodes.filter((one) => one.nodeId === nodeId)) {
      Object.assign(node, { status, changedAtMs: inputs.dueAtMs });
    }
  };
  for (const effect of effects) {
    if (effect.kind === "fail_node") move(effect.nodeId, "failed");
    if (effect.kind === "cordon_node") move(effect.nodeId, "cordoned");
    if (effect.kind === "drain_node") move(effect.nodeId, "draining");
    if (effect.kind === "create_node") {
      nodes.push(nodeState(`new${effect.index}`, { status: "provisioning", windows: [], createdAtMs: NOW_MS }));
    }
  }
  return { ...inputs, nodes };
}

describe("planScaling", () => {
  it("covers every decision with these cases", () => {
    const seen = new Set(seeds.map((seed) => planScaling(anyInputs(seed)).decision));
    expect([...seen].toSorted()).toEqual(["halted", "none", "replace", "scale_in", "scale_out"]);
  });

  it("gives the same decision for inputs read back from JSON", () => {
    for (const seed of seeds) {
      const inputs = anyInputs(seed);
      expect(planScaling(JSON.parse(JSON.stringify(inputs)) as ScalingInputs), `seed ${seed}`).toEqual(
        planScaling(inputs),
      );
    }
  });

  it("never pays for more nodes than the budget, unless they are there already", () => {
    for (const seed of seeds) {
      const inputs = anyInputs(seed);
      const after = paidFor(apply(inputs, planScaling(inputs)));
      expect(after, `seed ${seed}`).toBeLessThanOrEqual(Math.max(inputs.maxNodes, paidFor(inputs)));
    }
  });

  it("orders no second node for a need once its orders are under way", () => {
    for (const seed of seeds) {
      const inputs = anyInputs(seed);
      const first = planScaling(inputs);
      if (first.recommended === null) continue;
      const second = planScaling(apply(inputs, first));
      const serving = apply(inputs, first).nodes.filter(({ status }) => status === "active").length;
      const onTheWay = apply(inputs, first).nodes.filter(({ status }) => status === "provisioning").length;
      expect(ordered(second), `seed ${seed}`).toBeLessThanOrEqual(Math.max(0, first.recommended - serving - onTheWay));
    }
  });

  it("recommends no fewer nodes for more load or more waiting jobs", () => {
    for (const seed of seeds) {
      const inputs = anyInputs(seed);
      const base = planScaling(inputs);
      const more = planScaling({ ...inputs, waitingJobs: inputs.waitingJobs + 7 });
      const busier = planScaling({
        ...inputs,
        nodes: inputs.nodes.map((node) => ({
          ...node,
          windows: node.windows.map((window) => ({ ...window, cpuAvg: 100, cpuP95: 100 })),
        })),
      });
      expect(more.recommended ?? 0, `seed ${seed}`).toBeGreaterThanOrEqual(base.recommended ?? 0);
      expect(busier.recommended ?? Infinity, `seed ${seed}`).toBeGreaterThanOrEqual(base.recommended ?? 0);
      expect(ordered(more), `seed ${seed}`).toBeGreaterThanOrEqual(ordered(base));
    }
  });

  it("orders no fewer nodes for a larger budget", () => {
    for (const seed of seeds) {
      const inputs = anyInputs(seed);
      const richer = planScaling({ ...inputs, maxNodes: inputs.maxNodes + 3 });
      expect(ordered(richer), `seed ${seed}`).toBeGreaterThanOrEqual(ordered(planScaling(inputs)));
    }
  });

  it("never drains when a node falls silent", () => {
    for (const seed of seeds) {
      const inputs = anyInputs(seed);
      const victim = inputs.nodes.find(({ status }) => status === "active");
      if (victim === undefined) continue;
      const nodes = inputs.nodes.map((node) => (node === victim ? { ...node, windows: [] } : node));
      expect(planScaling({ ...inputs, nodes }).decision, `seed ${seed}`).not.toBe("scale_in");
    }
  });
});
