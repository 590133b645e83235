import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT } from "./source-files.ts";

/** A file that breaks one rule, at a path where that rule applies, and the rule that must see it. */
const PLANTED: readonly (readonly [string, string, string])[] = [
  ["packages/core/src/clock.ts", "export const stamp = () => Date.now();\n", "no-ambient"],
  ["packages/core/src/today.ts", "export const today = () => new Date();\n", "no-ambient"],
  ["packages/core/src/dice.ts", "export const roll = () => Math.random();\n", "no-ambient"],
  ["packages/core/src/call.ts", 'export const call = () => fetch("https://example.com");\n', "no-ambient"],
  ["workers/cycle-close/src/plan.ts", "export const id = () => crypto.randomUUID();\n", "no-ambient"],
  ["packages/core/src/money.ts", "export const half = (text: string) => parseFloat(text);\n", "no-float"],
  ["packages/core/src/pricing/rate.ts", "export const rate = 0.5;\n", "no-float"],
  ["workers/cycle-close/src/plan/line.ts", "export const amount = (n: bigint) => Number(n);\n", "no-float"],
  ["workers/cycle-close/src/x.ts", "export const raised = (t: string) => Math.round(Number(t) * 1.1);\n", "no-float"],
  ["workers/cycle-close/src/factor.ts", "export const factor = 1.1;\n", "no-float"],
  ["workers/usage-aggregator/src/x.ts", "export const sums = (t: string[]) => t.map(Number);\n", "no-float"],
  [
    "packages/core/src/usage-event/x.ts",
    "export const micro = (t: string) => parseFloat(t) * 1_000_000;\n",
    "no-float",
  ],
  ["packages/core/src/pricing/x.ts", "export const third = (t: string) => +t / 3;\n", "no-float"],
  ["packages/core/src/pricing/plus.ts", "export const read = (t: string) => +t;\n", "no-float"],
  ["packages/core/src/decimal.ts", "export const third = (n: number) => n / 3;\n", "no-float"],
  ["packages/core/src/currency.ts", "export const minor = (t: string) => Number.parseInt(t, 10);\n", "no-float"],
  [
    "workers/autoscaler/src/run.ts",
    'import { sql } from "drizzle-orm";\nexport const one = sql`1`;\n',
    "no-restricted-imports",
  ],
  ["workers/autoscaler/src/peer.ts", 'export { plan } from "@prego/cycle-close/plan";\n', "no-restricted-imports"],
  [
    "workers/autoscaler/src/routes/raw.ts",
    "export const db = (env: { DB: unknown }) => env.DB;\n",
    "bindings-in-store",
  ],
  [
    "workers/autoscaler/src/store.ts",
    'import { drizzle } from "drizzle-orm/d1";\nexport const run = (d: D1Database) => {\n  drizzle(d).run("SELECT 1");\n};\n',
    "no-floating-promises",
  ],
  ["workers/autoscaler/src/other.ts", "export default 1;\n", "no-default-export"],
  [
    "workers/autoscaler/src/long.ts",
    Array.from({ length: 260 }, (_, n) => `export const line${n} = ${n};\n`).join(""),
    "max-lines",
  ],
];

const TIME = [
  "workers/cycle-close/src/plan/time.ts",
  "export const since = (row: { endMs: number }) => Math.floor(row.endMs / 1_000) - 1;\n",
] as const;

let folder: string;
let report: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "prego-lint-"));
  for (const file of [".oxlintrc.json", "tsconfig.base.json", "packages/e2e/lint/house-rules.js"]) {
    cpSync(path.join(ROOT, file), path.join(folder, file));
  }
  symlinkSync(path.join(ROOT, "workers/autoscaler/node_modules"), path.join(folder, "node_modules"));
  for (const part of ["packages/core", "workers/autoscaler", "workers/cycle-close", "workers/usage-aggregator"]) {
    mkdirSync(path.join(folder, part), { recursive: true });
    writeFileSync(
      path.join(folder, part, "tsconfig.json"),
      '{"extends":"../../tsconfig.base.json","compilerOptions":{"types":["@cloudflare/workers-types"]},"include":["src"]}',
    );
  }
  for (const [file, text] of [...PLANTED, TIME]) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  }
  const { stdout } = spawnSync(path.join(ROOT, "node_modules/.bin/oxlint"), ["--type-aware", "--format", "unix"], {
    cwd: folder,
    encoding: "utf8",
  });
  report = stdout;
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

test("the linter takes milliseconds for a time, not for money", () => {
  expect(report.split("\n").filter((line) => line.includes(`${TIME[0]}:`))).toEqual([]);
});

test.each(PLANTED)("the linter sees the fault planted in %s", (file, _text, rule) => {
  const findings = report.split("\n").filter((line) => line.includes(`${file}:`) && line.includes(rule));
  expect(findings, report).not.toEqual([]);
});
