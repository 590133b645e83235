import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Attack } from "./hostile-attacks.ts";
import {
  acceptedStatus,
  expectListed,
  expectSingle,
  isReadable,
  readAnswer,
  type SeenAnswer,
} from "./hostile-answers.ts";
import { binaryRequest, eventText, type Form, listBinaryAttacks, listForms } from "./hostile-forms.ts";
import { listRequestAttacks, sendWithLength, type RequestAttack } from "./hostile-requests.ts";
import { TENANTS, UNIQUE_METERS } from "./hostile-values.ts";
import { startUsageStack, type UsageStack } from "./usage-test-kit.ts";

const NOW_MS = Date.now();
const FORMS = listForms(NOW_MS);
const BINARY_ATTACKS = listBinaryAttacks(NOW_MS);
const ATTACKS_MIN = 42;

let stack: UsageStack;
/** `[source, id]` of every event that must be stored in the end, and nothing else may be. */
const counted: string[] = [];

beforeAll(async () => {
  stack = await startUsageStack();
  await stack.addTenant(TENANTS.own);
  await stack.addTenant(TENANTS.twin);
  await stack.addTenant(TENANTS.victim);
  await stack.addTenant(TENANTS.purged, { status: "Purged" });
  await stack.defineMeter({ meter_key: UNIQUE_METERS.plain, aggregation: "unique" });
  const { inherited, property } = UNIQUE_METERS;
  await stack.defineMeter({ meter_key: inherited, aggregation: "unique", value_property: property });
});
afterAll(() => stack.close());

const noteCounted = (...texts: string[]): void => {
  for (const text of texts) {
    const { source, id } = JSON.parse(text) as { source: string; id: string };
    counted.push(JSON.stringify([source, id]));
  }
};

/** Sends a hostile event, between two good ones where the form takes several. */
async function attack(form: Form, hostile: Attack, index: number): Promise<SeenAnswer> {
  const text = hostile.text ?? eventText(form, `${form.name}-${index}`, form.name, hostile.members);
  const before = eventText(form, `before-${index}`, form.name);
  const behind = eventText(form, `behind-${index}`, form.name);
  if (form.listed && isReadable(form, hostile.outcome)) noteCounted(before, behind);
  if (hostile.outcome === "accepted") noteCounted(text);
  const body = form.wrap(form.listed ? [before, text, behind] : [text]);
  return readAnswer(await stack.send(form.path, body, form.headers));
}

/** Sends a request that is hostile as a whole. */
async function attackWhole(form: Form, hostile: RequestAttack, index: number): Promise<SeenAnswer> {
  const good = eventText(form, `request-${index}`, form.name);
  if (hostile.status === "accepted") noteCounted(good);
  const body = hostile.body?.() ?? form.wrap([good]);
  const headers = { ...form.headers, ...hostile.headers };
  return readAnswer(await stack.send(form.path + (hostile.query ?? ""), body, headers));
}

/** Sends a hostile event in binary mode. */
async function attackBinary(hostile: Attack, index: number): Promise<SeenAnswer> {
  const { path, body, headers } = binaryRequest(hostile, `binary-${index}`);
  const decode = (name: string): string => decodeURIComponent(headers[`ce-${name}`] ?? "");
  if (hostile.outcome === "accepted") {
    const id = hostile.text === undefined ? decode("id") : `a"b`;
    noteCounted(JSON.stringify({ source: decode("source"), id }));
  }
  return readAnswer(await stack.send(path, body, headers));
}

describe.each(FORMS)("hostile usage as $name", (form) => {
  it.each(form.attacks.map((hostile, index) => ({ ...hostile, index })))(
    "answers $name with $outcome",
    async ({ index, ...hostile }) => {
      const expected = form.listed ? expectListed(form, hostile.outcome) : expectSingle(form, hostile.outcome);
      expect(await attack(form, hostile, index)).toEqual(expected);
    },
  );

  it.each(listRequestAttacks(form).map((hostile, index) => ({ ...hostile, index })))(
    "answers $name with $status",
    async ({ index, ...hostile }) => {
      const status = hostile.status === "accepted" ? acceptedStatus(form) : hostile.status;
      expect(await attackWhole(form, hostile, index)).toMatchObject({ status, leaks: [] });
    },
  );

  it(`stands at least ${ATTACKS_MIN} different events`, () => {
    expect(new Set(form.attacks.map(({ name }) => name)).size).toBeGreaterThanOrEqual(ATTACKS_MIN);
  });
});

