const EXECUTIONS = new Set(["run", "all", "first", "raw"]);

/** A D1 binding that counts its queries, each statement of a batch by itself: an invocation has 1,000. */
export interface CountedDatabase {
  binding: D1Database;
  queries: () => number;
}

/** Wraps a D1 binding so that its queries are counted. */
export function countQueries(database: D1Database): CountedDatabase {
  let queries = 0;
  const originals = new WeakMap<object, D1PreparedStatement>();
  const wrap = (statement: D1PreparedStatement): D1PreparedStatement => {
    const proxy = new Proxy(statement, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        if (name === "bind") return (...values: unknown[]) => wrap(target.bind(...values));
        return (...args: unknown[]): unknown => {
          if (EXECUTIONS.has(String(name))) queries += 1;
          return Reflect.apply(member, target, args);
        };
      },
    });
    originals.set(proxy, statement);
    return proxy;
  };
  const binding = new Proxy(database, {
    get(target, name) {
      if (name === "prepare") return (query: string) => wrap(target.prepare(query));
      if (name === "batch") {
        return (statements: D1PreparedStatement[]) => {
          queries += statements.length;
          return target.batch(statements.map((statement) => originals.get(statement) ?? statement));
        };
      }
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
  return { binding, queries: () => queries };
}
