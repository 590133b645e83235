/** A registered route, as Hono lists it. */
export interface RouteEntry {
  method: string;
  path: string;
}

/** Routes that handle one method, middleware left out, each once. */
export function listRoutes(routes: readonly RouteEntry[]): RouteEntry[] {
  const seen = new Map<string, RouteEntry>();
  for (const { method, path } of routes) {
    if (method !== "ALL") {
      seen.set(`${method} ${path}`, { method, path });
    }
  }
  return [...seen.values()];
}

/** Methods that exist for a concrete path, for the `Allow` header; empty when no route has this path. */
export function allowedMethods(routes: readonly RouteEntry[], path: string): string[] {
  const methods = listRoutes(routes)
    .filter((route) => matchesPattern(route.path, path))
    .map((route) => route.method);
  return [...new Set(methods.includes("GET") ? [...methods, "HEAD"] : methods)].toSorted();
}

function matchesPattern(pattern: string, path: string): boolean {
  const expected = pattern.split("/");
  const actual = path.split("/");
  return (
    expected.length === actual.length &&
    expected.every((segment, index) => (segment.startsWith(":") ? actual[index] !== "" : segment === actual[index]))
  );
}
