import { createDeps, type Deps } from "./deps.ts";
import { env, type World } from "./cycle-close-test-kit.ts";
import type { StripeFault } from "./stripe-test-kit.ts";

/** `crash_…`: every later call fails too, as if the process were gone. The saved ones concern calls to Stripe alone. */
export type FaultMode = "before" | "after" | "crash_before" | "crash_after" | "saved_500" | "saved_500_after";

export const FAULT_MODES: readonly FaultMode[] = [
  "before",
  "after",
  "crash_before",
  "crash_after",
  "saved_500",
  "saved_500_after",
];

/** Counts the calls to storage and to Stripe, and lets the n-th go wrong. */
export interface Injector {
  calls: number;
  struck: boolean;
}

const LOST = "D1_ERROR: Network connection lost.";
const EXECUTIONS = new Set(["run", "all", "first", "raw"]);

/** Deps whose n-th call goes wrong. */
export function createFaultyDeps(
  world: World,
  fault: { call: number; mode: FaultMode },
): { deps: Deps; injector: Injector } {
  const injector: Injector = { calls: 0, struck: false };
  const { call, mode } = fault;
  const isCrash = mode === "crash_before" || mode === "crash_after";
  const strikes = (): boolean => {
    injector.calls += 1;
    return injector.calls === call;
  };
  const pass = async <T>(effect: () => Promise<T>): Promise<T> => {
    if (mode === "saved_500" || mode === "saved_500_after") return effect();
    const isStruck = strikes();
    if (injector.struck && isCrash) throw new Error(LOST);
    if (!isStruck) return effect();
    injector.struck = true;
    if (mode === "after" || mode === "crash_after") await effect();
    throw new Error(LOST);
  };
  world.stripe.fault = (): StripeFault | undefined => {
    const isStruck = strikes();
    if (injector.struck && isCrash) return "before";
    if (!isStruck) return undefined;
    injector.struck = true;
    return mode === "crash_before" ? "before" : mode === "crash_after" ? "after" : mode;
  };
  const { DB: binding } = env;
  return { deps: createDeps({ ...env, DB: wrapDatabase(binding, pass) }, world.runtime), injector };
}

type Pass = <T>(effect: () => Promise<T>) => Promise<T>;

function wrapDatabase(database: D1Database, pass: Pass): D1Database {
  const originals = new WeakMap<object, D1PreparedStatement>();
  const wrap = (statement: D1PreparedStatement): D1PreparedStatement => {
    const proxy = new Proxy(statement, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        if (name === "bind") return (...values: unknown[]) => wrap(target.bind(...values));
        const invoke = (...args: unknown[]) => Reflect.apply(member, target, args) as Promise<unknown>;
        return EXECUTIONS.has(String(name)) ? (...args: unknown[]) => pass(() => invoke(...args)) : invoke;
      },
    });
    originals.set(proxy, statement);
    return proxy;
  };
  return new Proxy(database, {
    get(target, name) {
      if (name === "prepare") return (query: string) => wrap(target.prepare(query));
      if (name === "batch") {
        return (statements: D1PreparedStatement[]) =>
          pass(() => target.batch(statements.map((statement) => originals.get(statement) ?? statement)));
      }
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}
