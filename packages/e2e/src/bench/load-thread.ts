import { connect, type Socket } from "node:net";
import { constants, setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { percentile } from "./statistics.ts";

/** What a load consists of; bodies are used in turn, so that every request can be different. */
export interface LoadPlan {
  url: string;
  path: string;
  headers: Record<string, string>;
  bodies: string[];
  /** What each body has besides, such as its signature. */
  headersOfBody?: Record<string, string>[];
  connections: number;
  /** Requests in all; the load ends when they are answered. */
  requests: number;
  /** Nothing is sent after this; {@link SECONDS_MAX} unless told. */
  secondsMax?: number;
  /** Shortest time between two requests of one connection; 0 unless told. */
  paceMs?: number;
  /** Leaves the processor to others whenever they want it. */
  yields?: boolean;
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

/** What one connection sends, and where what it learns goes. */
interface Traffic {
  next: () => Buffer | undefined;
  onAnswer: (status: string, ms: number) => void;
  paceMs: number;
}

const HEADER_END = Buffer.from("\r\n\r\n");
const SECONDS_MAX = 60;

/** One keep-alive connection that sends a request, waits for its whole answer, and sends the next. */
function drive(socket: Socket, { next, onAnswer, paceMs }: Traffic): Promise<void> {
  return new Promise((resolve, reject) => {
    let pending = Buffer.alloc(0);
    let sentAt = 0;
    const send = (): void => {
      const request = next();
      if (request === undefined) {
        resolve();
        socket.end();
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
      const tookMs = performance.now() - sentAt;
      onAnswer(status, tookMs);
      if (paceMs > tookMs) setTimeout(send, paceMs - tookMs);
      else send();
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the connection was closed before its last answer")));
    socket.once("connect", send);
  });
}

async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  // On Linux a thread has a priority of its own.
  if (plan.yields === true) setPriority(constants.priority.PRIORITY_LOW);
  const { hostname, port } = new URL(plan.url);
  const requests = plan.bodies.map((body, index) => {
    const headers = { host: hostname, ...plan.headers, ...plan.headersOfBody?.[index] };
    return encodeRequest(plan.path, headers, body);
  });
  const latenciesMs: number[] = [];
  const statuses: Record<string, number> = {};
  const startedAt = performance.now();
  const stopAt = startedAt + (plan.secondsMax ?? SECONDS_MAX) * 1_000;
  let sent = 0;
  const next = (): Buffer | undefined => {
    if (sent >= plan.requests || performance.now() >= stopAt) return undefined;
    sent += 1;
    return requests[(sent - 1) % requests.length];
  };
  const onAnswer = (status: string, ms: number): void => {
    statuses[status] = (statuses[status] ?? 0) + 1;
    latenciesMs.push(ms);
  };
  await Promise.all(
    Array.from({ length: plan.connections }, () => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true });
      return drive(socket, { next, onAnswer, paceMs: plan.paceMs ?? 0 });
    }),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  return {
    requests: latenciesMs.length,
    seconds,
    perSecond: latenciesMs.length / seconds,
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
    statuses,
  };
}

function encodeRequest(path: string, headers: Record<string, string>, body: string): Buffer {
  const lines = Object.entries({ ...headers, "content-length": String(Buffer.byteLength(body)) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n${body}`);
}

// A thread has no origin.
// oxlint-disable-next-line unicorn/require-post-message-target-origin
parentPort?.postMessage(await runLoad(workerData as LoadPlan));
