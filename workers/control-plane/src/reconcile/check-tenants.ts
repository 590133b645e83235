import { PAGE_ROWS_DEFAULT } from "@prego/core/limits";
import { listLinkedTenants } from "../store/reconcile.ts";
import { comparePage } from "./compare-subscriptions.ts";
import { addFinding } from "./report.ts";
import { requireAsk, type ReconcileSession } from "./session.ts";

/** Asks Stripe about the subscriptions of tenants that its list did not hold, one by one. */
export async function checkTenants(session: ReconcileSession): Promise<void> {
  const { pass, tenants: counts } = session.report;
  while (pass.tenants !== null) {
    const page = await listLinkedTenants(session.deps.db, pass.tenants.after, PAGE_ROWS_DEFAULT);
    for (const { tenantId, subscriptionId } of page) {
      if (!session.seen.has(subscriptionId)) {
        requireAsk(session);
        const fetched = await session.stripe.findSubscription(subscriptionId);
        if (fetched === undefined) {
          counts.unknown += 1;
          addFinding(counts.list, { tenant_id: tenantId, subscription_id: subscriptionId });
        } else {
          await comparePage(session, [fetched]);
        }
      }
      counts.checked += 1;
      pass.tenants = { after: tenantId };
    }
    if (page.length < PAGE_ROWS_DEFAULT) pass.tenants = null;
  }
}
