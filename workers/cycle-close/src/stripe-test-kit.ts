import { createFakeInvoices, type FakeInvoice } from "./invoice-test-kit.ts";

/** The part of Stripe that cycle-close calls, at the network boundary, with Stripe's memory: 24 hours. */

const DAY_MS = 24 * 60 * 60 * 1_000;
const MAX_AGE_SECONDS = 35 * 24 * 60 * 60;

/** What goes wrong at a call: no effect, the answer lost, a 500 kept for its key without and with the effect, a limit. */
export type StripeFault = "before" | "after" | "saved_500" | "saved_500_after" | "429" | "401" | "400";

export const LOST_CALL_FAULTS: readonly StripeFault[] = ["before", "after", "saved_500", "saved_500_after"];

interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

export interface FakeInvoiceItem {
  id: string;
  customer: string;
  amount: number;
  currency: string;
  description: string;
  created: number;
  period: { start: number; end: number };
  metadata: Record<string, string>;
  /** The invoice that took it. */
  invoice?: string;
}

export interface FakeMeterEvent {
  identifier: string;
  customer: string;
  event_name: string;
  value: bigint;
  timestamp: number;
  receivedAtMs: number;
}

export interface FakeStripe {
  fetch: typeof fetch;
  items: FakeInvoiceItem[];
  events: FakeMeterEvent[];
  invoices: FakeInvoice[];
  /** Paths of all calls, in order. */
  calls: string[];
  /** Asked before each call; an answer makes the call go wrong. */
  fault: (path: string, call: number) => StripeFault | undefined;
  /** Largest number of calls at the same time per customer and meter. */
  overlap: number;
}

