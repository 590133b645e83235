import { classifyD1Error } from "@prego/core/d1-error";
import { ProblemError } from "@prego/core/problem";
import { RETRY_AFTER_SECONDS } from "../limits.ts";

/**
 * Runs a query of a request.
 * @throws ProblemError `unavailable` where asking again later helps; the query's own error otherwise.
 */
export async function askDatabase<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (error) {
    const failure = classifyD1Error(error);
    if (failure !== "transient" && failure !== "overloaded") throw error;
    throw new ProblemError("unavailable", {
      headers: { "retry-after": String(RETRY_AFTER_SECONDS) },
      cause: error,
    });
  }
}
