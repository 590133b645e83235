import { beforeAll, describe, expect, test } from "vitest";
import { SLUG_CHECK_REFILL_MS, SLUG_CHECKS_BURST_MAX } from "../intake-limits.ts";
import { addTenant, createTestPlane, rows } from "../onboarding-test-kit.ts";

beforeAll(() => addTenant("t-subdomain", { slug: "acme" }));

describe("GET /v1/subdomain/check", () => {
  test.each([
    ["free-name", true, null],
    ["acme", false, "taken"],
    ["admin", false, "reserved"],
    ["tenant-abc", false, "reserved"],
  ])("tells of %s whether it can be had and why not", async (slug, available, reason) => {
    const answer = await createTestPlane().get(`/v1/subdomain/check?slug=${slug}`);
    expect(answer).toMatchObject({ status: 200, body: { slug, available, reason } });
  });

  test.each(["", "slug=", "slug=-bad-", "slug=Acme", "slug=xn--acme", "slug=a.b", "slug=acme&x=1", "slug=ab"])(
    "answers 400 to the query %s, without repeating it",
    async (query) => {
      const answer = await createTestPlane().get(`/v1/subdomain/check?${query}`);
      expect(answer).toMatchObject({ status: 400, body: { code: "validation_failed" } });
      expect(answer.text).not.toContain("bad-");
    },
  );

  test("records the check as a step of the funnel when the request has a trace id, and only then", async () => {
    const plane = createTestPlane();
    await plane.get("/v1/subdomain/check?slug=acme", { headers: { "x-trace-id": "trace_subdomain" } });
    await plane.get("/v1/subdomain/check?slug=acme", { headers: { "x-trace-id": "not a trace id" } });
    await plane.get("/v1/subdomain/check?slug=acme");
    const events = await rows("SELECT * FROM funnel_events WHERE event_type = 'm_onboarding_subdomain_check'");
    expect(events).toMatchObject([{ trace_id: "trace_subdomain", success: 0, source: "cp" }]);
    expect(JSON.parse(String(events[0]?.["payload_json"]))).toEqual({ slug: "acme", reason: "taken" });
  });

  test("slows one client down with 429 and Retry-After, lets others pass, and forgives with time", async () => {
    const plane = createTestPlane();
    const check = (address: string) =>
      plane.get("/v1/subdomain/check?slug=free-name", { headers: { "cf-connecting-ip": address } });
    for (let index = 0; index < SLUG_CHECKS_BURST_MAX; index += 1) {
      expect((await check("203.0.113.7")).status).toBe(200);
    }
    const refused = await check("203.0.113.7");
    expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    expect(refused.headers.get("retry-after")).toBe("1");
    expect((await check("203.0.113.8")).status).toBe(200);
    plane.clock.nowMs += SLUG_CHECK_REFILL_MS;
    expect((await check("203.0.113.7")).status).toBe(200);
    expect((await check("203.0.113.7")).status).toBe(429);
  });
});
