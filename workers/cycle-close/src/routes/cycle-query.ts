import { METER_KEY_PATTERN, TENANT_ID_PATTERN } from "@prego/core/id";
import { parseCycle } from "@prego/core/period";
import { z } from "zod";

/** Query of a tenant's bill. */
export const PreviewQuery = z.strictObject({
  tenant_id: z.string().regex(TENANT_ID_PATTERN),
  cycle: z.string().refine((text) => parseCycle(text) !== undefined, "a calendar month, YYYY-MM"),
});

/** Query of what is behind one line of it; `recompute=1` reads the raw lines again. */
export const ExplainQuery = PreviewQuery.extend({
  meter_key: z.string().regex(METER_KEY_PATTERN),
  recompute: z.enum(["0", "1"]).optional(),
});
