import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

/** Root of the checkout. */
export const ROOT = path.resolve(import.meta.dirname, "../../../..");

/** A source file with the modules it imports. */
export interface SourceFile {
  /** Path from the root, with forward slashes. */
  path: string;
  text: string;
  imports: string[];
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+"([^"]+)"|(?:^|\n)\s*import\s+"([^"]+)"|import\("([^"]+)"\)/g;

/** Files that git tracks or would track, below the given folders. */
export function listFiles(...folders: string[]): string[] {
  const output = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...folders], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return output.split("\n").filter((file) => file !== "" && existsSync(path.join(ROOT, file)));
}

/** TypeScript sources below the given folders, with their imports. */
export function readSources(...folders: string[]): SourceFile[] {
  return listFiles(...folders)
    .filter((file) => file.endsWith(".ts") && !file.includes("/fixtures/"))
    .map((file) => readSource(file));
}

/** Reads one source file by its path from the root. */
export function readSource(file: string): SourceFile {
  const text = readFileSync(path.join(ROOT, file), "utf8");
  return { path: file, text, imports: importsOf(text) };
}

/** Modules that a text imports or re-exports, dynamic imports included. */
export const importsOf = (text: string): string[] =>
  [...text.matchAll(IMPORT)].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? "");
