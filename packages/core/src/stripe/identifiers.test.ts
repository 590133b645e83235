import { expect, test } from "vitest";
import { sha256Hex } from "../auth.ts";
import { billableIdentifier, invoiceIdentifier } from "./identifiers.ts";

const fact = { tenantId: "t1", meterKey: "api", cycle: "2026-11", correctedCycle: "2026-11", part: "" };

test("the identifier of a whole cycle is that of its four names, as it was before cycles had parts", async () => {
  const text = '["usage-v1","t1","api","2026-11","2026-11"]';
  expect(await billableIdentifier(fact)).toBe(`prego_${(await sha256Hex(text)).slice(0, 40)}`);
});

test("every other fact has another identifier, and every attempt of one has the same", async () => {
  const facts = [
    fact,
    { ...fact, part: "2026-11-01T00" },
    { ...fact, part: "2026-11-15T09" },
    { ...fact, correctedCycle: "2026-10" },
    { ...fact, cycle: "2026-12" },
    { ...fact, meterKey: "cpu" },
    { ...fact, tenantId: "t2" },
  ];
  const identifiers = await Promise.all([...facts, ...facts].map((one) => billableIdentifier(one)));
  expect(new Set(identifiers).size).toBe(facts.length);
});

test("every invoice of a key has another identifier, and every attempt of one has the same", async () => {
  const first = { tenantId: "t1", cycle: "2026-11", currency: "eur", previous: null };
  const previous = await invoiceIdentifier(first);
  const invoices = [first, { ...first, previous }, { ...first, cycle: "2026-12" }, { ...first, currency: "usd" }];
  const identifiers = await Promise.all([...invoices, ...invoices].map((one) => invoiceIdentifier(one)));
  expect(new Set(identifiers).size).toBe(invoices.length);
});
