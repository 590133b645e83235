import { describe, expect, it } from "vitest";
import {
  createTestDeps,
  execute,
  jobRun,
  MINUTE_MS,
  NOW_MS,
  rows,
  seedNode,
  seedRegion,
} from "./autoscaler-test-kit.ts";
import type { Deps } from "./deps.ts";
import { planScaling } from "./plan.ts";
import type { ScalingInputs } from "./plan/inputs.ts";
import { previewScaling, type RegionReport, runScaling } from "./run.ts";

const eventsOf = (region: string) =>
  rows<{ decision: string; inputs_json: string; mode: string; trace_id: string | null; binding_rule: string }>(
    "SELECT * FROM scaling_events WHERE region = ? ORDER BY evaluation_key",
    region,
  );
const nodesOf = (region: string, status: string) =>
  rows<{ node_id: string }>("SELECT node_id FROM nodes WHERE region = ? AND status = ?", region, status);
const dispatchesOf = (region: string) =>
  rows<{ subject_id: string; inputs_json: string; status: string; trace_id: string }>(
    "SELECT * FROM dispatches WHERE json_extract(inputs_json, '$.region') = ?",
    region,
  );

/** Deps whose stores see one region, so that the regions of other tests stay out of it. */
function only(region: string, deps: Deps = createTestDeps()): Deps {
  return { ...deps, evaluations: { ...deps.evaluations, listRegions: async () => [region] } };
}

async function evaluate(region: string, dueAtMs = NOW_MS): Promise<RegionReport | undefined> {
  const { regions } = await runScaling(only(region, createTestDeps(dueAtMs)), jobRun(dueAtMs));
  return regions[0];
}

