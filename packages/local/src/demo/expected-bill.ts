import { INCLUDED } from "../stack/catalogue.ts";

/** What the starter plan must charge, worked out here by other means than the product's own pricing. */
export interface ExpectedLine {
  meterKey: string;
  overageMicros: bigint;
  amountCents: bigint;
}

const MICRO = 1_000_000n;

/** Half up to whole cents from a fraction of cents. */
const roundCents = (numerator: bigint, denominator: bigint): bigint =>
  (2n * numerator + denominator) / (2n * denominator);

const above = (total: bigint, included: number): bigint => {
  const allowance = BigInt(included) * MICRO;
  return total > allowance ? total - allowance : 0n;
};

/**
 * API requests: 0.2 cents each for the first 5,000 above the allowance, 0.1 cents after. Data: 9.5 cents a GB.
 * Totals are micro-units.
 */
export function expectStarterBill(totals: { api_requests: bigint; data_gb: bigint }): ExpectedLine[] {
  const requests = above(totals.api_requests, INCLUDED.starter.api_requests);
  const cheap = requests > 5_000n * MICRO ? requests - 5_000n * MICRO : 0n;
  const data = above(totals.data_gb, INCLUDED.starter.data_gb);
  return [
    {
      meterKey: "api_requests",
      overageMicros: requests,
      amountCents: roundCents(2n * (requests - cheap) + cheap, 10n * MICRO),
    },
    { meterKey: "data_gb", overageMicros: data, amountCents: roundCents(19n * data, 2n * MICRO) },
  ];
}
