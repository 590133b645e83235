import { once } from "node:events";
import { createServer } from "node:net";

/** Refuses with a sentence for people when something else listens on a port of loopback. */
export async function assertPortFree(port: number): Promise<void> {
  const probe = createServer();
  probe.listen(port, "127.0.0.1");
  try {
    await once(probe, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") {
      throw new Error(`Port ${port} is in use. Stop what listens there, or start with --port <number>.`, {
        cause: error,
      });
    }
    throw error;
  }
  probe.close();
  await once(probe, "close");
}
