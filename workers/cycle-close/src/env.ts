import type { SharedBindings } from "@prego/core/http";

/** Bindings and settings of cycle-close. */
export interface Env extends SharedBindings {
  /** Stripe's API, or the emulator's base URL in the local stack. */
  STRIPE_API_BASE?: string;
  /** Key of the Stripe account; unset means that cycles close and nothing is sent. */
  STRIPE_SECRET_KEY?: string;
  /** Whole seconds between the end of a cycle and its stored bound: writers flush and deliver in this time. */
  CLOSE_GRACE_SECONDS?: string;
}

/** What `/health` asks for. */
export const REQUIRED = ["DB", "BUCKET", "STRIPE_SECRET_KEY"] as const satisfies readonly (keyof Env)[];

const CLOSE_GRACE_SECONDS_DEFAULT = 1_800;

/** The settings as values; anything that is not a whole number of seconds up to a day means the default. */
export function readSettings(env: Env): { graceMs: number; stripeKey: string | undefined } {
  const text = env.CLOSE_GRACE_SECONDS ?? "";
  // oxlint-disable-next-line house/no-float -- seconds of grace
  const seconds = /^[0-9]{1,5}$/.test(text) ? Math.min(Number(text), 86_400) : CLOSE_GRACE_SECONDS_DEFAULT;
  const stripeKey = env.STRIPE_SECRET_KEY?.trim() === "" ? undefined : env.STRIPE_SECRET_KEY?.trim();
  return { graceMs: seconds * 1_000, stripeKey };
}
