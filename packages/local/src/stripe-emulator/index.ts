export { ConnectionDropped, serveEmulator } from "../emulator-server.ts";
export { createStripeEmulator } from "./emulator.ts";
export type { EmulatorServer } from "../emulator-server.ts";
export type { StripeEmulatorOptions } from "./context.ts";
export type { DeliveryHabits, WebhookEndpoint } from "./delivery-queue.ts";
export type { DeliveryReport } from "./delivery.ts";
export type { StripeEmulator } from "./emulator.ts";
export type { Fault, FaultPlan } from "./faults.ts";
export type { StripeSeed } from "./seed.ts";
