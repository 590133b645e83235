import { z } from "zod";
import { decodeCursor, type CursorFilter } from "../cursor.ts";
import { PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX } from "../limits.ts";
import { ProblemError } from "../problem.ts";

/** `limit` and `cursor` of a list, for the query schema of its route. */
export const PAGE_QUERY = {
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,3}$/, "A whole number")
    .refine((text) => Number(text) <= PAGE_ROWS_MAX, `At most ${PAGE_ROWS_MAX}`)
    .optional(),
  cursor: z.string().min(1).max(1_024).optional(),
};

export const readLimit = (limit: string | undefined): number =>
  limit === undefined ? PAGE_ROWS_DEFAULT : Number(limit);

/** The position that a cursor stands for; a cursor of another filter or list is refused with 400. */
export async function readPosition(
  filter: CursorFilter,
  cursor: string | undefined,
  columns: number,
): Promise<readonly string[] | undefined> {
  if (cursor === undefined) return undefined;
  const position = await decodeCursor(filter, cursor, columns);
  if (position === undefined) {
    throw new ProblemError("validation_failed", {
      errors: [{ pointer: "/cursor", message: "Not a cursor of this list and filter" }],
    });
  }
  return position;
}
