import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { composeText, configPath, workerFolders, WORKERS } from "@prego/local/wrangler-config";
import { listCronTriggers } from "@prego/local/stack";
import { ROOT } from "./source-files.ts";

test("every worker folder is one of the six", () => {
  expect(workerFolders()).toEqual([...WORKERS].toSorted());
});

test.each(WORKERS)("the committed configuration of %s is what the base and its own part compose to", (worker) => {
  expect(readFileSync(configPath(worker), "utf8")).toBe(composeText(worker));
});

test("the crons are those of the contract, and cycle-close and control-plane carry on between them", () => {
  expect(listCronTriggers()).toEqual([
    { worker: "control-plane", cron: "* * * * *" },
    { worker: "usage-aggregator", cron: "*/15 * * * *" },
    { worker: "cycle-close", cron: "0 0 1 * *" },
    { worker: "cycle-close", cron: "*/10 * * * *" },
    { worker: "purge-job", cron: "0 2 * * *" },
    { worker: "autoscaler", cron: "*/10 * * * *" },
  ]);
});

test.each(WORKERS)("every binding, variable and secret of %s is described in its env.ts", (worker) => {
  const env = readFileSync(path.join(ROOT, "workers", worker, "src/env.ts"), "utf8");
  const config = readFileSync(configPath(worker), "utf8");
  const vars = [...(/\[vars\]\n([\s\S]*?)(\n\n|$)/.exec(config)?.[1] ?? "").matchAll(/^(\w+) =/gm)].map(
    ([, name]) => name,
  );
  const secrets = [...(/required = \[([^\]]*)\]/.exec(config)?.[1] ?? "").matchAll(/"(\w+)"/g)].map(([, name]) => name);
  const shared = readFileSync(path.join(ROOT, "packages/core/src/http/app-env.ts"), "utf8");
  expect([worker, secrets.length > 0]).toEqual([worker, worker !== "usage-writer"]);
  for (const name of [...vars, ...secrets, "DB", "BUCKET"]) {
    expect(`${env}\n${shared}`).toMatch(new RegExp(`\\b${name}\\??: `));
  }
});

test("every worker has a README of at most 40 lines, a vitest project and strict types", () => {
  for (const worker of WORKERS) {
    const folder = path.join(ROOT, "workers", worker);
    expect(readFileSync(path.join(folder, "README.md"), "utf8").split("\n").length).toBeLessThanOrEqual(41);
    expect(existsSync(path.join(folder, "vitest.config.ts"))).toBe(true);
    expect(readFileSync(path.join(folder, "tsconfig.json"), "utf8")).toContain("../../tsconfig.base.json");
  }
});
