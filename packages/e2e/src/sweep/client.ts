import type { SentEvent } from "./event-source.ts";
import type { Harness } from "./harness.ts";
import type { Ledger } from "./ledger.ts";

/** How a request carries its events; `keyed` ones have no ids and rest on the Idempotency-Key. */
export type RequestForm = "single" | "array" | "lines" | "keyed";

/** A request that is sent, the same to the byte, until it is answered with 2xx. */
export interface UsageRequest {
  events: readonly SentEvent[];
  body: string;
  headers: Record<string, string>;
}

export function formRequest(events: readonly SentEvent[], form: RequestForm): UsageRequest {
  const [first] = events;
  const bodies = events.map(({ fields, id }) => JSON.stringify(form === "keyed" ? fields : { ...fields, id }));
  const json = { "content-type": "application/json" };
  switch (form) {
    case "single":
      return { events: events.slice(0, 1), body: bodies[0] ?? "", headers: json };
    case "array":
      return { events, body: `[${bodies.join(",")}]`, headers: json };
    case "lines":
      return { events, body: bodies.join("\n"), headers: { "content-type": "application/x-ndjson" } };
    case "keyed":
      return { events, body: `[${bodies.join(",")}]`, headers: { ...json, "idempotency-key": `key-${first?.id}` } };
  }
}

interface Answer {
  results: { status: string; reason?: string }[];
}

/** Sends requests and tells the ledger what was acknowledged. What is not acknowledged waits to be sent again. */
export class Client {
  readonly #harness: Harness;
  readonly #ledger: Ledger;
  waiting: UsageRequest[] = [];
  sent = 0;
  requests = 0;
  retried = 0;
  duplicates = 0;

  constructor(harness: Harness, ledger: Ledger) {
    this.#harness = harness;
    this.#ledger = ledger;
  }

  /** @throws Error for an answer that no fault explains. */
  async send(request: UsageRequest): Promise<void> {
    this.requests += 1;
    this.sent += request.events.length;
    const { status, text } = await this.#harness.send(request.body, request.headers);
    if (status >= 500) {
      this.waiting.push(request);
      return;
    }
    if (status !== 202) throw new Error(`usage was answered ${status}: ${text.slice(0, 500)}`);
    const { results } = JSON.parse(text) as Answer;
    request.events.forEach((event, position) => {
      const result = results[position];
      if (result?.status !== "accepted" && result?.status !== "duplicate") {
        throw new Error(`event ${event.index} was answered ${JSON.stringify(result)}`);
      }
      if (result.status === "duplicate") this.duplicates += 1;
      this.#ledger.acknowledge(event);
    });
  }

  /** Sends once more what was not acknowledged. */
  async retry(): Promise<void> {
    const requests = this.waiting;
    this.waiting = [];
    for (const request of requests) {
      this.retried += 1;
      await this.send(request);
    }
  }

  /** Sends copies of requests that the dedupe window may have left behind: counted again they must not be, taken they need not. */
  async repeat(requests: readonly UsageRequest[]): Promise<void> {
    for (const { body, headers } of requests) await this.#harness.send(body, headers);
  }
}
