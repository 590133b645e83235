import type { SharedBindings } from "@prego/core/http";

/** Bindings and settings of cycle-close. */
export interface Env extends SharedBindings {
  /** Stripe's API, or the emulator's base URL in the local stack. */
  STRIPE_API_BASE?: string;
  /** Key of the Stripe account; unset means that cycles close and nothing is sent. */
  STRIPE_SECRET_KEY?: string;
  /** Whole seconds between the end of a cycle and its stored bound: writers flush and deliver in this time. */
  CLOSE_GRACE_SECONDS?: string;
  /** Whole seconds for which Stripe keeps an invoice open after its period: the account's finalisation delay. */
  STRIPE_INVOICE_GRACE_SECONDS?: string;
}

/** What `/health` asks for. */
export const REQUIRED = ["DB", "BUCKET", "STRIPE_SECRET_KEY"] as const satisfies readonly (keyof Env)[];

const CLOSE_GRACE = { defaultSeconds: 1_800, maxSeconds: 86_400 };
/** Stripe's own default, and the longest that it offers. */
const INVOICE_GRACE = { defaultSeconds: 3_600, maxSeconds: 259_200 };

/** The settings as values. */
export interface Settings {
  graceMs: number;
  invoiceGraceMs: number;
  stripeKey: string | undefined;
}

export function readSettings(env: Env): Settings {
  const stripeKey = env.STRIPE_SECRET_KEY?.trim() === "" ? undefined : env.STRIPE_SECRET_KEY?.trim();
  return {
    graceMs: readDelayMs(env.CLOSE_GRACE_SECONDS, CLOSE_GRACE),
    invoiceGraceMs: readDelayMs(env.STRIPE_INVOICE_GRACE_SECONDS, INVOICE_GRACE),
    stripeKey,
  };
}

/** Anything that is not a whole number of seconds means the default; more than the longest is the longest. */
function readDelayMs(
  text = "",
  { defaultSeconds, maxSeconds }: { defaultSeconds: number; maxSeconds: number },
): number {
  // oxlint-disable-next-line house/no-float -- seconds of a delay
  const seconds = /^[0-9]{1,6}$/.test(text) ? Math.min(Number(text), maxSeconds) : defaultSeconds;
  return seconds * 1_000;
}
