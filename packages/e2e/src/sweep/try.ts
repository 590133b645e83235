import { startHarness } from "./harness.ts";
import { sweepCalls } from "./call-sweep.ts";
import { startOfSweep } from "./usage-sweep.ts";
const h = await startHarness();
const r = await sweepCalls(h, {seed:42,startMs:startOfSweep(Date.now()),stride:1,sites:["object_sql"]});
console.log(r.points, r.failures);
await h.close();
