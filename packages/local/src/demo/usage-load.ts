/** One event as a client means it. Quantities are micro-units, so that the arithmetic here is exact and separate. */
interface LoadEvent {
  id: string;
  meterKey: "api_requests" | "data_gb";
  quantityMicros: bigint;
  timestamp: string;
}

/** A request of one client, ready to be sent. */
interface LoadRequest {
  client: string;
  path: string;
  contentType: string;
  body: string;
  events: number;
}

/** Everything the clients will send, and what must come out of it. */
export interface UsageLoad {
  requests: LoadRequest[];
  distinct: number;
  repeated: number;
  totals: Record<LoadEvent["meterKey"], bigint>;
}

const random = (seed: number) => {
  let state = seed >>> 0;
  return (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

const decimal = (micros: bigint): string => {
  const fraction = (micros % 1_000_000n).toString().padStart(6, "0").replace(/0+$/, "");
  return fraction === "" ? (micros / 1_000_000n).toString() : `${micros / 1_000_000n}.${fraction}`;
};

/** Makes `distinct` events in the window before `endMs`, and sends every fifth of them twice, by several clients. */
export function createUsageLoad(options: {
  tenantId: string;
  traceId: string;
  distinct: number;
  endMs: number;
  windowMs: number;
  seed: number;
}): UsageLoad {
  const draw = random(options.seed);
  const events = Array.from({ length: options.distinct }, (_, index): LoadEvent => {
    const meterKey = index % 10 === 0 ? "data_gb" : "api_requests";
    return {
      id: `evt-${options.seed}-${index}`,
      meterKey,
      quantityMicros: meterKey === "api_requests" ? 1_000_000n : BigInt(1 + Math.floor(draw() * 999_999)),
      timestamp: new Date(options.endMs - 1_000 - Math.floor(draw() * (options.windowMs - 2_000))).toISOString(),
    };
  });
  const repeats = events.filter((_, index) => index % 5 === 0);
  const totals = { api_requests: 0n, data_gb: 0n };
  for (const event of events) totals[event.meterKey] += event.quantityMicros;
  return {
    requests: packRequests([...events, ...repeats], options),
    distinct: events.length,
    repeated: repeats.length,
    totals,
  };
}

type Packer = (
  events: readonly LoadEvent[],
  tenant: { tenantId: string; traceId: string },
) => Omit<LoadRequest, "events">;

const native = (event: LoadEvent, { tenantId, traceId }: { tenantId: string; traceId: string }) => ({
  tenant_id: tenantId,
  meter_key: event.meterKey,
  qty: decimal(event.quantityMicros),
  id: event.id,
  source: "demo",
  timestamp: event.timestamp,
  trace_id: traceId,
});

const CLIENTS: readonly { size: number; pack: Packer }[] = [
  {
    size: 100,
    pack: (events, tenant) => ({
      client: "api server, arrays of 100",
      path: "/usage",
      contentType: "application/json",
      body: JSON.stringify(events.map((event) => native(event, tenant))),
    }),
  },
  {
    size: 250,
    pack: (events, tenant) => ({
      client: "log shipper, NDJSON of 250",
      path: "/usage",
      contentType: "application/x-ndjson",
      body: events.map((event) => `${JSON.stringify(native(event, tenant))}\n`).join(""),
    }),
  },
  {
    size: 50,
    pack: (events, { tenantId, traceId }) => ({
      client: "event bus, CloudEvents of 50",
      path: "/api/v1/events",
      contentType: "application/cloudevents-batch+json",
      body: JSON.stringify(
        events.map((event) => ({
          specversion: "1.0",
          id: event.id,
          source: "demo",
          type: event.meterKey,
          subject: tenantId,
          time: event.timestamp,
          traceid: traceId,
          data: { value: decimal(event.quantityMicros) },
        })),
      ),
    }),
  },
  {
    size: 1,
    pack: ([event], tenant) => ({
      client: "edge function, one by one",
      path: "/usage",
      contentType: "application/json",
      body: JSON.stringify(event === undefined ? {} : native(event, tenant)),
    }),
  },
];

/** Splits the events over the clients in turn; the single sender gets a tenth of the requests' events at most. */
function packRequests(events: readonly LoadEvent[], tenant: { tenantId: string; traceId: string }): LoadRequest[] {
  const requests: LoadRequest[] = [];
  let at = 0;
  for (let turn = 0; at < events.length; turn += 1) {
    const client = CLIENTS[turn % CLIENTS.length];
    const rounds = client?.size === 1 ? 40 : 1;
    for (let round = 0; round < rounds && at < events.length; round += 1) {
      const slice = events.slice(at, at + (client?.size ?? 1));
      at += slice.length;
      if (client !== undefined) requests.push({ ...client.pack(slice, tenant), events: slice.length });
    }
  }
  return requests;
}
