import type { RotatingSecret } from "@prego/core/auth";
import type { SharedBindings } from "@prego/core/http";

/** Bindings and secrets of this worker. */
export interface Env extends SharedBindings {
  /** Key of the node tokens; unset closes `POST /metrics`. */
  NODE_TOKEN_SECRET?: string;
  /** Key of the node tokens that is being rotated out. */
  NODE_TOKEN_SECRET_PREVIOUS?: string;
}

/** Names that `/health` reports when they are unset. */
export const REQUIRED = ["DB", "INTERNAL_API_KEY", "NODE_TOKEN_SECRET"] as const satisfies readonly (keyof Env)[];

export const readNodeSecret = (env: Env): RotatingSecret => ({
  current: env.NODE_TOKEN_SECRET,
  previous: env.NODE_TOKEN_SECRET_PREVIOUS,
});
