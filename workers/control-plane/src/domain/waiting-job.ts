import { emptyChangeSet, type ChangeSet } from "./change-set.ts";
import { placeTenant, type NodeRoom } from "./placement.ts";
import { change } from "./provision.ts";
import type { JobRow, TenantRow } from "./rows.ts";

/** Gives a job that waits for capacity a slot, and its first dispatch; undefined while there is no room. */
export function planWaitingJob(
  { job, tenant, nodes }: { job: JobRow; tenant: TenantRow; nodes: readonly NodeRoom[] },
  actor: string,
): ChangeSet | undefined {
  const placement = placeTenant(nodes, tenant.nodeId);
  if (placement.nodeId === null) return undefined;
  const { changes } = change(
    job,
    { status: "queued", nodeId: placement.nodeId },
    {
      eventType: "provision.placed",
      actor,
      detail: { node_id: placement.nodeId, placement: placement.reason },
      dispatch: "first",
    },
  );
  return {
    ...emptyChangeSet(),
    ...changes,
    tenant: { kind: "update", before: tenant, set: { nodeId: placement.nodeId } },
    preconditions: [{ kind: "node_has_room", nodeId: placement.nodeId }],
  };
}
