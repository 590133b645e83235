import { isReservedSlug, isSlug } from "@prego/core/id";
import { z } from "zod";

/** A tenant's name in DNS. */
export const Slug = z
  .string()
  .refine(isSlug, "Expected 3 to 40 of a-z, 0-9 and single hyphens, none at an end")
  .meta({ minLength: 3, maxLength: 40, pattern: "^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$" });

/** Whether a name can be had, and why not. */
export const SlugVerdict = z.strictObject({
  slug: z.string(),
  available: z.boolean(),
  reason: z.enum(["taken", "reserved"]).nullable(),
});
export type SlugVerdict = z.infer<typeof SlugVerdict>;

export function judgeSlug(slug: string, isTaken: boolean): SlugVerdict {
  if (isReservedSlug(slug)) return { slug, available: false, reason: "reserved" };
  return isTaken ? { slug, available: false, reason: "taken" } : { slug, available: true, reason: null };
}
