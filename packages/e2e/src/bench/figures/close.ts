import type { Report } from "../figure.ts";
import type { Scale } from "../scale.ts";
import { measureCloseAgreement } from "./close-agreement.ts";
import { measureCloseBusy } from "./close-busy.ts";
import { measureCloseCuts } from "./close-cuts.ts";
import { measureCloseFleet } from "./close-fleet.ts";

/** The month close of a fleet: right to the last digit, what it takes, and that it may be cut off anywhere. */
export async function measureClose(scale: Scale): Promise<Report> {
  const parts = [
    await measureCloseAgreement(scale),
    await measureCloseFleet(scale),
    await measureCloseBusy(scale),
    await measureCloseCuts(scale),
  ];
  return { figures: parts.flatMap(({ figures }) => figures), notes: parts.flatMap(({ notes }) => notes) };
}