describe("hostile usage as binary", () => {
  it.each(BINARY_ATTACKS.map((hostile, index) => ({ ...hostile, index })))(
    "answers $name with $outcome",
    async ({ index, ...hostile }) => {
      const expected = expectSingle({ path: "/api/v1/events" }, hostile.outcome);
      expect(await attackBinary(hostile, index)).toEqual(expected);
    },
  );

  it(`stands at least ${ATTACKS_MIN} different events`, () => {
    expect(new Set(BINARY_ATTACKS.map(({ name }) => name)).size).toBeGreaterThanOrEqual(ATTACKS_MIN);
  });
});

describe("a content length that lies", () => {
  const body = JSON.stringify({ tenant_id: TENANTS.own, id: "lie", source: "wire" });

  it("cuts the body where it says, and the rest is no request", async () => {
    expect(await sendWithLength(stack.url, { body, length: 10 })).toBe("HTTP/1.1 400 Bad Request");
  });

  it("that is longer than the body leads to no success", async () => {
    expect(await sendWithLength(stack.url, { body, length: body.length + 10 })).not.toMatch(/ 2\d\d /);
  });
});

describe("after all of it", () => {
  it("counts a repeat inside one request once", async () => {
    const event = { tenant_id: TENANTS.own, id: "repeat", source: "array" };
    const response = await stack.postUsage([event, event, { ...event, qty: 2 }]);
    expect(await response.json()).toMatchObject({ accepted: 1, duplicates: 1, conflicts: 1 });
    noteCounted(JSON.stringify(event));
  });

  it("stores exactly the events that were accepted, all under the tenant's own prefix, one record a line", async () => {
    const lines = await stack.awaitLines(TENANTS.own, counted.length);
    expect(lines.map(({ source, id }) => JSON.stringify([source, id])).toSorted()).toEqual(counted.toSorted());
    expect(new Set(lines.map((line) => line["tenant_id"]))).toEqual(new Set([TENANTS.own]));
    const keys = (await stack.listObjects()).map(({ key }) => key);
    const own = /^usage_raw\/tenant_id=ten-own\/dt=\d{4}-\d\d-\d\d\/hour=\d\d\/[A-Za-z0-9-]+\.jsonl$/;
    expect(keys.filter((key) => !own.test(key))).toEqual([]);
  });

  it("rolls every accepted event up, whatever its meter is called", async () => {
    await stack.aggregate();
    const { results } = await stack.database
      .prepare("SELECT tenant_id, sum(events) AS events FROM usage_rollups GROUP BY tenant_id")
      .all();
    expect(results).toEqual([{ tenant_id: TENANTS.own, events: counted.length }]);
    const meters = await stack.database.prepare("SELECT DISTINCT meter_key FROM usage_rollups").all();
    expect(meters.results).toEqual(
      expect.arrayContaining([{ meter_key: "constructor" }, { meter_key: "tostring" }, { meter_key: "api_requests" }]),
    );
  });

  it("counts each distinct value that was accepted once, and those of no other meter", async () => {
    const unique: readonly unknown[] = [UNIQUE_METERS.inherited, UNIQUE_METERS.plain];
    const values = (await stack.readLines(TENANTS.own))
      .filter((line) => unique.includes(line["meter_key"]))
      .map((line) => JSON.stringify([line["meter_key"], String(line["timestamp"]).slice(0, 7), line["value"]]));
    const { results } = await stack.database
      .prepare("SELECT DISTINCT meter_key FROM usage_rollups WHERE new_values > 0 ORDER BY meter_key")
      .all();
    expect(results.map(({ meter_key: meterKey }) => meterKey)).toEqual(unique);
    const counted = await stack.database.prepare("SELECT sum(new_values) AS n FROM usage_rollups").first("n");
    expect(counted).toBe(new Set(values).size);
  });
});
