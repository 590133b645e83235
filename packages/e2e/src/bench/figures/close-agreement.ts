import { cycleOf, previousCycle } from "@prego/core/period";
import { compareFleet } from "../../close/compare-fleet.ts";
import { drawFleet } from "../../close/fleet.ts";
import { startCloseBench } from "../close-bench.ts";
import { formatNumber, makeFigure, type Report } from "../figure.ts";
import type { Scale } from "../scale.ts";

const TENANTS = 1_000;
const DIFFERENCES_SHOWN = 5;

/** Lines of a random fleet that preview, close, raw lines and an independent arithmetic do not agree about. */
export async function measureCloseAgreement(scale: Scale): Promise<Report> {
  // The aggregator goes by the real clock, so both cycles are over.
  const second = previousCycle(cycleOf(Date.now()));
  const cycles = { first: previousCycle(second), second };
  const fleet = drawFleet(scale.seed, scale.count(TENANTS), cycles);
  const bench = await startCloseBench({ sendsTo: "nobody" });
  const { database, bucket, clock } = bench;
  try {
    const host = {
      database,
      bucket,
      aggregate: async () => {
        const pending = database.prepare("SELECT count(*) AS pending FROM usage_objects WHERE status = 'pending'");
        while ((await pending.first<number>("pending")) !== 0) await bench.aggregate();
      },
      close: async (atMs: number) => {
        clock.nowMs = atMs;
        const { failed } = await bench.run();
        if (failed !== 0) throw new Error(`a close ended with ${failed ?? "an exception"}`);
      },
      call: <T>(method: "GET" | "POST", path: string, atMs: number): Promise<T> => {
        clock.nowMs = atMs;
        return bench.call<T>(method, path);
      },
    };
    const { differences, ...seen } = await compareFleet(host, fleet, 1);
    const previews = 2 * fleet.tenants.length;
    return {
      figures: [
        makeFigure({
          figure: "close_differs_from_preview_raw_lines_or_oracle",
          value: differences.length,
          unit: "lines",
          baseline: `${formatNumber(seen.lines)} lines of ${formatNumber(fleet.tenants.length)} tenants in two cycles, ${formatNumber(seen.lateLines)} of late usage, ${formatNumber(seen.recomputed)} recomputed`,
          target: { exactly: 0 },
        }),
      ],
      notes: [
        `Close: a preview took ${formatNumber(seen.previewMs / previews)} ms, a line's recomputation from raw lines ${formatNumber(seen.recomputeMs / seen.recomputed)} ms, ` +
          "each through the worker, four at a time, D1 and R2 in another process.",
        ...differences.slice(0, DIFFERENCES_SHOWN).map((difference) => `close differs: ${difference}`),
      ],
    };
  } finally {
    await bench.close();
  }
}
