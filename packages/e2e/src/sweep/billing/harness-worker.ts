import type { SharedBindings } from "@prego/core/http";
import type { BillingCommand } from "./fault-plan.ts";
import { makeRefusedStage } from "./refused-stage.ts";
import { runPoint } from "./run-point.ts";
import { runSchedule } from "./run-schedule.ts";
import { createWorld, type World } from "./world.ts";

// One isolate holds the workers, Stripe and the clock, so that a point is one request and nothing waits for a network.
let world: World | undefined;

async function obey(command: BillingCommand, bindings: SharedBindings): Promise<unknown> {
  if (command.do === "fleet") {
    world = await createWorld(bindings, command.seed);
    await makeRefusedStage(world);
    return { tenants: world.fleet.length };
  }
  if (world === undefined) throw new Error("no fleet was seeded");
  return command.do === "point" ? runPoint(world, command.stage, command.faults) : runSchedule(world, command.seed);
}

export default {
  async fetch(request: Request, env: SharedBindings): Promise<Response> {
    try {
      return Response.json(await obey(await request.json<BillingCommand>(), env));
    } catch (error) {
      return new Response(error instanceof Error ? (error.stack ?? error.message) : "unknown", { status: 500 });
    }
  },
};
