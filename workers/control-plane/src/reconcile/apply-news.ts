import { ProblemError } from "@prego/core/problem";
import type { StripeNews } from "../domain/stripe-state.ts";
import { applyStripeEvent } from "../receive-stripe-event.ts";
import { describeError } from "@prego/core/log";
import type { Result } from "./report.ts";
import type { ReconcileSession } from "./session.ts";

/** Applies news by the webhook's own code. What others kept changing is counted as failed and left for the next pass. */
export async function applyNews(session: ReconcileSession, news: StripeNews, bodySha256: string): Promise<Result> {
  try {
    const receipt = await applyStripeEvent(session.deps, news, bodySha256);
    return receipt.status === "processed" || receipt.status === "ignored" ? "applied" : "unrepaired";
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== "internal") throw unwrapUpstream(error);
    session.report.failed += 1;
    session.deps.log("error", "reconcile.not_applied", {
      stripe_event_id: news.envelope.id,
      error: describeError(error),
    });
    return "unrepaired";
  }
}

/** The planner's own question to Stripe fails as a problem around Stripe's error. */
const unwrapUpstream = (error: unknown): unknown =>
  error instanceof ProblemError && error.code === "upstream_failed" ? (error.cause ?? error) : error;
