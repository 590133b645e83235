import { SENDS_AT_ONCE } from "./limits.ts";
import type { OutboxRow } from "./store/outbox.ts";

/**
 * Sends rows of some customers at once, those of one customer one after the other: Stripe takes one meter event at a time
 * for a customer and meter. After an error no further row is begun; it is thrown when all calls under way have ended.
 */
export async function sendInLanes(rows: readonly OutboxRow[], send: (row: OutboxRow) => Promise<void>): Promise<void> {
  const customers = [...Map.groupBy(rows, (row) => row.payload.customer).values()].values();
  const errors: unknown[] = [];
  const lane = async (): Promise<void> => {
    // All lanes draw from one iterator.
    for (const own of customers) {
      for (const row of own) {
        if (errors.length > 0) return;
        try {
          await send(row);
        } catch (error) {
          errors.push(error);
        }
      }
    }
  };
  await Promise.all(Array.from({ length: SENDS_AT_ONCE }, lane));
  if (errors.length > 0) throw errors[0];
}
