import { beforeAll, expect, test } from "vitest";
import { bucket, createTestRuntime, query, runOnce, testDeps } from "./purge-test-kit.ts";
import { insert, seedData, seedTenant } from "./seed-test-kit.ts";
import { createFakeStripe } from "./stripe-test-kit.ts";
import { verifyCertificate } from "./verify.ts";

const deps = testDeps(createTestRuntime());
const TEXT = "2026-10-01T00:00:00.000Z";
let purgeId = "";
let key = "";
let text = "";

beforeAll(async () => {
  await seedTenant("checked");
  await seedData("checked");
  await runOnce(createTestRuntime(createFakeStripe().fetch));
  const [run] = await query<{ purge_id: string; certificate_key: string }>("SELECT * FROM purge_runs");
  purgeId = run?.purge_id ?? "";
  key = run?.certificate_key ?? "";
  text = (await (await bucket.get(key))?.text()) ?? "";
});

const verify = (tenantId = "checked"): ReturnType<typeof verifyCertificate> =>
  verifyCertificate(deps, { purgeId, tenantId });

test("agrees with a purge that left nothing", async () => {
  expect(await verify()).toEqual({ ok: true, findings: [] });
});

test("refuses another tenant's id, an unknown purge and a missing key", async () => {
  expect(await verify("checked0")).toEqual({ ok: false, findings: ["the tombstone is not of this tenant id"] });
  expect(await verifyCertificate(deps, { purgeId: "prg_none", tenantId: "checked" })).toMatchObject({ ok: false });
  expect(await verifyCertificate({ ...deps, purgeKey: undefined }, { purgeId, tenantId: "checked" })).toMatchObject({
    ok: false,
  });
});

test("names the store that holds something again", async () => {
  await insert("stripe_events", {
    event_id: "evt_again",
    type: "x",
    livemode: 0,
    created: 1,
    received_at: TEXT,
    body_sha256: "b",
    status: "processed",
    tenant_id: "checked",
  });
  await bucket.put("usage_raw/tenant_id=checked/dt=2026-11-21/hour=02/again.jsonl", "{}");
  expect(await verify()).toEqual({ ok: false, findings: ["r2_usage still holds 1", "stripe_events still holds 1"] });
  await query("DELETE FROM stripe_events WHERE event_id = 'evt_again' RETURNING event_id");
  await bucket.delete("usage_raw/tenant_id=checked/dt=2026-11-21/hour=02/again.jsonl");
  expect(await verify()).toMatchObject({ ok: true });
});

test("sees a certificate that was changed, taken away, or put where the audit log does not name it", async () => {
  await bucket.put(key, text.replace('"deleted":3', '"deleted":4'));
  expect(await verify()).toEqual({ ok: false, findings: ["the certificate was changed"] });
  await bucket.delete(key);
  expect(await verify()).toEqual({ ok: false, findings: ["the certificate is missing"] });
  await bucket.put("certificates/2026/elsewhere.json", text);
  await query("UPDATE purge_runs SET certificate_key = 'certificates/2026/elsewhere.json' RETURNING purge_id");
  expect(await verify()).toEqual({ ok: false, findings: ["the audit log does not name the certificate once"] });
});
