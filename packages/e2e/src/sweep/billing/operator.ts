import { createWorker } from "@prego/cycle-close/app";
import type { BillingLane } from "./fault-lane.ts";
import { createContext } from "./webhooks.ts";
import { breakEnv, createRuntime, SETTINGS, type World } from "./world.ts";

/** What sending again cannot help. */
export const TOO_OLD = /^timestamp_too_far_in_past/;

interface RejectedCharge {
  id: string;
  error: string | null;
}

/** An operator has every rejected charge sent again that can be; every other one is asked for twice at once. */
export async function resendRejected(world: World, lane: BillingLane): Promise<void> {
  const charges = await listRejected(world, lane);
  const helped = charges.filter(({ error }) => !TOO_OLD.test(error ?? ""));
  for (const [index, { id }] of helped.entries()) {
    const resend = () => ask(world, lane, `/${id}/resend`, { reason: "the customer exists again" });
    await Promise.all(index % 2 === 0 ? [resend(), resend()] : [resend()]);
  }
}

/** Empty when storage failed: the operator asks again another time. */
async function listRejected(world: World, lane: BillingLane): Promise<RejectedCharge[]> {
  const response = await ask(world, lane, "?status=rejected&limit=100");
  if (response.status >= 500) return [];
  if (!response.ok) throw new Error(`the list of charges was answered ${response.status}: ${await response.text()}`);
  const { charges } = await response.json<{ charges: RejectedCharge[] }>();
  return charges;
}

async function ask(world: World, lane: BillingLane, path: string, body?: object): Promise<Response> {
  const request = new Request(`http://cycle-close.test/cycle-close/charges${path}`, {
    headers: { authorization: `Bearer ${SETTINGS.INTERNAL_API_KEY}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
  });
  const { context, settle } = createContext();
  const response = await createWorker(createRuntime(world, lane.fetch)).fetch(request, breakEnv(world, lane), context);
  await settle();
  return response;
}
