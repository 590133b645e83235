import { Hono } from "hono";
import { html } from "hono/html";
import { completeCheckout } from "./checkout-completion.ts";
import { findCheckoutSession } from "./checkout-sessions.ts";
import type { EmulatorContext } from "./context.ts";

/** The page behind `session.url`, with one button that pays. */
export function createCheckoutPage(context: EmulatorContext): Hono {
  const app = new Hono();
  app.get("/:id", (c) => {
    const session = findCheckoutSession(context, c.req.param("id"));
    if (session.status !== "open") return c.text(`This checkout is ${session.status}.`, 410);
    const items = (context.state.checkoutLineItems.get(session.id)?.data ?? []).map(
      (line) => html`<li>${line.quantity ?? "usage"} x ${line.price.nickname ?? line.price.id}</li>`,
    );
    return c.html(
      html`<!doctype html>
        <html lang="en">
          <meta charset="utf-8" />
          <title>Test checkout</title>
          <main style="font: 1rem system-ui; max-width: 28rem; margin: 4rem auto">
            <h1>Test checkout</h1>
            <p>No real payment. Total ${session.amount_total} ${session.currency} (minor units).</p>
            <ul>
              ${items}
            </ul>
            <form method="post"><button>Pay with the test card</button></form>
          </main>
        </html>`,
    );
  });
  app.post("/:id", (c) => {
    const session = completeCheckout(context, c.req.param("id"), {});
    return c.redirect(session.success_url.replaceAll("{CHECKOUT_SESSION_ID}", session.id), 303);
  });
  return app;
}
