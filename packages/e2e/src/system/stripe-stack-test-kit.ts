import { LOCAL_SECRETS, startEphemeralStack } from "@prego/local/stack";
import { createStripeEmulator, serveEmulator } from "@prego/local/stripe-emulator";

export type StripeStack = Awaited<ReturnType<typeof startStripeStack>>;

/** The stack beside an emulator of Stripe that has a socket of its own and delivers its events to the stack. */
export async function startStripeStack() {
  const emulator = createStripeEmulator({ secretKeys: [LOCAL_SECRETS.STRIPE_SECRET_KEY] });
  const server = await serveEmulator(emulator);
  const stack = await startEphemeralStack({ stripeUrl: server.url, githubUrl: "http://127.0.0.1:9" });
  const url = new URL("/webhooks/stripe", stack.url).href;
  emulator.setEndpoints([{ url, secret: LOCAL_SECRETS.STRIPE_WEBHOOK_SECRET }]);
  return {
    emulator,
    server,
    stack,
    /** As an operator; the emulator's own routes take no key and pass it by. */
    post: (target: string | URL, body: object): Promise<Response> =>
      fetch(new URL(target, stack.url), {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${LOCAL_SECRETS.INTERNAL_API_KEY}` },
        body: JSON.stringify(body),
      }),
    close: async (): Promise<void> => {
      await stack.close();
      await server.close();
    },
  };
}
