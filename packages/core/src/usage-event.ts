export {
  eventContent,
  eventKey,
  USAGE_REJECTIONS,
  type UsageEvent,
  type UsageEventContext,
  type UsageEventError,
  type UsageEventResult,
  type UsageRejection,
} from "./usage-event/event.ts";
export { ExactJsonError, ExactNumber, parseExactJson, QUANTITY_KEYS } from "./usage-event/exact-json.ts";
export { DEFAULT_METER_KEY, parseUsageEvent } from "./usage-event/native-form.ts";
export { countedValue } from "./usage-event/counted-value.ts";
export { type CloudEventContext, cloudEventFromHeaders, parseCloudEvent } from "./usage-event/cloud-event.ts";
export {
  formatUsageLine,
  parseUsageLine,
  USAGE_LINE_CHARS_MAX,
  type UsageLine,
  type UsageLineResult,
} from "./usage-event/usage-line.ts";