describe("an evaluation", () => {
  it("orders a node with its dispatch, audit and trace in one commit", async () => {
    await seedRegion("one");
    await seedNode("one", "one-a", { percent: 95 });
    expect(await evaluate("one")).toMatchObject({
      outcome: "evaluated",
      decision: "scale_out",
      binding_rule: "pressure",
    });
    const [order] = await nodesOf("one", "provisioning");
    const [event] = await eventsOf("one");
    const [dispatch] = await dispatchesOf("one");
    expect(order?.node_id).toMatch(/^node_[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(dispatch).toMatchObject({ purpose: "scale_out", subject_id: order?.node_id, status: "pending" });
    expect(JSON.parse(dispatch?.inputs_json ?? "")).toEqual({
      kind: "scale_out",
      node_id: order?.node_id,
      region: "one",
      size: "cx32",
      capacity: "10",
      trace_id: event?.trace_id,
    });
    expect(await rows("SELECT actor, action FROM audit_logs WHERE target = ?", `nodes/${order?.node_id}`)).toEqual([
      { actor: "cron:autoscaler", action: "scale.node_ordered" },
    ]);
    const traces = await rows(
      "SELECT event_type FROM trace_events WHERE trace_id = ? ORDER BY event_type",
      event?.trace_id,
    );
    expect(traces).toEqual([{ event_type: "scale.decided" }, { event_type: "scale.node_ordered" }]);
  });

  it("acts once in a window, and the next window counts the node on its way", async () => {
    await seedRegion("twice");
    await seedNode("twice", "twice-a", { percent: 95 });
    const first = await evaluate("twice");
    const again = await evaluate("twice", NOW_MS + 9 * MINUTE_MS);
    expect(again).toMatchObject({ outcome: "already_evaluated", event_id: first?.event_id, trace_id: first?.trace_id });
    expect(await evaluate("twice", NOW_MS + 10 * MINUTE_MS)).toMatchObject({
      outcome: "evaluated",
      binding_rule: "nodes_on_their_way",
    });
    expect(await nodesOf("twice", "provisioning")).toHaveLength(1);
    expect(await dispatchesOf("twice")).toHaveLength(1);
  });

  it("orders one node when runs of one window, or of two, come at once", async () => {
    await seedRegion("race");
    await seedNode("race", "race-a", { percent: 95 });
    const reports = await Promise.all(
      [0, 0, 1, 10, 10].map((minutes) => evaluate("race", NOW_MS + minutes * MINUTE_MS)),
    );
    expect(reports.map((report) => report?.outcome)).not.toContain("failed");
    expect(await nodesOf("race", "provisioning")).toHaveLength(1);
    expect(await dispatchesOf("race")).toHaveLength(1);
  });

  it("leaves a late window alone once a later one was evaluated", async () => {
    await seedRegion("late");
    await seedNode("late", "late-a", { percent: 50 });
    await evaluate("late", NOW_MS + 10 * MINUTE_MS);
    expect(await evaluate("late")).toMatchObject({ outcome: "superseded" });
    expect(await eventsOf("late")).toHaveLength(1);
  });

  it("never fails a node that comes up while it is given up", async () => {
    await seedRegion("upnow");
    await seedNode("upnow", "upnow-a", { percent: 50 });
    await seedNode("upnow", "upnow-new", { status: "provisioning", windows: 0, createdAtMs: NOW_MS - 20 * MINUTE_MS });
    const deps = only("upnow");
    const { record } = deps.evaluations;
    let isFirst = true;
    deps.evaluations.record = async (change) => {
      if (isFirst) await execute("UPDATE nodes SET status = 'active' WHERE node_id = 'upnow-new'");
      isFirst = false;
      await record(change);
    };
    const { regions } = await runScaling(deps, jobRun(NOW_MS));
    expect(regions[0]).toMatchObject({ outcome: "evaluated", decision: "none" });
    expect(await nodesOf("upnow", "failed")).toEqual([]);
  });

  it("stops when the region is paused while it is evaluated", async () => {
    await seedRegion("pausing");
    await seedNode("pausing", "pausing-a", { percent: 95 });
    const deps = only("pausing");
    const { record } = deps.evaluations;
    deps.evaluations.record = async (change) => {
      await execute("UPDATE scaling_regions SET mode = 'paused' WHERE region = 'pausing'");
      await record(change);
    };
    const { regions } = await runScaling(deps, jobRun(NOW_MS));
    expect(regions[0]).toMatchObject({ mode: "paused", decision: "none", binding_rule: "paused" });
    expect(await dispatchesOf("pausing")).toEqual([]);
  });

  it("gives up an ordered node that never reported and orders one other", async () => {
    await seedRegion("giveup");
    const lateMs = NOW_MS + 20 * MINUTE_MS;
    await seedNode("giveup", "giveup-a", { percent: 95, windows: 10, untilMs: lateMs });
    await evaluate("giveup");
    const [lost] = await nodesOf("giveup", "provisioning");
    expect(await evaluate("giveup", lateMs)).toMatchObject({ decision: "replace", binding_rule: "node_not_ready" });
    expect(await nodesOf("giveup", "failed")).toEqual([lost]);
    expect(await nodesOf("giveup", "provisioning")).toHaveLength(1);
    expect(await dispatchesOf("giveup")).toHaveLength(2);
    expect(await rows("SELECT action FROM audit_logs WHERE action = 'scale.node_failed'")).toHaveLength(1);
  });

  it("marks a surplus node as draining after an hour of evaluations", async () => {
    await seedRegion("shrink");
    await seedNode("shrink", "shrink-a", { percent: 20, windows: 16, untilMs: NOW_MS + 70 * MINUTE_MS });
    await seedNode("shrink", "shrink-b", { percent: 20, windows: 16, untilMs: NOW_MS + 70 * MINUTE_MS });
    const decisions: (string | undefined)[] = [];
    for (let window = 0; window <= 6; window += 1) {
      decisions.push((await evaluate("shrink", NOW_MS + window * 10 * MINUTE_MS))?.decision);
    }
    expect(decisions).toEqual(["none", "none", "none", "none", "none", "none", "scale_in"]);
    expect(await nodesOf("shrink", "draining")).toHaveLength(1);
  });

  it("stores inputs that replay to the stored decision", async () => {
    const stored = await rows<{
      inputs_json: string;
      decision: string;
      binding_rule: string;
      explanation: string;
      distance_to_action: string;
      scores_json: string;
    }>("SELECT * FROM scaling_events");
    expect(stored.length).toBeGreaterThan(10);
    for (const event of stored) {
      const replayed = planScaling(JSON.parse(event.inputs_json) as ScalingInputs);
      expect(replayed).toMatchObject({
        decision: event.decision,
        bindingRule: event.binding_rule,
        explanation: event.explanation,
        distanceToAction: event.distance_to_action,
      });
      expect(JSON.parse(event.scores_json)).toMatchObject({
        recommended: replayed.recommended,
        effects: replayed.effects,
      });
    }
  });
});

describe("modes", () => {
  it.each(["advise", "paused"])("writes the event and nothing else in mode %s", async (mode) => {
    await seedRegion(`mode-${mode}`, { mode });
    await seedNode(`mode-${mode}`, `mode-${mode}-a`, { percent: 95 });
    const expected = mode === "advise" ? "scale_out" : "none";
    expect(await evaluate(`mode-${mode}`)).toMatchObject({ outcome: "evaluated", mode, decision: expected });
    expect(await eventsOf(`mode-${mode}`)).toHaveLength(1);
    expect(await nodesOf(`mode-${mode}`, "provisioning")).toEqual([]);
    expect(await dispatchesOf(`mode-${mode}`)).toEqual([]);
  });

  it("writes nothing in a dry run, and decides what the run decides", async () => {
    await seedRegion("dry");
    await seedNode("dry", "dry-a", { percent: 95 });
    const preview = await previewScaling(only("dry"), NOW_MS);
    expect(await eventsOf("dry")).toEqual([]);
    expect(await nodesOf("dry", "provisioning")).toEqual([]);
    const real = await evaluate("dry");
    for (const key of ["decision", "binding_rule", "explanation", "effects"] as const) {
      expect(preview.regions[0]?.[key]).toEqual(real?.[key]);
    }
  });
});

describe("trouble", () => {
  it("does not keep one bad region from the others", async () => {
    await seedRegion("good");
    await seedNode("good", "good-a", { percent: 50 });
    const deps = createTestDeps();
    const { readRegionState } = deps.evaluations;
    deps.evaluations.listRegions = async () => ["bad", "good"];
    deps.evaluations.readRegionState = async (region, dueAtMs) => {
      if (region === "bad") throw new Error("broken row");
      return readRegionState(region, dueAtMs);
    };
    const report = await runScaling(deps, jobRun(NOW_MS));
    expect(report).toMatchObject({ evaluated: 1, failed: 1, remaining: 0 });
    expect(report.regions[0]).toMatchObject({ region: "bad", outcome: "failed", error: "Error: broken row" });
  });

  it("takes no new region after its deadline", async () => {
    const run = { ...jobRun(NOW_MS), deadlineMs: NOW_MS };
    expect(await runScaling(only("good"), run)).toMatchObject({ evaluated: 0, remaining: 1 });
  });

  it.each(["before", "after"])(
    "orders one node when the process dies %s any call and the run is repeated",
    async (when) => {
      let hasStruck = true;
      let calls = 0;
      for (let fault = 1; hasStruck; fault += 1) {
        const region = `crash-${when}-${fault}`;
        await seedRegion(region);
        await seedNode(region, `${region}-a`, { percent: 95 });
        hasStruck = false;
        calls = 0;
        const strike = async <T>(effect: () => Promise<T>): Promise<T> => {
          calls += 1;
          if (hasStruck) throw new Error("gone");
          if (calls !== fault) return effect();
          hasStruck = true;
          if (when === "after") await effect();
          throw new Error("D1_ERROR: Network connection lost.");
        };
        const deps = only(region);
        const { listRegions, findEvaluation, readRegionState, record } = deps.evaluations;
        deps.evaluations = {
          listRegions: () => strike(listRegions),
          findEvaluation: (...args) => strike(() => findEvaluation(...args)),
          readRegionState: (...args) => strike(() => readRegionState(...args)),
          record: (...args) => strike(() => record(...args)),
        };
        await runScaling(deps, jobRun(NOW_MS)).catch(() => undefined);
        await evaluate(region);
        await evaluate(region, NOW_MS + 10 * MINUTE_MS);
        expect(await nodesOf(region, "provisioning"), region).toHaveLength(1);
        expect(await dispatchesOf(region), region).toHaveLength(1);
        expect(await eventsOf(region), region).toHaveLength(2);
      }
      expect(calls).toBe(4);
    },
  );
});

it("never reads silence as idle: an hour of it drains and orders nothing", async () => {
  await seedRegion("silent");
  await seedNode("silent", "silent-a", { percent: 10, windows: 2 });
  await seedNode("silent", "silent-b", { percent: 10, windows: 2 });
  for (let window = 3; window <= 12; window += 1) {
    expect(await evaluate("silent", NOW_MS + window * 10 * MINUTE_MS)).toMatchObject({ decision: "none", effects: [] });
  }
  expect(await nodesOf("silent", "active")).toHaveLength(2);
});
