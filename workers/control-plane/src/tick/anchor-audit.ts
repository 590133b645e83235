import { dayOf, formatInstant, hourOf } from "@prego/core/period";
import type { Deps } from "../deps.ts";
import { putAnchorOnce } from "../store/audit-anchor.ts";
import { readSealedHead } from "../store/audit-chain.ts";

/** Writes the head of the chain to the bucket once an hour: a database that is restored or cut shows against it. */
export async function anchorAuditHead(deps: Deps, nowMs: number): Promise<{ anchored: boolean }> {
  const head = await readSealedHead(deps.db);
  if (head === undefined) return { anchored: false };
  const key = `anchors/audit/${dayOf(nowMs)}/${hourOf(nowMs).slice(-2)}.json`;
  const anchor = { seq: head.seq, hash: head.hash, ts: head.ts, anchored_at: formatInstant(nowMs) };
  return { anchored: await putAnchorOnce(deps.bucket, key, JSON.stringify(anchor)) };
}
