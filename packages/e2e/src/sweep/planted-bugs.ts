import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Plugin } from "esbuild";

/** A known bug, as a change of the source files of a worker. */
export interface PlantedBug<Site extends string = string> {
  /** Calls at which it shows soonest; none if only several runs at once show it. */
  sites: readonly Site[];
  changes: readonly SourceChange[];
}

interface SourceChange {
  file: string;
  correct: string;
  wrong: string;
}

/** @throws Error if there is no such bug. */
export function findBug<B>(bugs: Readonly<Record<string, B>>, name: string): B {
  const bug = bugs[name];
  if (bug === undefined) throw new Error(`no bug ${name}; there are ${Object.keys(bugs).join(", ")}`);
  return bug;
}

/**
 * Plants a bug while the workers are bundled; their sources stay as they are.
 * @throws Error if the text it changes is not there exactly once.
 */
export function plantBug({ changes }: PlantedBug): Plugin {
  return {
    name: "planted-bug",
    setup(build) {
      const planted = new Set<string>();
      build.onLoad({ filter: /\.ts$/ }, async (file) => {
        const name = file.path.split(path.sep).join("/");
        const inFile = changes.filter((change) => name.endsWith(change.file));
        if (inFile.length === 0) return undefined;
        for (const change of inFile) planted.add(change.file);
        return { contents: changeText(await readFile(file.path, "utf8"), inFile), loader: "ts" };
      });
      build.onEnd(() => {
        const missing = changes.find((change) => !planted.has(change.file));
        if (missing !== undefined) throw new Error(`${missing.file} is not in the bundle`);
      });
    },
  };
}

function changeText(text: string, changes: readonly SourceChange[]): string {
  return changes.reduce((changed, { file, correct, wrong }) => {
    const parts = changed.split(correct);
    if (parts.length !== 2) throw new Error(`${file} holds the text to change ${parts.length - 1} times: ${correct}`);
    return parts.join(wrong);
  }, text);
}
