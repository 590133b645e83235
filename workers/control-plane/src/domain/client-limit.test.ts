import { describe, expect, test } from "vitest";
import { clientOfAddress, createClientLimit } from "./client-limit.ts";

const allowance = { burst: 3, refillMs: 2_000, clientsMax: 2 };

describe("a client's allowance", () => {
  test("is a burst, then one request a refill, with the seconds to wait in between", () => {
    const take = createClientLimit(allowance);
    expect([take("a", 0), take("a", 0), take("a", 0), take("a", 0)]).toEqual([undefined, undefined, undefined, 2]);
    expect([take("a", 1_999), take("a", 2_000), take("a", 2_000)]).toEqual([1, undefined, 2]);
  });

  test("never grows above the burst, however long a client stays away", () => {
    const take = createClientLimit(allowance);
    take("a", 0);
    const later = Array.from({ length: 4 }, () => take("a", 1_000_000));
    expect(later).toEqual([undefined, undefined, undefined, 2]);
  });

  test("is not changed by a clock that goes back", () => {
    const take = createClientLimit(allowance);
    expect([take("a", 9_000), take("a", 0), take("a", 0), take("a", 0)]).toEqual([undefined, undefined, undefined, 2]);
  });

  test("is each client's own, and the one seen longest ago is forgotten first", () => {
    const take = createClientLimit({ ...allowance, burst: 1 });
    expect([take("a", 0), take("b", 0), take("a", 0)]).toEqual([undefined, undefined, 2]);
    expect(take("c", 0)).toBeUndefined();
    expect([take("a", 0), take("b", 0)]).toEqual([2, undefined]);
  });

  test("lets no more than burst and refills through in any time", () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const take = createClientLimit(allowance);
      let nowMs = 0;
      let allowed = 0;
      for (let step = 1; step <= 60; step += 1) {
        nowMs += (seed * step * 7_919) % 3_000;
        if (take("a", nowMs) === undefined) allowed += 1;
        expect(allowed).toBeLessThanOrEqual(allowance.burst + Math.floor(nowMs / allowance.refillMs));
      }
    }
  });
});

test.each([
  ["203.0.113.7", "203.0.113.7"],
  [" 203.0.113.7 ", "203.0.113.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:DB8:1:2::6", "2001:db8:1:2"],
  ["2001:db8::6", "2001:db8:0:0"],
  ["::1", "0:0:0:0"],
  [undefined, ""],
])("the client of %s is %s", (address, client) => {
  expect(clientOfAddress(address)).toBe(client);
});
