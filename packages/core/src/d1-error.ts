/**
 * What a failed D1 call means: `guard` a precondition of the batch no longer held; `constraint` a row was already there
 * or is not allowed; `transient` try again if idempotent, the outcome is unknown; `overloaded` back off; `permanent` a bug.
 * Texts as in Cloudflare's D1 debugging page.
 */
export type D1Failure = "guard" | "constraint" | "transient" | "overloaded" | "permanent";

const PATTERNS: readonly (readonly [RegExp, D1Failure])[] = [
  [/batch_guard:/, "guard"],
  [/overloaded|Too many requests queued|queued for too long/i, "overloaded"],
  [/SQLITE_CONSTRAINT|constraint failed/i, "constraint"],
  [
    /Network connection lost|reset because its code was updated|caused object to be reset|starting up D1 DB|transient issue on remote node|internal error; reference|SQLITE_BUSY/i,
    "transient",
  ],
];

/** Reads the whole `cause` chain of an error: drizzle wraps D1's own message in one. */
export function classifyD1Error(error: unknown): D1Failure {
  const text = messagesOf(error);
  return PATTERNS.find(([pattern]) => pattern.test(text))?.[1] ?? "permanent";
}

/** True when a batch was refused because its precondition no longer held: someone else did it first. */
export const isGuardFailure = (error: unknown): boolean => classifyD1Error(error) === "guard";

/** True when a unique or check constraint refused the write. */
export const isConstraintFailure = (error: unknown): boolean => classifyD1Error(error) === "constraint";

function messagesOf(error: unknown): string {
  const messages: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    messages.push(current.message);
    current = current.cause;
  }
  return messages.join("\n");
}
