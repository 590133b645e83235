/** An active node of a region and how many tenants are on it, the reserved ones included. */
export interface NodeRoom {
  nodeId: string;
  capacity: number;
  placed: number;
}

/** Where a tenant goes and why; `nodeId` is null when the region has no room. */
export interface Placement {
  nodeId: string | null;
  reason: string;
}

const isBelowThreeQuarters = ({ placed, capacity }: NodeRoom): boolean => placed * 4 < capacity * 3;

/** Compares how full two nodes are, without division. */
const compareFullness = (left: NodeRoom, right: NodeRoom): number =>
  left.placed * right.capacity - right.placed * left.capacity;

const byId = (left: NodeRoom, right: NodeRoom): number => (left.nodeId < right.nodeId ? -1 : 1);

/**
 * Picks the fullest node below 75 %, so that nodes fill up one after the other and some stay empty enough to be removed;
 * above that the emptiest one with room. `currentNodeId`, where the tenant already has its slot, is kept.
 */
export function placeTenant(nodes: readonly NodeRoom[], currentNodeId: string | null): Placement {
  const current = nodes.find(({ nodeId }) => nodeId === currentNodeId);
  if (current !== undefined) return { nodeId: current.nodeId, reason: "keeps its slot" };

  const withRoom = nodes.filter(({ placed, capacity }) => placed < capacity);
  const [best] = withRoom
    .filter(isBelowThreeQuarters)
    .toSorted((left, right) => compareFullness(right, left) || byId(left, right));
  if (best !== undefined) return { nodeId: best.nodeId, reason: describe("fullest below 75 %", best, nodes.length) };

  const [emptiest] = withRoom.toSorted((left, right) => compareFullness(left, right) || byId(left, right));
  if (emptiest !== undefined) {
    return { nodeId: emptiest.nodeId, reason: describe("emptiest, all above 75 %", emptiest, nodes.length) };
  }
  return { nodeId: null, reason: `no room on ${nodes.length} active nodes` };
}

const describe = (rule: string, node: NodeRoom, candidates: number): string =>
  `${rule} of ${candidates}: ${node.placed} of ${node.capacity} taken`;
