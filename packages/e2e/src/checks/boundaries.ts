import path from "node:path";
import type { SourceFile } from "./source-files.ts";

/** A broken rule of docs/architecture.md. */
export interface Violation {
  file: string;
  rule: string;
}

const isTest = (file: string): boolean => /\.test\.ts$|-test-kit\.ts$|vitest\.config\.ts$/.test(file);

/** Which part of the repository a file belongs to, such as `workers/cycle-close` or `packages/core`. */
const partOf = (file: string): string => file.split("/").slice(0, 2).join("/");

function targetPart(source: SourceFile, specifier: string): string | undefined {
  if (specifier.startsWith(".")) {
    return partOf(path.posix.join(path.posix.dirname(source.path), specifier));
  }
  const name = /^@prego\/([^/]+)/.exec(specifier)?.[1];
  if (name === undefined) return undefined;
  return ["core", "local", "e2e", "dashboard"].includes(name) ? `packages/${name}` : `workers/${name}`;
}

/**
 * Rule 1: a worker imports packages/core and itself; core imports nothing of ours; only e2e, which drives the stack, imports
 * packages/local, and nothing imports e2e (vitest configurations share its project definition).
 * Rule 2: only store files and core's schema and store import drizzle.
 */
export function findViolations(sources: readonly SourceFile[]): Violation[] {
  return sources.flatMap((source) => source.imports.flatMap((specifier) => violationsOf(source, specifier)));
}

function violationsOf(source: SourceFile, specifier: string): Violation[] {
  const from = partOf(source.path);
  const to = targetPart(source, specifier);
  const found: Violation[] = [];
  const report = (rule: string) => found.push({ file: source.path, rule: `${rule} (imports ${specifier})` });
  if (to !== undefined && to !== from) {
    if (from.startsWith("workers/") && to !== "packages/core" && !isTest(source.path)) report("1: worker boundary");
    if (from.startsWith("workers/") && to.startsWith("workers/")) report("1: worker imports a worker");
    if (from === "packages/core") report("1: core imports nothing of ours");
    if (to === "packages/local" && from !== "packages/e2e") report("1: only e2e drives packages/local");
    if (to === "packages/e2e" && !source.path.endsWith("vitest.config.ts")) report("1: nothing imports packages/e2e");
  }
  if (specifier.startsWith("drizzle-orm") && !mayUseDrizzle(source.path)) report("2: drizzle outside store");
  if (from === "packages/core" && /^(node:|cloudflare:)/.test(specifier) && !isTest(source.path)) {
    report("core runs anywhere");
  }
  return found;
}

const mayUseDrizzle = (file: string): boolean =>
  isTest(file) ||
  file.startsWith("packages/e2e/") ||
  /^packages\/core\/src\/(schema|store)\//.test(file) ||
  /^workers\/[^/]+\/src\/(store\.ts|store\/)/.test(file);
