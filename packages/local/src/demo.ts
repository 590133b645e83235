import { createNarrator } from "./demo/narrator.ts";
import { closeMonth, lastMonth, leaveAndPurge, lookBack, paymentToActive, reportUsage, rollUp } from "./demo/story.ts";
import { createWorld } from "./demo/world.ts";

const tell = createNarrator(process.stdout, () => Date.now());
tell.say("Prego: one customer's month, from payment to deletion, on a stack that is gone afterwards.");
const world = await createWorld();

process.once("SIGINT", () => {
  void world.close().finally(() => process.exit(130));
});

let agreed = false;
try {
  const month = lastMonth(Date.now());
  const customer = await paymentToActive(world, tell);
  const load = await reportUsage(world, tell, customer, month);
  await rollUp(world, tell, customer, load);
  await closeMonth(world, tell, { customer, load, month });
  await leaveAndPurge(world, tell, customer);
  await lookBack(world, tell, customer);
  agreed = tell.finish();
} finally {
  await world.close();
}
process.exitCode = agreed ? 0 : 1;
