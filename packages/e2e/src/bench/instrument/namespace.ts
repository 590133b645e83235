import type { Counts } from "./counts.ts";

/** A namespace of objects that counts the calls of their methods: each is a session of its own, and billed as a request. */
export function countNamespace<T extends Rpc.DurableObjectBranded>(
  namespace: DurableObjectNamespace<T>,
  counts: Counts,
  methods: ReadonlySet<string>,
): DurableObjectNamespace<T> {
  const countStub = (stub: object): object =>
    new Proxy(stub, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (!methods.has(String(name)) || typeof member !== "function") return member;
        return (...args: unknown[]): unknown => {
          counts.objectRequests += 1;
          return Reflect.apply(member, target, args);
        };
      },
    });
  return new Proxy(namespace, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      if (name !== "get" && name !== "getByName") return member.bind(target) as unknown;
      return (...args: unknown[]): unknown => countStub(Reflect.apply(member, target, args) as object);
    },
  });
}
