import { expect, it } from "vitest";
import { placeTenant, type NodeRoom } from "./placement.ts";

const node = (nodeId: string, placed: number, capacity = 100): NodeRoom => ({ nodeId, placed, capacity });

it.each<[string, NodeRoom[], string | null]>([
  ["the fullest below three quarters", [node("a", 10), node("b", 74), node("c", 75)], "b"],
  ["the emptiest when all are above three quarters", [node("a", 90), node("b", 80), node("c", 99)], "b"],
  ["the first by id among equals", [node("b", 50), node("a", 50)], "a"],
  ["by share, not by number", [node("big", 100, 1_000), node("small", 7, 10)], "small"],
  ["the last slot", [node("a", 100), node("b", 99)], "b"],
  ["none when all are full", [node("a", 100), node("b", 3, 3)], null],
  ["none without nodes", [], null],
  ["no node without capacity", [node("a", 0, 0)], null],
])("picks %s", (_, nodes, expected) => {
  const placement = placeTenant(nodes, null);
  expect(placement.nodeId).toBe(expected);
  expect(placement.reason).not.toBe("");
});

it("keeps the slot that a tenant has, even on a full node", () => {
  expect(placeTenant([node("a", 100), node("b", 0)], "a").nodeId).toBe("a");
});

it("places anew when the old node is no longer active", () => {
  expect(placeTenant([node("b", 0)], "gone").nodeId).toBe("b");
});
