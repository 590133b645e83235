import { z } from "zod";

/** Query of a route that takes none. */
export const NoQuery = z.strictObject({});
