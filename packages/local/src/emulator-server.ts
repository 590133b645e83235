import { serve, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ConnectionDropped } from "./connection-dropped.ts";

export interface EmulatorApp {
  fetch(request: Request): Promise<Response>;
}

export interface EmulatorServer {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Serves an emulator on loopback. Port 0 lets the system choose. */
export async function serveEmulator(app: EmulatorApp, port = 0): Promise<EmulatorServer> {
  const server = serve({
    hostname: "127.0.0.1",
    port,
    overrideGlobalObjects: false,
    fetch: (request, env) => answerOrDrop(app, request, env as HttpBindings),
  }) as Server;
  if (!server.listening) await once(server, "listening");
  const bound = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${bound.port}`,
    port: bound.port,
    close: () => closeServer(server),
  };
}

async function answerOrDrop(app: EmulatorApp, request: Request, env: HttpBindings): Promise<Response> {
  try {
    return await app.fetch(request);
  } catch (error) {
    if (!(error instanceof ConnectionDropped)) throw error;
    env.incoming.socket.destroy();
    return RESPONSE_ALREADY_SENT;
  }
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
