import { parseArgs } from "node:util";
import { startDevStack } from "./stack/dev-stack.ts";

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

try {
  const stack = await startDevStack({ port, reset: values.reset });
  const stop = async (): Promise<void> => {
    console.log("\nStopping …");
    await stack.close();
    process.exit(0);
  };
  process.once("SIGINT", () => void stop());
  process.once("SIGTERM", () => void stop());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
