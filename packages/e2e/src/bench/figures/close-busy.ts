import { startCloseBench } from "../close-bench.ts";
import { closeFleet } from "../close-fleet-runs.ts";
import { formatNumber, makeFigure, type Report } from "../figure.ts";
import { findChargeFaults, PLAIN_HOURS, storePlainFleet } from "../plain-fleet.ts";
import type { Scale } from "../scale.ts";

/** As many as a tenant may have. */
const METERS = 1_000;
const MEMORY_MB_MAX = 64;
const MB = 1024 * 1024;

/** What the close of one tenant takes who used every meter in every hour of the month. */
export async function measureCloseBusy(scale: Scale): Promise<Report> {
  const fleet = { tenants: 1, meters: scale.count(METERS), hours: PLAIN_HOURS, seed: scale.seed };
  const bench = await startCloseBench({ heapMbMax: MEMORY_MB_MAX });
  try {
    await storePlainFleet(bench, fleet);
    const { runs, heapBytes } = await closeFleet(bench);
    const faults = findChargeFaults(bench, fleet);
    const cpuMs = runs.reduce((sum, run) => sum + run.cpuMs, 0);
    return {
      figures: [
        makeFigure({
          figure: "close_memory_of_a_busy_tenant",
          value: heapBytes / MB,
          unit: "MB",
          baseline:
            `1 tenant x ${formatNumber(fleet.meters)} meters x ${PLAIN_HOURS} hours, ${formatNumber(cpuMs / 1_000)} s of CPU; ` +
            `${faults.length} charges doubled, lost or wrong`,
          target: { atMost: faults.length === 0 ? MEMORY_MB_MAX : 0 },
        }),
      ],
      notes: [...faults.slice(0, 5), ...bench.runtime.errors].map((fault) => `close of a busy tenant: ${fault}`),
    };
  } finally {
    await bench.close();
  }
}
