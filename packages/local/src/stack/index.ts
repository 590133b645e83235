export { listCronTriggers, type CronTrigger } from "./cron-clock.ts";
export { startEphemeralStack, type EphemeralStack, type EphemeralStackOptions } from "./ephemeral-stack.ts";
export { LOCAL_SECRETS, type Endpoints } from "./settings.ts";