export function createFakeStripe(now: () => number): FakeStripe {
  const saved = new Map<string, { answer: Answer; atMs: number; params: string }>();
  const inFlight = new Map<string, number>();
  const items: FakeInvoiceItem[] = [];
  const invoicing = createFakeInvoices(now, items);
  const stripe: FakeStripe = {
    items,
    events: [],
    invoices: invoicing.invoices,
    calls: [],
    fault: () => undefined,
    overlap: 0,
    fetch: async (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input.toString());
      const params = new URLSearchParams(typeof init?.body === "string" ? init.body : url.search);
      const path = `${init?.method ?? "GET"} ${url.pathname}`;
      stripe.calls.push(path);
      const subject = `${params.get("customer") ?? params.get("payload[stripe_customer_id]")} ${params.get("event_name")}`;
      inFlight.set(subject, (inFlight.get(subject) ?? 0) + 1);
      stripe.overlap = Math.max(stripe.overlap, inFlight.get(subject) ?? 0);
      // A turn of the event loop, so that calls made at the same time would meet.
      await new Promise((resolve) => setTimeout(resolve, 0));
      try {
        const key = new Headers(init?.headers).get("idempotency-key");
        return toResponse(answerCall({ path, url, params, key }));
      } finally {
        inFlight.set(subject, (inFlight.get(subject) ?? 1) - 1);
      }
    },
  };

  function answerCall(call: { path: string; url: URL; params: URLSearchParams; key: string | null }): Answer {
    const known = call.key === null ? undefined : saved.get(call.key);
    const fault = stripe.fault(call.path, stripe.calls.length);
    if (fault === "before") throw new TypeError("fetch failed");
    if (fault === "429") return { status: 429, body: error("rate_limit_error"), headers: { "retry-after": "120" } };
    if (fault === "401") return { status: 401, body: error("invalid_request_error") };
    if (known !== undefined && now() - known.atMs < DAY_MS) {
      if (known.params !== call.params.toString()) return { status: 400, body: error("idempotency_error") };
      if (fault === "after") throw new TypeError("fetch failed");
      return known.answer;
    }
    const failed: Answer = { status: 500, body: error("api_error") };
    const refused: Answer = { status: 400, body: error("invalid_request_error", "amount_too_large") };
    const done = fault === "saved_500" ? failed : fault === "400" ? refused : perform(call);
    const answer = fault === "saved_500_after" ? failed : done;
    if (call.key !== null) saved.set(call.key, { answer, atMs: now(), params: call.params.toString() });
    if (fault === "after") throw new TypeError("fetch failed");
    return answer;
  }

  function perform({ path, url, params }: { path: string; url: URL; params: URLSearchParams }): Answer {
    switch (path) {
      case "POST /v1/invoiceitems":
        return createItem(params);
      case "GET /v1/invoiceitems":
        return listItems(params);
      case "POST /v1/billing/meter_events":
        return createEvent(params);
      case "GET /v1/billing/meters":
        return {
          status: 200,
          body: list([{ id: "mtr_1", event_name: "api_calls", default_aggregation: { formula: "sum" } }]),
        };
      default: {
        const body = invoicing.answer(path, params);
        if (body !== undefined) return { status: 200, body };
        return url.pathname.endsWith("/event_summaries") ? summarize(params) : { status: 404, body: error("unknown") };
      }
    }
  }

  function createItem(params: URLSearchParams): Answer {
    const metadata = [...params].flatMap(([name, value]) => {
      const key = /^metadata\[(.+)\]$/.exec(name)?.[1];
      return key === undefined ? [] : [[key, value] as const];
    });
    const item = {
      id: `ii_${stripe.items.length + 1}`,
      customer: text(params, "customer"),
      amount: Number(text(params, "amount")),
      currency: text(params, "currency"),
      description: text(params, "description"),
      created: Math.floor(now() / 1_000),
      period: { start: Number(text(params, "period[start]")), end: Number(text(params, "period[end]")) },
      metadata: Object.fromEntries(metadata),
    };
    stripe.items.push(item);
    return { status: 200, body: item };
  }

  function listItems(params: URLSearchParams): Answer {
    const since = Number(params.get("created[gte]") ?? 0);
    const mine = stripe.items.filter(
      (item) =>
        item.customer === params.get("customer") &&
        item.created >= since &&
        (params.get("pending") !== "true" || item.invoice === undefined),
    );
    const newestFirst = mine.toReversed();
    const from = newestFirst.findIndex((item) => item.id === params.get("starting_after")) + 1;
    const page = newestFirst.slice(from, from + Number(params.get("limit") ?? 10));
    return { status: 200, body: list(page, from + page.length < newestFirst.length) };
  }

  function createEvent(params: URLSearchParams): Answer {
    const identifier = text(params, "identifier");
    const timestamp = Number(text(params, "timestamp"));
    const twin = stripe.events.findLast((event) => event.identifier === identifier);
    if (twin !== undefined && now() - twin.receivedAtMs < DAY_MS) {
      return {
        status: 400,
        body: error("invalid_request_error", undefined, `An event already exists with identifier ${identifier}.`),
      };
    }
    if (timestamp < now() / 1_000 - MAX_AGE_SECONDS || timestamp > now() / 1_000 + 300) {
      return { status: 400, body: error("invalid_request_error", "timestamp_too_far_in_past") };
    }
    const value = text(params, "payload[value]");
    if (!/^-?\d{1,15}$/.test(value)) {
      return { status: 400, body: error("invalid_request_error", "meter_event_invalid_value") };
    }
    const event = {
      identifier,
      customer: text(params, "payload[stripe_customer_id]"),
      event_name: text(params, "event_name"),
      value: BigInt(value),
      timestamp,
      receivedAtMs: now(),
    };
    stripe.events.push(event);
    return {
      status: 200,
      body: { object: "billing.meter_event", identifier, timestamp, event_name: event.event_name },
    };
  }

  function summarize(params: URLSearchParams): Answer {
    const [start, end] = [Number(params.get("start_time")), Number(params.get("end_time"))];
    if (start % 60 !== 0 || end % 60 !== 0) return { status: 400, body: error("invalid_request_error") };
    const inside = stripe.events.filter(
      (event) => event.customer === params.get("customer") && event.timestamp >= start && event.timestamp < end,
    );
    if (inside.length === 0) return { status: 200, body: list([]) };
    const sum = inside.reduce((total, event) => total + event.value, 0n);
    return {
      status: 200,
      body: list([{ id: "mtrusg_1", aggregated_value: Number(sum), start_time: start, end_time: end }]),
    };
  }

  return stripe;
}

const text = (params: URLSearchParams, name: string): string => params.get(name) ?? "";

const list = (data: unknown[], hasMore = false) => ({ object: "list", data, has_more: hasMore, url: "/v1/list" });

const error = (type: string, code?: string, message = "refused") => ({
  error: { type, message, ...(code === undefined ? {} : { code }) },
});

const toResponse = ({ status, body, headers }: Answer): Response =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
