/**
 * What goes wrong at a call: `before` nothing happened; `after` the effect is done and the answer lost;
 * `crash_before` and `crash_after` the same, and every later call of the run fails too, as if the process were gone.
 */
export type FaultMode = "before" | "after" | "crash_before" | "crash_after";

/** Every mode, in the order of a sweep. */
export const FAULT_MODES: readonly FaultMode[] = ["before", "after", "crash_before", "crash_after"];

/** Where a fault strikes: the n-th call, counted from 1 over all bindings and outbound calls. */
export interface Fault {
  call: number;
  mode: FaultMode;
}

/** The text of D1's own connection error, which code must treat as "outcome unknown". */
const LOST = "D1_ERROR: Network connection lost.";

/** Counts the calls that pass through it and lets one of them go wrong. */
export class FaultInjector {
  /** Calls seen so far. */
  calls = 0;
  /** Whether the fault has struck. */
  struck = false;
  readonly #fault: Fault | undefined;

  constructor(fault?: Fault) {
    this.#fault = fault;
  }

  /** Runs one call, or lets it fail as the fault says. */
  async pass<T>(effect: () => Promise<T>): Promise<T> {
    this.calls += 1;
    const mode = this.#fault?.mode;
    if (this.struck && (mode === "crash_before" || mode === "crash_after")) throw new Error(LOST);
    if (this.#fault?.call !== this.calls) return effect();
    this.struck = true;
    if (mode === "after" || mode === "crash_after") await effect();
    throw new Error(LOST);
  }
}

const STATEMENT_CALLS = new Set(["run", "all", "first", "raw"]);
const BUCKET_CALLS = new Set(["get", "put", "head", "list", "delete"]);

/** A D1 database whose every query passes through the injector. */
function faultyDatabase(database: D1Database, injector: FaultInjector): D1Database {
  const originals = new WeakMap<object, D1PreparedStatement>();
  const wrapStatement = (statement: D1PreparedStatement): D1PreparedStatement => {
    const proxy = new Proxy(statement, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        if (name === "bind") return (...values: unknown[]) => wrapStatement(target.bind(...values));
        const call = (...args: unknown[]): Promise<unknown> => Reflect.apply(member, target, args) as Promise<unknown>;
        return STATEMENT_CALLS.has(String(name)) ? (...args: unknown[]) => injector.pass(() => call(...args)) : call;
      },
    });
    originals.set(proxy, statement);
    return proxy;
  };
  return new Proxy(database, {
    get(target, name) {
      if (name === "prepare") return (query: string) => wrapStatement(target.prepare(query));
      if (name === "batch") {
        return (statements: D1PreparedStatement[]) =>
          injector.pass(() => target.batch(statements.map((statement) => originals.get(statement) ?? statement)));
      }
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}

/** An R2 bucket whose every call passes through the injector. */
function faultyBucket(bucket: R2Bucket, injector: FaultInjector): R2Bucket {
  return new Proxy(bucket, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      const call = (...args: unknown[]): Promise<unknown> => Reflect.apply(member, target, args) as Promise<unknown>;
      return BUCKET_CALLS.has(String(name)) ? (...args: unknown[]) => injector.pass(() => call(...args)) : call;
    },
  });
}

/** Bindings with faults at every call of D1 and R2. */
export const faultyBindings = <E extends { DB: D1Database; BUCKET: R2Bucket }>(env: E, injector: FaultInjector): E => ({
  ...env,
  DB: faultyDatabase(env.DB, injector),
  BUCKET: faultyBucket(env.BUCKET, injector),
});
