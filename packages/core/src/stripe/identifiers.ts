import { sha256Hex } from "../auth.ts";

/** The billable fact that an outbox row stands for. */
export interface BillableFact {
  tenantId: string;
  meterKey: string;
  cycle: string;
  correctedCycle: string;
  /** First hour of the part of the corrected cycle; empty when it has one part only. */
  part: string;
}

/** Identifier of an invoice of a tenant's cycle for charges that no subscription's invoice collects: of the one after `previous`. */
export async function invoiceIdentifier(invoice: {
  tenantId: string;
  cycle: string;
  currency: string;
  /** Identifier of the one before it; null for the first. */
  previous: string | null;
}): Promise<string> {
  const { tenantId, cycle, currency, previous } = invoice;
  const first = ["invoice-v1", tenantId, cycle, currency];
  const text = JSON.stringify(previous === null ? first : [...first, previous]);
  return `prego_${(await sha256Hex(text)).slice(0, 40)}`;
}

/**
 * Identifier of a billable fact, `prego_` + 40 hex digits: the same for every attempt, different for every other fact
 * (the parts are joined as a JSON array, so no two facts share a text). Fits Stripe's 100 characters.
 */
export async function billableIdentifier(fact: BillableFact): Promise<string> {
  const { tenantId, meterKey, cycle, correctedCycle, part } = fact;
  const whole = ["usage-v1", tenantId, meterKey, cycle, correctedCycle];
  const text = JSON.stringify(part === "" ? whole : [...whole, part]);
  return `prego_${(await sha256Hex(text)).slice(0, 40)}`;
}
