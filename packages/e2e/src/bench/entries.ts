import path from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of an entry module: one of this folder, or one of a worker by its package name. */
export function entryOf(name: string): string {
  if (name.startsWith("@prego/")) return fileURLToPath(import.meta.resolve(name));
  return path.join(import.meta.dirname, name);
}
