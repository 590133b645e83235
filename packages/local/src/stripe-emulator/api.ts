import type { Params } from "./params.ts";

export interface StripeCall {
  /** The `:id` of the path, empty when there is none. */
  readonly id: string;
  readonly path: string;
  readonly params: Params;
}

/** Returns the body of a 200. Refusals are thrown as a StripeFailure. */
export type StripeHandler = (call: StripeCall) => object;

export interface StripeApi {
  get(path: string, handler: StripeHandler): void;
  post(path: string, handler: StripeHandler): void;
  delete(path: string, handler: StripeHandler): void;
}
