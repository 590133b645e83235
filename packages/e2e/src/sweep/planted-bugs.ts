import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Plugin } from "esbuild";
import type { CallSite } from "./fault-plan.ts";

/** A known bug, as a change of one source file of a worker. */
interface PlantedBug {
  file: string;
  /** Calls at which it shows soonest. */
  sites: readonly CallSite[];
  changes: readonly (readonly [correct: string, wrong: string])[];
}

/** Bugs that the sweep must see, by name. */
export const PLANTED_BUGS: Readonly<Record<string, PlantedBug>> = {
  "ack-before-commit": {
    file: "usage-writer/src/buffer/usage-buffer.ts",
    sites: ["object_sql"],
    changes: [
      [
        "this.#storage.insertGroup(state.nextSeq, rows, replays, nowMs);",
        "const at = state.nextSeq; setTimeout(() => this.#storage.insertGroup(at, rows, replays, nowMs), 0);",
      ],
    ],
  },
  "delete-before-outbox": {
    file: "usage-writer/src/buffer/flush.ts",
    sites: ["buffer"],
    changes: [
      ["  forget(context, plan, hours);\n  context.log", "  context.log"],
      ["  if ((await store.recordObjects", "  forget(context, plan, hours);\n  if ((await store.recordObjects"],
    ],
  },
  "seen-before-stored": {
    file: "usage-writer/src/buffer/usage-buffer.ts",
    sites: ["object_sql"],
    changes: [["it is rebuilt from what was.\n      this.#state = undefined;", "it is kept as it is."]],
  },
  "upsert-at-least-once": {
    file: "usage-aggregator/src/store/rollups.ts",
    sites: ["aggregator"],
    changes: [["        requireChanged(plan.seqs.length),\n", ""]],
  },
};

/**
 * Plants a bug while the workers are bundled; their sources stay as they are.
 * @throws Error if there is no such bug, or if the text it changes is not there exactly once.
 */
export function plantBug(name: string): Plugin {
  const bug = PLANTED_BUGS[name];
  if (bug === undefined) throw new Error(`no bug ${name}; there are ${Object.keys(PLANTED_BUGS).join(", ")}`);
  return {
    name: "planted-bug",
    setup(build) {
      let planted = false;
      build.onLoad({ filter: /\.ts$/ }, async (file) => {
        if (!file.path.split(path.sep).join("/").endsWith(bug.file)) return undefined;
        planted = true;
        return { contents: changeText(await readFile(file.path, "utf8"), bug), loader: "ts" };
      });
      build.onEnd(() => {
        if (!planted) throw new Error(`${bug.file} is not in the bundle`);
      });
    },
  };
}

function changeText(text: string, { file, changes }: PlantedBug): string {
  return changes.reduce((changed, [correct, wrong]) => {
    const parts = changed.split(correct);
    if (parts.length !== 2) throw new Error(`${file} holds the text to change ${parts.length - 1} times: ${correct}`);
    return parts.join(wrong);
  }, text);
}
