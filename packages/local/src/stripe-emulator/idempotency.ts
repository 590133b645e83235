import type { StripeState } from "./state.ts";
import { createInvalidRequest, StripeFailure } from "./stripe-failure.ts";

/** Stripe forgets a v1 key after a day; a later call with it is a new call. */
const keyLifeMs = 24 * 60 * 60 * 1_000;
const maxKeyLength = 255;

export interface SavedAnswer {
  readonly fingerprint: string;
  readonly status: number;
  readonly body: string;
  readonly requestId: string;
  readonly savedAtMs: number;
}

export interface KeyedCall {
  readonly key: string;
  /** Method, path and parameters: what must be equal for a replay. */
  readonly fingerprint: string;
  readonly nowMs: number;
}

export interface KeyBook {
  /** The saved answer to replay, or undefined when the call may run. Throws on conflict and mismatch. */
  begin(call: KeyedCall): SavedAnswer | undefined;
  save(call: KeyedCall, answer: Pick<SavedAnswer, "status" | "body" | "requestId">): void;
  end(call: KeyedCall): void;
}

export function createKeyBook(state: StripeState): KeyBook {
  const inFlight = new Set<string>();
  return {
    begin: (call) => {
      checkKeyLength(call.key);
      if (inFlight.has(call.key)) throw createKeyInUse(call.key);
      const saved = findLiving(state, call);
      if (saved !== undefined && saved.fingerprint !== call.fingerprint) throw createMismatch(call, saved);
      if (saved === undefined) inFlight.add(call.key);
      return saved;
    },
    save: (call, answer) => {
      state.savedAnswers.set(call.key, { ...answer, fingerprint: call.fingerprint, savedAtMs: call.nowMs });
    },
    end: (call) => void inFlight.delete(call.key),
  };
}

function findLiving(state: StripeState, call: KeyedCall): SavedAnswer | undefined {
  const saved = state.savedAnswers.get(call.key);
  if (saved === undefined) return undefined;
  if (call.nowMs - saved.savedAtMs < keyLifeMs) return saved;
  state.savedAnswers.delete(call.key);
  return undefined;
}

function checkKeyLength(key: string): void {
  if (key.length <= maxKeyLength) return;
  throw createInvalidRequest({ message: `Idempotency keys can have up to ${maxKeyLength} characters` });
}

function createKeyInUse(key: string): StripeFailure {
  return createInvalidRequest({
    status: 409,
    code: "idempotency_key_in_use",
    message:
      "There is currently another in-progress request using this Idempotent Key (that probably means you " +
      `submitted twice, and the other request is still going through): ${key}. Please try again later.`,
  });
}

function createMismatch(call: KeyedCall, saved: SavedAnswer): StripeFailure {
  const [path, firstPath] = [readPath(call.fingerprint), readPath(saved.fingerprint)];
  const rule =
    path === firstPath
      ? "with the same parameters they were first used with"
      : `for the same endpoint they were first used for ('${path}' vs '${firstPath}')`;
  return new StripeFailure({
    status: 400,
    type: "idempotency_error",
    message:
      `Keys for idempotent requests can only be used ${rule}. ` +
      `Try using a key other than '${call.key}' if you meant to execute a different request.`,
  });
}

const readPath = (fingerprint: string): string => fingerprint.split("\n")[1] ?? "";
