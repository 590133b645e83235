import { sha256Hex } from "@prego/core/auth";
import { canonicalJson } from "@prego/core/audit";
import { readEnvelope } from "@prego/core/stripe";
import { followWindow } from "../domain/event-window.ts";
import { readStripeFact } from "../domain/stripe-fact.ts";
import { listStoredEventIds } from "../store/reconcile.ts";
import { applyNews } from "./apply-news.ts";
import { addFinding, type Result } from "./report.ts";
import { requireAsk, requireChange, type ReconcileSession } from "./session.ts";

/** Applies the events that never reached the webhook, oldest first. A stored one is never applied again. */
export async function replayEvents(session: ReconcileSession): Promise<void> {
  const { pass } = session.report;
  while (pass.events !== null) {
    requireAsk(session);
    const page = await session.stripe.listUndelivered(pass.events);
    const { isComplete, next } = followWindow(pass.events, pass.end_seconds, page);
    if (isComplete) await replayPage(session, page.items.toReversed());
    pass.events = next ?? null;
  }
}

async function replayPage(session: ReconcileSession, events: readonly object[]): Promise<void> {
  const { events: counts } = session.report;
  const readable = events.flatMap((event) => {
    const envelope = readEnvelope(event);
    return envelope === undefined ? [] : [{ event, envelope }];
  });
  const stored = await listStoredEventIds(
    session.deps.db,
    readable.map(({ envelope }) => envelope.id),
  );
  counts.listed += events.length;
  for (const { event, envelope } of readable) {
    if (stored.has(envelope.id)) {
      counts.known += 1;
      continue;
    }
    requireChange(session);
    const news = { envelope, fact: readStripeFact(envelope), actor: session.actor };
    const result: Result = session.writes
      ? await applyNews(session, news, await sha256Hex(canonicalJson(event)))
      : "planned";
    counts.missed += 1;
    addFinding(counts.list, { event_id: envelope.id, type: envelope.type, result });
  }
}
