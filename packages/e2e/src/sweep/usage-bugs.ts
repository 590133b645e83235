import type { CallSite } from "./fault-plan.ts";
import type { PlantedBug } from "./planted-bugs.ts";

const FLUSH = "usage-writer/src/buffer/flush.ts";
const BUFFER = "usage-writer/src/buffer/usage-buffer.ts";

/** Bugs that the sweep of the usage path must see, by name. */
export const USAGE_BUGS: Readonly<Record<string, PlantedBug<CallSite>>> = {
  "ack-before-commit": {
    sites: ["object_sql"],
    changes: [
      {
        file: BUFFER,
        correct: "this.#storage.insertGroup(state.nextSeq, rows, notes, nowMs);",
        wrong: "const at = state.nextSeq; setTimeout(() => this.#storage.insertGroup(at, rows, notes, nowMs), 0);",
      },
    ],
  },
  "backoff-without-alarm": {
    sites: ["buffer"],
    changes: [{ file: BUFFER, correct: "      await this.ctx.storage.setAlarm(this.#alarmAtMs);\n", wrong: "" }],
  },
  "delete-before-outbox": {
    sites: ["buffer"],
    changes: [
      { file: FLUSH, correct: "  forget(context, plan, hours);\n  context.log", wrong: "  context.log" },
      {
        file: FLUSH,
        correct: "  if (objects.length > 0 && (await store.recordObjects",
        wrong: "  forget(context, plan, hours);\n  if (objects.length > 0 && (await store.recordObjects",
      },
    ],
  },
  "seen-before-stored": {
    sites: ["object_sql"],
    changes: [
      {
        file: BUFFER,
        correct: "it is rebuilt from what was.\n      this.#state = undefined;",
        wrong: "it is kept as it is.",
      },
    ],
  },
  "upsert-at-least-once": {
    sites: ["aggregator"],
    changes: [
      {
        file: "usage-aggregator/src/store/rollups.ts",
        correct: "        requireChanged(plan.seqs.length),\n",
        wrong: "",
      },
    ],
  },
};
