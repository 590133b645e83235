import { parseArgs } from "node:util";
import { startDevStack, type DevStack } from "./stack/dev-stack.ts";
import { stopAllProcesses } from "./stack/wrangler-process.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "8787" },
    reset: { type: "boolean", default: false },
  },
});
const port = Number(values.port);
if (!Number.isInteger(port) || port < 1 || port > 65_533) {
  console.error("--port takes a number from 1 to 65533.");
  process.exit(2);
}

let stack: DevStack | undefined;
let stopping = false;

/** Stops whatever runs by now: a stack that is ready, or the processes of one that is still starting. */
async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  console.log("\nStopping …");
  await stack?.close();
  await stopAllProcesses();
  process.exit(code);
}

process.on("SIGINT", () => void stop(0));
process.on("SIGTERM", () => void stop(0));

try {
  stack = await startDevStack({
    port,
    reset: values.reset,
    onLost: (reason) => {
      console.error(reason);
      void stop(1);
    },
  });
} catch (error) {
  if (!stopping) {
    console.error(error instanceof Error ? error.message : error);
    await stopAllProcesses();
    process.exit(1);
  }
}
