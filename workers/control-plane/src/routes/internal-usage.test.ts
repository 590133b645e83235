import { beforeAll, describe, expect, test } from "vitest";
import { bindings, createTestPlane } from "../onboarding-test-kit.ts";

const plane = createTestPlane();

const ROLLUPS = [
  ["t-u", "api_requests", "2026-11-20T23", "1000000", 1],
  ["t-u", "api_requests", "2026-11-21T00", "9007199254740993", 3],
  ["t-u", "api_requests", "2026-11-21T01", "500000", 2],
  ["t-u", "data_gb", "2026-11-21T00", "-1", 1],
  ["t-u2", "api_requests", "2026-11-21T00", "7000000", 7],
] as const;

beforeAll(() =>
  bindings.DB.batch(
    ROLLUPS.map(([tenantId, meterKey, hour, qty, events]) =>
      bindings.DB.prepare(
        "INSERT INTO usage_rollups (tenant_id, meter_key, hour, qty, events, first_event_at, last_event_at, updated_at) VALUES (?, ?, ?, CAST(? AS INTEGER), ?, ?, ?, ?)",
      ).bind(tenantId, meterKey, hour, qty, events, hour, hour, hour),
    ),
  ),
);

interface Usage {
  meter_key: string;
  hour: string;
  qty: string;
  events: number;
}

const read = async (query: string) => {
  const { status, body } = await plane.read(`/internal/usage?${query}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return body as unknown as { usage: Usage[]; next_cursor: string | null };
};

const keysOf = ({ usage }: { usage: Usage[] }) => usage.map(({ meter_key, hour }) => `${meter_key} ${hour}`);

describe("GET /internal/usage", () => {
  test("lists one tenant's hours by meter and hour, quantities exact", async () => {
    expect(await read("tenant_id=t-u")).toEqual({
      usage: [
        { meter_key: "api_requests", hour: "2026-11-20T23", qty: "1", events: 1 },
        { meter_key: "api_requests", hour: "2026-11-21T00", qty: "9007199254.740993", events: 3 },
        { meter_key: "api_requests", hour: "2026-11-21T01", qty: "0.5", events: 2 },
        { meter_key: "data_gb", hour: "2026-11-21T00", qty: "-0.000001", events: 1 },
      ],
      next_cursor: null,
    });
    expect(await read("tenant_id=t-none")).toEqual({ usage: [], next_cursor: null });
  });

  test("says how many distinct values an hour was the first to have", async () => {
    await bindings.DB.prepare(
      "INSERT INTO usage_rollups VALUES ('t-u3', 'visitors', '2026-11-21T00', 3000000, 3, NULL, NULL, NULL, '', '', '', 2)",
    ).run();
    expect((await read("tenant_id=t-u3")).usage).toEqual([
      { meter_key: "visitors", hour: "2026-11-21T00", qty: "3", events: 3, new_values: 2 },
    ]);
  });

  test("covers the hours that begin from the first moment on and before the second", async () => {
    const day = "from=2026-11-21T00:00:00Z&to=2026-11-21T01:00:00Z";
    expect(keysOf(await read(`tenant_id=t-u&${day}`))).toEqual(["api_requests 2026-11-21T00", "data_gb 2026-11-21T00"]);
    const within = "from=2026-11-20T23:00:00.001Z&to=2026-11-21T00:00:00.001Z";
    expect(keysOf(await read(`tenant_id=t-u&${within}`))).toEqual([
      "api_requests 2026-11-21T00",
      "data_gb 2026-11-21T00",
    ]);
    expect(keysOf(await read("tenant_id=t-u&to=9999-12-31T23:59:59Z&from=2026-11-21T01:00:00%2B00:00"))).toEqual([
      "api_requests 2026-11-21T01",
    ]);
  });

  test("pages through every hour once, under one filter", async () => {
    const first = await read("tenant_id=t-u&limit=2");
    const second = await read(`tenant_id=t-u&limit=2&cursor=${first.next_cursor}`);
    expect([...keysOf(first), ...keysOf(second)]).toEqual(keysOf(await read("tenant_id=t-u")));
    expect([first.usage.length, second.next_cursor]).toEqual([2, null]);
    for (const query of ["tenant_id=t-u2", "tenant_id=t-u&meter_key=data_gb"]) {
      const foreign = await plane.read(`/internal/usage?${query}&cursor=${first.next_cursor}`);
      expect(foreign).toMatchObject({ status: 400, body: { code: "validation_failed" } });
    }
    expect(keysOf(await read("tenant_id=t-u&meter_key=data_gb"))).toEqual(["data_gb 2026-11-21T00"]);
  });

  test.each([
    "",
    "tenant_id=..",
    "tenant_id=",
    "tenant_id=t-u&meter_key=API",
    "tenant_id=t-u&from=yesterday",
    "tenant_id=t-u&to=2026-11-21",
    "tenant_id=t-u&limit=0",
    "tenant_id=t-u&unknown=1",
  ])("answers 400 to the query %s", async (query) => {
    expect(await plane.read(`/internal/usage?${query}`)).toMatchObject({ status: 400 });
  });
});
