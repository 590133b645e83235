import type { Logger } from "../log.ts";

/** The clock, randomness, network and log sink of a worker; entries make the real one, tests make their own. */
export interface Runtime {
  /** Epoch milliseconds. */
  now: () => number;
  /** Fresh random bytes. */
  randomBytes: (length: number) => Uint8Array;
  /** Sink of a finished log line. */
  write: (line: string) => void;
  /** Outbound calls. */
  fetch: typeof fetch;
}

/** The globals that {@link createRuntime} takes from the host. */
export interface RuntimeHost {
  Date: { now(): number };
  crypto: { getRandomValues(bytes: Uint8Array): Uint8Array };
  console: { log(line: string): void };
  fetch: typeof fetch;
}

/** Makes the runtime of a worker from its host; called once, in the worker's entry. */
export function createRuntime(host: RuntimeHost): Runtime {
  // Called as a method of another object, workerd's fetch refuses: it must stay a plain function.
  const { Date: clock, fetch: outbound } = host;
  return {
    now: () => clock.now(),
    randomBytes: (length) => host.crypto.getRandomValues(new Uint8Array(length)),
    write: (line) => host.console.log(line),
    fetch: (input: RequestInfo | URL, init?: RequestInit) => outbound(input, init),
  };
}

/** Bindings and settings that every worker has. */
export interface SharedBindings {
  /** The one D1 database. */
  DB: D1Database;
  /** The one R2 bucket. */
  BUCKET: R2Bucket;
  /** Operator key; unset closes operator routes unless Access is configured. */
  INTERNAL_API_KEY?: string;
  /** Operator key that is being rotated out. */
  INTERNAL_API_KEY_PREVIOUS?: string;
  /** Cloudflare Access team, such as `https://acme.cloudflareaccess.com`. */
  ACCESS_TEAM_DOMAIN?: string;
  /** Audience tag of the Access application. */
  ACCESS_AUD?: string;
}

/** What handlers find in Hono's context. */
export interface RequestVariables {
  requestId: string;
  /** Sanitized `x-trace-id` of the request, or null. */
  traceId: string | null;
  /** Set by the authentication of the route. */
  actor: string;
  runtime: Runtime;
  log: Logger;
}

/** Hono's type parameter for an app whose bindings are `B`. */
export interface AppEnv<B extends SharedBindings> {
  Bindings: B;
  Variables: RequestVariables;
}
