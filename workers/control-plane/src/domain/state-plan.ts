import { formatInstant } from "@prego/core/period";
import type { PlanStatement } from "./change-set.ts";

/** A statement of a tenant's plan for a time of Stripe's clock, epoch seconds. */
export const statePlan = ({
  atSeconds,
  ...statement
}: Omit<PlanStatement, "effectiveFrom"> & { atSeconds: number }): PlanStatement => ({
  ...statement,
  effectiveFrom: formatInstant(atSeconds * 1_000),
});
