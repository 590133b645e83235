import type Stripe from "stripe";
import type { EmulatorContext } from "./context.ts";
import type { MeterErrorCode, MeterFailure } from "./meter-events.ts";
import { emitThinEvent } from "./thin-events.ts";
import type { Wire } from "./wire.ts";

type ReportData = Stripe.V2.Core.Events.V1BillingMeterErrorReportTriggeredEvent["data"];

/** Stripe shows samples only: the sender must know by itself what else it sent. */
const maxSamples = 5;

/** Turns the failures gathered so far into one thin event per meter. */
export function reportMeterFailures(context: EmulatorContext): void {
  const failures = context.state.meterFailures;
  if (failures.length === 0) return;
  context.state.meterFailures = [];
  for (const [meter, group] of Map.groupBy(failures, (failure) => failure.meter)) {
    const data = describeFailures(context, group);
    if (meter === null) emitThinEvent(context, { type: "v1.billing.meter.no_meter_found", data });
    else {
      const related = { id: meter, type: "billing.meter", url: `/v1/billing/meters/${meter}` };
      emitThinEvent(context, { type: "v1.billing.meter.error_report_triggered", data, related });
    }
  }
}

function describeFailures(context: EmulatorContext, group: readonly MeterFailure[]) {
  const byCode = [...Map.groupBy(group, (failure) => failure.code)];
  const firstMs = group.reduce((least, failure) => Math.min(least, failure.at_ms), context.nowMs());
  return {
    developer_message_summary: `There is ${group.length} invalid event${group.length === 1 ? "" : "s"}`,
    reason: { error_count: group.length, error_types: byCode.map(([code, some]) => describeCode(code, some)) },
    validation_end: new Date(context.nowMs()).toISOString(),
    validation_start: new Date(firstMs).toISOString(),
  } satisfies Wire<ReportData>;
}

function describeCode(code: MeterErrorCode, group: readonly MeterFailure[]) {
  return {
    code,
    error_count: group.length,
    sample_errors: group.slice(0, maxSamples).map((failure) => ({
      error_message: failure.message,
      request: { identifier: failure.identifier },
    })),
  } satisfies Wire<ReportData["reason"]["error_types"][number]>;
}
