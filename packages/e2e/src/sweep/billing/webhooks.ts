import { createWorker } from "@prego/control-plane/app";
import type { BillingLane } from "./fault-lane.ts";
import { breakEnv, createRuntime, SETTINGS, type World } from "./world.ts";

/** Where Stripe sends its events. */
export const WEBHOOK_ENDPOINT = {
  url: "http://control-plane.test/webhooks/stripe",
  secret: SETTINGS.STRIPE_WEBHOOK_SECRET,
};

/** Webhooks go to control-plane through a lane; the answer waits for nothing, the rest of the work counts all the same. */
export function receiveBy(world: World, lane: BillingLane): void {
  const app = createWorker(createRuntime(world, lane.fetch));
  world.receive = async (webhook) => {
    const { context, settle } = createContext();
    const response = await app.fetch(webhook, breakEnv(world, lane), context);
    await settle();
    return response;
  };
}

/** The context of one request, and the end of what the request left to it. */
export function createContext(): { context: ExecutionContext; settle: () => Promise<void> } {
  const later: Promise<unknown>[] = [];
  const context = {
    waitUntil: (work: Promise<unknown>) => void later.push(work),
    passThroughOnException: () => undefined,
  };
  return {
    context: context as unknown as ExecutionContext,
    settle: async () => void (await Promise.allSettled(later)),
  };
}
