import { canonicalJson } from "@prego/core/audit";
import { currencyDecimals } from "@prego/core/money";
import { formatInstant } from "@prego/core/period";
import { PLAN_AHEAD_MS_MAX } from "../limits.ts";
import type { WirePrice } from "./wire-price.ts";

/** What a plan version includes and charges for one meter. Quantities are micro-units. */
export interface PlanMeterTerms {
  meterKey: string;
  included: bigint;
  price: WirePrice;
  poolWeight: string | null;
  stripeEventName: string | null;
  /** Metered price of the meter. */
  stripePriceId: string | null;
}

/** Everything that a version of a plan says, apart from its number and its time. */
export interface PlanTerms {
  planId: string;
  name: string;
  currency: string;
  billingMode: "meter_event" | "invoice_item";
  stripePriceId: string | null;
  poolIncluded: bigint | null;
  meters: readonly PlanMeterTerms[];
}

export interface PlanVersion extends PlanTerms {
  version: number;
  effectiveFrom: string;
  createdAt: string;
}

/** What a request for a version says. */
export interface PlanWish {
  terms: PlanTerms;
  effectiveFromMs: number | undefined;
}

/** What a request for a version comes to: there already, the next one, or not possible. */
export type PlanStep =
  | { kind: "same"; version: PlanVersion }
  | { kind: "create"; version: PlanVersion }
  | { kind: "refused"; pointer: string; message: string };

/** Kept at two decimals by Stripe, which must be 00. */
const WHOLE_UNIT_CURRENCIES: ReadonlySet<string> = new Set(["isk", "ugx"]);

/** Whether Stripe refuses some amounts of a currency: whole units only, or a last of three decimals that must be 0. */
export const hasAmountStep = (currency: string): boolean =>
  WHOLE_UNIT_CURRENCIES.has(currency) || currencyDecimals(currency) === 3;

/**
 * The next version of a plan. A version is never edited: lines that were priced by it must stay explainable. It takes effect
 * now or later, and not before the one it supersedes.
 */
export function planNextVersion(
  newest: PlanVersion | undefined,
  wish: PlanWish & { meterKeys: ReadonlySet<string>; takenPrices: ReadonlySet<string> },
  nowMs: number,
): PlanStep {
  const { terms, effectiveFromMs, meterKeys, takenPrices } = wish;
  if (newest !== undefined && isSameOffer(newest, terms, effectiveFromMs)) return { kind: "same", version: newest };
  // The Stripe price keeps its currency, and no invoice of its subscriptions takes items of another one.
  if (newest !== undefined && newest.currency !== terms.currency) {
    return refuse("/currency", "A plan keeps its currency; make another plan");
  }
  const missing = terms.meters.findIndex(({ meterKey }) => !meterKeys.has(meterKey));
  if (missing >= 0) return refuse(`/meters/${missing}/meter_key`, "No such meter");
  // A subscription's price must name one plan, whichever of its versions.
  const taken = pricesOf(terms).find(({ price }) => takenPrices.has(price));
  if (taken !== undefined) return refuse(taken.pointer, "Another plan names this price");
  if (effectiveFromMs !== undefined && effectiveFromMs > nowMs + PLAN_AHEAD_MS_MAX) {
    return refuse("/effective_from", "At most 366 days ahead");
  }
  const effectiveFrom = formatInstant(effectiveFromMs ?? nowMs);
  if (effectiveFrom < formatInstant(nowMs)) return refuse("/effective_from", "Not before now");
  if (newest !== undefined && effectiveFrom < newest.effectiveFrom) {
    return refuse("/effective_from", "Not before the version it supersedes takes effect");
  }
  const version = (newest?.version ?? 0) + 1;
  return { kind: "create", version: { ...terms, version, effectiveFrom, createdAt: formatInstant(nowMs) } };
}

/** The prices at Stripe that a version names, and where. */
export const pricesOf = ({ stripePriceId, meters }: PlanTerms): { price: string; pointer: string }[] =>
  [
    { price: stripePriceId, pointer: "/stripe_price_id" },
    ...meters.map((meter, index) => ({ price: meter.stripePriceId, pointer: `/meters/${index}/stripe_price_id` })),
  ].flatMap(({ price, pointer }) => (price === null ? [] : [{ price, pointer }]));

const refuse = (pointer: string, message: string): PlanStep => ({ kind: "refused", pointer, message });

/** A repeat of the request that made the newest version, its time included where one was named. */
function isSameOffer(newest: PlanVersion, terms: PlanTerms, effectiveFromMs: number | undefined): boolean {
  if (effectiveFromMs !== undefined && formatInstant(effectiveFromMs) !== newest.effectiveFrom) return false;
  return termsText(newest) === termsText(terms);
}

const termsText = ({ planId, name, currency, billingMode, stripePriceId, poolIncluded, meters }: PlanTerms): string =>
  canonicalJson({
    planId,
    name,
    currency,
    billingMode,
    stripePriceId,
    poolIncluded: poolIncluded?.toString() ?? null,
    meters: meters
      .toSorted((a, b) => (a.meterKey < b.meterKey ? -1 : 1))
      .map((meter) => ({ ...meter, included: meter.included.toString() })),
  });
