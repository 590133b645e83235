import type { Counts } from "./counts.ts";

/** How R2 bills each call: class A changes or lists, class B reads, deletes are free. A refused conditional put is class A too. */
const CALLS: Record<string, "r2ClassA" | "r2ClassB" | "r2Free"> = {
  put: "r2ClassA",
  list: "r2ClassA",
  get: "r2ClassB",
  head: "r2ClassB",
  delete: "r2Free",
};

/** A bucket that counts its calls by the class in which they are billed. */
export function countBucket(bucket: R2Bucket, counts: Counts): R2Bucket {
  return new Proxy(bucket, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      const kind = CALLS[String(name)];
      if (kind === undefined) throw new Error(`R2's ${String(name)} is not counted`);
      return (...args: unknown[]): unknown => {
        counts[kind] += 1;
        return Reflect.apply(member, target, args);
      };
    },
  });
}
