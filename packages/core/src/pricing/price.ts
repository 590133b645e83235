import { z } from "zod";
import { parseRate } from "../money.ts";
import { parseQuantity } from "../quantity.ts";

/** Tiers of one price; more than any price list has, and each one is a loop step of every close. */
export const PRICE_TIERS_MAX = 100;

const RateText = z
  .string()
  .refine(
    (text) => parseRate(text) !== undefined,
    "minor units as a decimal of at most 12 integer digits and 12 decimals",
  );

const PositiveQuantityText = z
  .string()
  .refine((text) => (parseQuantity(text) ?? 0n) > 0n, "a quantity above 0 of at most 12 integer digits and 6 decimals");

/**
 * One step of a graduated or volume price. `upTo` is the last quantity that belongs to it (units as a decimal string; null
 * in the last tier), `unitAmount` minor units per unit, `flatAmount` minor units once for reaching the tier.
 */
export const Tier = z.strictObject({
  upTo: PositiveQuantityText.nullable(),
  unitAmount: RateText,
  flatAmount: RateText.exactOptional(),
});
/** See the schema. */
export type Tier = z.infer<typeof Tier>;

const Tiers = z.array(Tier).min(1).max(PRICE_TIERS_MAX).superRefine(checkTierOrder);

/**
 * What a quantity costs, in minor units of the plan's currency; amounts and quantities are decimal strings.
 * `flat`: each unit the same. `graduated`: each unit at the rate of the tier it falls into. `volume`: all units at the rate
 * of the tier that the whole quantity falls into. `package`: each started package of `packageSize` units costs
 * `packageAmount`. Tiers ascend without gaps, because each begins where the one before ends, and only the last is open.
 * Unknown properties are refused: a misspelt `flatAmount` would be a wrong bill.
 */
export const Price = z.discriminatedUnion("model", [
  z.strictObject({ model: z.literal("flat"), unitAmount: RateText }),
  z.strictObject({ model: z.enum(["graduated", "volume"]), tiers: Tiers }),
  z.strictObject({ model: z.literal("package"), packageSize: PositiveQuantityText, packageAmount: RateText }),
]);
/** See the schema. */
export type Price = z.infer<typeof Price>;

function checkTierOrder(tiers: Tier[], ctx: z.RefinementCtx<Tier[]>): void {
  let previous = 0n;
  for (const [index, tier] of tiers.entries()) {
    const isLast = index === tiers.length - 1;
    if ((tier.upTo === null) !== isLast) {
      ctx.addIssue({ code: "custom", path: [index, "upTo"], message: "null in the last tier and only there" });
    }
    if (tier.upTo === null) continue;
    const upTo = parseQuantity(tier.upTo);
    if (upTo === undefined) continue;
    if (upTo <= previous) {
      ctx.addIssue({ code: "custom", path: [index, "upTo"], message: "above the tier before" });
    }
    previous = upTo;
  }
}
