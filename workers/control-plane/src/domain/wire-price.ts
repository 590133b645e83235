import { z } from "zod";
import { parseRate } from "@prego/core/money";
import { PRICE_TIERS_MAX, type Price } from "@prego/core/pricing";
import { parseQuantity } from "@prego/core/quantity";

const Rate = z
  .string()
  .refine((text) => parseRate(text) !== undefined, "Minor units: at most 12 integer digits and 12 decimals");
const Quantity = z
  .string()
  .refine((text) => (parseQuantity(text) ?? 0n) > 0n, "Above 0: at most 12 integer digits and 6 decimals");

const WireTiers = z
  .array(z.strictObject({ up_to: Quantity.nullable(), unit_amount: Rate, flat_amount: Rate.exactOptional() }))
  .min(1)
  .max(PRICE_TIERS_MAX)
  .superRefine((tiers, ctx) => {
    let previous = 0n;
    for (const [index, { up_to: upTo }] of tiers.entries()) {
      if ((upTo === null) !== (index === tiers.length - 1)) {
        ctx.addIssue({ code: "custom", path: [index, "up_to"], message: "null in the last tier and only there" });
      }
      const limit = upTo === null ? undefined : parseQuantity(upTo);
      if (limit === undefined) continue;
      if (limit <= previous) ctx.addIssue({ code: "custom", path: [index, "up_to"], message: "above the tier before" });
      previous = limit;
    }
  });

/** A price as it travels: core's `Price` with snake_case members. */
export const WirePrice = z.discriminatedUnion("model", [
  z.strictObject({ model: z.literal("flat"), unit_amount: Rate }),
  z.strictObject({ model: z.enum(["graduated", "volume"]), tiers: WireTiers }),
  z.strictObject({ model: z.literal("package"), package_size: Quantity, package_amount: Rate }),
]);
export type WirePrice = z.infer<typeof WirePrice>;

export function toPrice(wire: WirePrice): Price {
  switch (wire.model) {
    case "flat":
      return { model: "flat", unitAmount: wire.unit_amount };
    case "package":
      return { model: "package", packageSize: wire.package_size, packageAmount: wire.package_amount };
    case "graduated":
    case "volume":
      return {
        model: wire.model,
        tiers: wire.tiers.map(({ up_to: upTo, unit_amount: unitAmount, flat_amount: flatAmount }) => ({
          upTo,
          unitAmount,
          ...(flatAmount === undefined ? {} : { flatAmount }),
        })),
      };
  }
}

export function fromPrice(price: Price): WirePrice {
  switch (price.model) {
    case "flat":
      return { model: "flat", unit_amount: price.unitAmount };
    case "package":
      return { model: "package", package_size: price.packageSize, package_amount: price.packageAmount };
    case "graduated":
    case "volume":
      return {
        model: price.model,
        tiers: price.tiers.map(({ upTo, unitAmount, flatAmount }) => ({
          up_to: upTo,
          unit_amount: unitAmount,
          ...(flatAmount === undefined ? {} : { flat_amount: flatAmount }),
        })),
      };
  }
}
