import { connect, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

/** What a load consists of; bodies are used in turn, so that every request can be different. */
export interface LoadPlan {
  url: string;
  path: string;
  headers: Record<string, string>;
  bodies: string[];
  connections: number;
  /** Requests in all; the load ends when they are answered. */
  requests: number;
}

/** What came of it. */
export interface LoadResult {
  requests: number;
  seconds: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Answers by status. */
  statuses: Record<string, number>;
}

const HEADER_END = Buffer.from("\r\n\r\n");

/** One keep-alive connection that sends a request, waits for its whole answer, and sends the next. */
function drive(socket: Socket, next: () => Buffer | undefined, onAnswer: (status: string, ms: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let pending = Buffer.alloc(0);
    let sentAt = 0;
    const send = (): void => {
      const request = next();
      if (request === undefined) {
        socket.end();
        resolve();
        return;
      }
      sentAt = performance.now();
      socket.write(request);
    };
    socket.on("data", (chunk) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const end = pending.indexOf(HEADER_END);
      if (end < 0) return;
      const head = pending.subarray(0, end).toString("latin1");
      const status = head.slice(9, 12);
      const length = status === "204" ? 0 : Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN);
      if (Number.isNaN(length)) {
        reject(new Error(`an answer without content-length: ${head.slice(0, 80)}`));
        return;
      }
      if (pending.length < end + HEADER_END.length + length) return;
      pending = pending.subarray(end + HEADER_END.length + length);
      onAnswer(status, performance.now() - sentAt);
      send();
    });
    socket.once("error", reject);
    socket.once("connect", send);
  });
}

async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const { hostname, port } = new URL(plan.url);
  const requests = plan.bodies.map((body) => encodeRequest(plan, hostname, body));
  const latenciesMs: number[] = [];
  const statuses: Record<string, number> = {};
  let sent = 0;
  const next = (): Buffer | undefined => {
    if (sent >= plan.requests) return undefined;
    sent += 1;
    return requests[(sent - 1) % requests.length];
  };
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: plan.connections }, () => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true });
      return drive(socket, next, (status, ms) => {
        statuses[status] = (statuses[status] ?? 0) + 1;
        latenciesMs.push(ms);
      });
    }),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  const sorted = Float64Array.from(latenciesMs).toSorted();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return {
    requests: latenciesMs.length,
    seconds,
    perSecond: latenciesMs.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    statuses,
  };
}

function encodeRequest(plan: LoadPlan, host: string, body: string): Buffer {
  const headers = Object.entries({ host, ...plan.headers, "content-length": String(Buffer.byteLength(body)) });
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`POST ${plan.path} HTTP/1.1\r\n${head}\r\n${body}`);
}

parentPort?.postMessage(await runLoad(workerData as LoadPlan));
