import { describe, expect, test } from "vitest";
import { findViolations } from "./boundaries.ts";
import { importsOf, readSources } from "./source-files.ts";

const WORKERS = ["control-plane", "usage-writer", "usage-aggregator", "cycle-close", "purge-job", "autoscaler"];
const sources = readSources("workers", "packages");

const planted = (path: string, specifier: string) => [{ path, text: "", imports: [specifier] }];

describe("boundaries", () => {
  test("no file of the repository breaks a boundary, and every worker and package was looked at", () => {
    for (const worker of WORKERS) {
      expect(sources.filter((file) => file.path.startsWith(`workers/${worker}/src/`)).length).toBeGreaterThan(3);
    }
    expect(sources.filter((file) => file.path.startsWith("packages/core/src/")).length).toBeGreaterThan(30);
    expect(
      sources.flatMap((file) => file.imports).filter((name) => name.startsWith("@prego/core/")).length,
    ).toBeGreaterThan(50);
    expect(findViolations(sources)).toEqual([]);
  });

  test.each([
    ["a worker importing another worker by name", "workers/purge-job/src/run.ts", "@prego/cycle-close"],
    ["a worker importing another worker by path", "workers/purge-job/src/run.ts", "../../cycle-close/src/plan.ts"],
    ["a worker importing the local stack", "workers/purge-job/src/run.ts", "@prego/local/stack"],
    ["core importing a worker", "packages/core/src/money.ts", "../../../workers/purge-job/src/run.ts"],
    ["core importing node", "packages/core/src/money.ts", "node:crypto"],
    ["anything importing e2e", "packages/local/src/dev.ts", "@prego/e2e/faults"],
    ["drizzle in a plan", "workers/purge-job/src/plan.ts", "drizzle-orm"],
    ["drizzle in a route", "workers/control-plane/src/routes/trace.ts", "drizzle-orm/d1"],
  ])("sees %s", (_title, path, specifier) => {
    expect(findViolations(planted(path, specifier))).not.toEqual([]);
  });

  test("reads static, bare, re-exported and dynamic imports", () => {
    const text =
      'import a from "one";\nimport type {\n  B,\n} from "two";\nexport * from "three";\nimport "four";\nawait import("five");';
    expect(importsOf(text)).toEqual(["one", "two", "three", "four", "five"]);
  });
});

describe("files", () => {
  const lines = (text: string) => text.split("\n").length - 1;

  test("no source file has more than 250 lines", () => {
    const long = sources.filter((file) => !file.path.endsWith(".test.ts") && lines(file.text) > 250);
    expect(long.map((file) => `${file.path}: ${lines(file.text)}`)).toEqual([]);
  });

  test("every worker's entry is at most 60 lines and has the only default export of its worker", () => {
    for (const worker of WORKERS) {
      const own = sources.filter((file) => file.path.startsWith(`workers/${worker}/src/`));
      const entry = own.find((file) => file.path.endsWith("/src/index.ts"));
      expect(lines(entry?.text ?? "\n".repeat(99))).toBeLessThanOrEqual(60);
      expect(entry?.text).toContain("satisfies ExportedHandler<Env>");
      expect(own.filter((file) => /^export default/m.test(file.text)).map((file) => file.path)).toEqual([entry?.path]);
    }
  });

  test("no file is a drawer", () => {
    const drawers = sources.filter((file) => /\/(utils?|helpers?|common|misc|types)\.ts$/.test(file.path));
    expect(drawers.map((file) => file.path)).toEqual([]);
  });
});
