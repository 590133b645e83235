import type { Env } from "./env.ts";
import { bucket, createTestRuntime, database, withSecrets, type TestRuntime } from "./purge-test-kit.ts";

/** Something that happens at the n-th call of a store or of the outside world. */
export interface Incident {
  at: number;
  /**
   * `before`: the call and all later ones fail without effect; `after`: it takes effect, its answer is lost, and all later ones fail;
   * `between`: `act` runs just before it and nothing fails.
   */
  mode: "before" | "after" | "between";
  act?: () => Promise<void>;
}

/** Bindings and a runtime that share one count of calls. */
export interface CountedWorld {
  env: Env;
  runtime: TestRuntime;
  calls: () => number;
  /** Whether the incident's call was reached. */
  happened: () => boolean;
}

export function createCountedWorld(outside: typeof fetch, incident: Incident): CountedWorld {
  let calls = 0;
  let isDown = false;
  const pass = async (effect: () => Promise<unknown>): Promise<unknown> => {
    if (isDown) throw new Error("Network connection lost.");
    calls += 1;
    if (calls !== incident.at) return effect();
    if (incident.mode === "between") {
      await incident.act?.();
      return effect();
    }
    isDown = true;
    if (incident.mode === "after") await effect();
    throw new Error("Network connection lost.");
  };
  const secrets = withSecrets();
  const runtime = createTestRuntime(((input: RequestInfo | URL, init?: RequestInit) =>
    pass(() => outside(input, init))) as typeof fetch);
  return {
    env: {
      ...secrets,
      DB: intercept(database, ["batch"], pass),
      BUCKET: intercept(bucket, ["list", "get", "put", "delete", "head"], pass),
    },
    runtime,
    calls: () => calls,
    happened: () => calls >= incident.at,
  };
}

function intercept<T extends object>(
  target: T,
  methods: readonly string[],
  pass: (effect: () => Promise<unknown>) => Promise<unknown>,
): T {
  return new Proxy(target, {
    get: (object, name) => {
      const member: unknown = Reflect.get(object, name, object);
      if (typeof member !== "function") return member;
      const call = (...args: unknown[]): unknown => Reflect.apply(member, object, args);
      return methods.includes(String(name))
        ? (...args: unknown[]) => pass(() => call(...args) as Promise<unknown>)
        : call;
    },
  });
}
