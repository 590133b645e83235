export {
  findMissingFunnelFields,
  FUNNEL_EVENTS,
  FUNNEL_SOURCES,
  isFunnelEventType,
  type FunnelEventClaim,
  type FunnelEventType,
  type FunnelSource,
} from "./funnel/dictionary.ts";
export { emailDomain, fingerprintEmail, fingerprintSubject } from "./funnel/fingerprint.ts";
export {
  FUNNEL_MESSAGE_CHARS_MAX,
  FUNNEL_PAYLOAD_BYTES_MAX,
  redactFunnelMessage,
  redactFunnelPayload,
} from "./funnel/redaction.ts";
