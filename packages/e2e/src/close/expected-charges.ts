import type { Fleet, FleetTenant } from "./fleet.ts";
import type { ExpectedLine } from "./oracle.ts";

/** What is read of a charge as preview and dry run print it. */
export interface PrintedCharge {
  meter_key: string;
  corrected_cycle: string;
  mode: string;
  payload: { value?: string; amount?: string; amount_reason?: string };
}

/** Where a close stands: which of the two cycles it is about. */
interface Close {
  cycles: Fleet["cycles"];
  cycle: string;
}

/** The charges of a tenant's lines, each as text: what Stripe cannot price goes as an amount, and says why. */
export const expectCharges = (tenant: FleetTenant, lines: readonly ExpectedLine[], close: Close): string[] =>
  lines.flatMap((line) => {
    const about = [line.meterKey, line.correctedCycle];
    const reason = tenant.plan.mode === "meter_event" ? amountReason(tenant, line, close) : "";
    const charge = reason === undefined ? ["meter_event", line.units, ""] : ["invoice_item", line.amountMinor, reason];
    return charge[1] === 0n ? [] : [[...about, ...charge].join(" ")];
  });

/** A charge as it is printed, as the same text. */
export const textOfCharge = ({ meter_key: meter, corrected_cycle: corrected, mode, payload }: PrintedCharge): string =>
  [meter, corrected, mode, payload.value ?? payload.amount, payload.amount_reason ?? ""].join(" ");

/** Undefined when Stripe prices it. Who came back in the second cycle has a subscription that no event of the first one meets. */
function amountReason({ subscription, plan }: FleetTenant, line: ExpectedLine, close: Close): string | undefined {
  switch (subscription) {
    case "running": {
      if (line.units < 0n) return "negative_units";
      const isFlat = plan.meters.find(({ meterKey }) => meterKey === line.meterKey)?.price.model === "flat";
      return line.correctedCycle === close.cycle || isFlat ? undefined : "share_of_tiers";
    }
    case "ended":
      return "no_live_subscription";
    case "moved":
      return "plan_left";
    case "back":
      if (close.cycle === close.cycles.first) return "subscribed_later";
      if (line.units < 0n) return "negative_units";
      return line.correctedCycle === close.cycle ? undefined : "corrects_an_amount";
  }
}
