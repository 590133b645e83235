import { createInvalidRequest } from "./stripe-failure.ts";

export type FormValue = string | FormObject;

/** Lists keep their index keys, because the wire does not tell a list from a map with numeric keys. */
export interface FormObject {
  [key: string]: FormValue;
}

const maxPairs = 1_000;
const maxDepth = 8;

/** Decodes `a=1&b[c]=2&d[0][e]=3&f[]=4`, the bracket form that Stripe's v1 API takes in bodies and queries. */
export function decodeForm(text: string): FormObject {
  const root = createNode();
  const pairs = text.split("&").filter((pair) => pair !== "");
  if (pairs.length > maxPairs) throw createInvalidRequest({ message: "Too many parameters" });
  for (const pair of pairs) {
    const split = pair.indexOf("=");
    const key = decodePart(split < 0 ? pair : pair.slice(0, split));
    assignPath(root, splitKey(key), split < 0 ? "" : decodePart(pair.slice(split + 1)));
  }
  return root;
}

function createNode(): FormObject {
  return Object.create(null) as FormObject;
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll("+", " "));
  } catch {
    throw createInvalidRequest({ message: "Invalid URL-encoding in a parameter" });
  }
}

function splitKey(key: string): string[] {
  const open = key.indexOf("[");
  if (open <= 0) return [key];
  const tail = key.slice(open);
  if (!/^(?:\[[^[\]]*\])+$/.test(tail)) return [key];
  const path = [key.slice(0, open), ...tail.slice(1, -1).split("][")];
  if (path.length > maxDepth) throw createInvalidRequest({ message: "Parameters are nested too deeply" });
  return path;
}

function assignPath(root: FormObject, path: readonly string[], value: string): void {
  let node = root;
  for (const segment of path.slice(0, -1)) {
    const key = resolveKey(node, segment);
    const next = node[key] ?? createNode();
    if (typeof next === "string") throw createInvalidRequest({ message: "Invalid hash", param: path[0] ?? "" });
    node[key] = next;
    node = next;
  }
  const leaf = resolveKey(node, path.at(-1) ?? "");
  if (typeof node[leaf] === "object") throw createInvalidRequest({ message: "Invalid string", param: path[0] ?? "" });
  node[leaf] = value;
}

function resolveKey(node: FormObject, segment: string): string {
  return segment === "" ? String(Object.keys(node).length) : segment;
}
