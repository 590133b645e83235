import type { SharedBindings } from "@prego/core/http";

/** Bindings and secrets of this worker: the shared ones. */
export interface Env extends SharedBindings {}

/** Names that `/health` reports when they are unset. */
export const REQUIRED = ["DB", "BUCKET", "INTERNAL_API_KEY"] as const satisfies readonly (keyof Env)[];
