import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  createStripeEmulator,
  type EmulatorServer,
  serveEmulator,
  type StripeEmulator,
} from "@prego/local/stripe-emulator";
import { entryOf } from "./entries.ts";
import { type MeasuredRun, NOW_HEADER } from "./instrument/close-run.ts";
import { applyMigrations } from "./migrate.ts";
import { type MeasuredRuntime, startRuntime } from "./runtime.ts";

/** Where a scheduled run is cut off, counted in calls to D1 and Stripe. */
export interface Cut {
  time_over_after?: number;
  killed_after?: number;
}

/** cycle-close and the aggregator beside an emulator of Stripe, which the real client reaches by HTTP on loopback. */
export interface CloseBench {
  /** Of the workers; D1 and R2 are simulated in another process. */
  runtime: MeasuredRuntime;
  database: D1Database;
  bucket: R2Bucket;
  emulator: StripeEmulator;
  /** What time it is, for the worker and for Stripe. */
  clock: { nowMs: number };
  /** One scheduled run. */
  run: (cut?: Cut) => Promise<MeasuredRun>;
  call: <T>(method: "GET" | "POST", route: string) => Promise<T>;
  aggregate: () => Promise<void>;
  close: () => Promise<void>;
}

const API_KEY = "an-operator-key-for-the-bench-0123456789";

/** Starts all of it on an empty database. */
export async function startCloseBench(
  options: { heapMbMax?: number; sendsTo?: "emulator" | "nobody" } = {},
): Promise<CloseBench> {
  const { heapMbMax, sendsTo = "emulator" } = options;
  const clock = { nowMs: 0 };
  const emulator = createStripeEmulator({ now: () => clock.nowMs });
  const server: EmulatorServer = await serveEmulator(emulator);
  const storageFolder = mkdtempSync(path.join(tmpdir(), "bench-"));
  const storage = await startRuntime([{ name: "storage", entry: entryOf("baselines/parse.ts") }], { storageFolder });
  const stripe = sendsTo === "emulator" ? { STRIPE_SECRET_KEY: "sk_test_bench", STRIPE_API_BASE: server.url } : {};
  const runtime = await startRuntime(
    [
      { name: "close", entry: entryOf("instrument/cycle-close.ts"), vars: { INTERNAL_API_KEY: API_KEY, ...stripe } },
      { name: "aggregator", entry: entryOf("instrument/usage-aggregator.ts") },
    ],
    { inspect: true, storageFolder, ...(heapMbMax === undefined ? {} : { heapMbMax }) },
  );
  const database = await storage.database("storage");
  await applyMigrations(database);
  const [closeUrl, aggregatorUrl] = await Promise.all([runtime.urlOf("close"), runtime.urlOf("aggregator")]);
  const call = async <T>(method: "GET" | "POST", route: string): Promise<T> => {
    const headers = { authorization: `Bearer ${API_KEY}`, [NOW_HEADER]: String(clock.nowMs) };
    const answer = await fetch(new URL(route, closeUrl), { method, headers });
    if (!answer.ok) throw new Error(`${route} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  return {
    runtime,
    database,
    bucket: await storage.bucket("storage"),
    emulator,
    clock,
    run: (cut = {}) => {
      const query = new URLSearchParams(Object.entries(cut).map(([name, value]) => [name, String(value)]));
      return call<MeasuredRun>("POST", `/bench/run?${query.toString()}`);
    },
    call,
    aggregate: async () => {
      await (await fetch(new URL("/bench/run", aggregatorUrl))).text();
    },
    close: async () => {
      await Promise.all([runtime.close(), storage.close(), server.close()]);
      rmSync(storageFolder, { recursive: true, force: true });
    },
  };
}
