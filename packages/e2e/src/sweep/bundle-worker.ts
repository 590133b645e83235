import path from "node:path";
import { bundleEntry } from "../bundle-entry.ts";
import { plantBug, type PlantedBug } from "./planted-bugs.ts";

/** Bundles a harness's worker, an entry file of this folder, with a planted bug if one is given. */
export const bundleWorker = (entry: string, bug?: PlantedBug): Promise<string> =>
  bundleEntry(path.join(import.meta.dirname, entry), bug === undefined ? [] : [plantBug(bug)]);
