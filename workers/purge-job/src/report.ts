import { z } from "zod";

const Refused = z
  .record(z.string(), z.int())
  .describe("Tenants waiting for deletion that will not be purged, by reason.");

/** Report of a run. It names purges, never tenants: reports outlive them. */
export const PurgeReport = z.object({
  started: z.int(),
  continued: z.int().describe("Purges begun by an earlier run."),
  completed: z.int(),
  waiting: z.int().describe("Purges that wait: for Stripe or its key, a deprovision, the tenant's last bill."),
  held: z.int().describe("Purges that a legal hold stopped."),
  failed: z.int(),
  changed_meanwhile: z.int().describe("Due tenants that changed between plan and start."),
  subscription_alive: z.int().describe("Due tenants left alone: a subscription of their customer has not ended."),
  cap: z.int().describe("Tenants that the run may start on."),
  beyond_cap: z.int().describe("Due tenants above the cap."),
  remaining: z.int().describe("Due tenants within the cap that there was no time for."),
  stopped_early: z.boolean(),
  refused: Refused,
  swept: z.int().describe("Rows and objects that turned up after an earlier purge."),
  purges: z.array(
    z.object({
      purge_id: z.string(),
      outcome: z.enum(["completed", "waiting", "held", "stopped_early", "elsewhere", "failed"]),
      step: z.string().exactOptional(),
      reason: z.string().exactOptional(),
    }),
  ),
  not_configured: z.array(z.string()).exactOptional(),
});
export type PurgeReport = z.infer<typeof PurgeReport>;

/** What a dry run prints: the plan of the real run, with what each store holds. */
export const PurgePreview = z.object({
  dry_run: z.literal(true),
  cap: z.int(),
  beyond_cap: z.int(),
  refused: Refused,
  continuing: z.array(z.string()).describe("Purges under way, which a real run carries on first."),
  plans: z.array(
    z.object({
      tenant_id: z.string(),
      purge_after: z.string().nullable(),
      stores: z.record(z.string(), z.int()),
    }),
  ),
});
export type PurgePreview = z.infer<typeof PurgePreview>;

/** The answer to the manual trigger. */
export const PurgeAnswer = z.union([
  z.object({ run_id: z.string(), report: PurgeReport }),
  z.object({ run_id: z.null(), report: PurgePreview }),
]);

export const createEmptyReport = (): PurgeReport => ({
  started: 0,
  continued: 0,
  completed: 0,
  waiting: 0,
  held: 0,
  failed: 0,
  changed_meanwhile: 0,
  subscription_alive: 0,
  cap: 0,
  beyond_cap: 0,
  remaining: 0,
  stopped_early: false,
  refused: {},
  swept: 0,
  purges: [],
});
