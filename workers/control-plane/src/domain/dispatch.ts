import { OUTBOX_ATTEMPTS_MAX } from "@prego/core/limits";
import { DISPATCH_BACKOFF_MS, DISPATCH_BACKOFF_MS_MAX, DISPATCH_INPUTS_MAX } from "../limits.ts";

/** Inputs of a workflow: data only, which the workflow must never evaluate. */
export type DispatchInputs = Readonly<Record<string, string>>;

const INPUT_NAME_PATTERN = /^[a-z][a-z0-9_]{0,39}$/;
/** Ids, regions, sizes and trace ids; nothing that a shell or an expression would read as more than a word. */
const INPUT_VALUE_PATTERN = /^[A-Za-z0-9_.:-]{0,128}$/;

/** Reads the inputs of an outbox row; undefined when one of them does not match its pattern, so that it is never sent. */
export function readDispatchInputs(inputsJson: string): DispatchInputs | undefined {
  const parsed: unknown = JSON.parse(inputsJson);
  if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed)) return undefined;
  const entries = Object.entries(parsed);
  const isSafe = entries.every(
    ([name, value]) => INPUT_NAME_PATTERN.test(name) && typeof value === "string" && INPUT_VALUE_PATTERN.test(value),
  );
  return isSafe && entries.length <= DISPATCH_INPUTS_MAX ? Object.fromEntries(entries) : undefined;
}

/** What follows a dispatch that failed for the n-th time: a pause, or the end. */
export function planDispatchRetry(attempts: number): { kind: "retry"; delayMs: number } | { kind: "give_up" } {
  if (attempts >= OUTBOX_ATTEMPTS_MAX) return { kind: "give_up" };
  return { kind: "retry", delayMs: Math.min(DISPATCH_BACKOFF_MS * 2 ** (attempts - 1), DISPATCH_BACKOFF_MS_MAX) };
}
