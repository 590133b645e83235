import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { PROBLEMS } from "@prego/core/problem";
import { EXPECTED_ROUTES } from "../refusals/route-expectations.ts";
import { listFiles, ROOT } from "./source-files.ts";

const documents = listFiles(".").filter((file) => file.endsWith(".md"));
const read = (file: string): string => readFileSync(path.join(ROOT, file), "utf8");
const scripts = Object.keys((JSON.parse(read("package.json")) as { scripts: Record<string, string> }).scripts);

test("every link between documents leads somewhere", () => {
  const links = documents.flatMap((file) =>
    [...read(file).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, link = ""]) => ({ file, link })),
  );
  const local = links.filter(({ link }) => !/^[a-z]+:/.test(link));
  expect(local.length).toBeGreaterThan(20);
  expect(local.filter(({ file, link }) => !existsSync(path.join(ROOT, path.dirname(file), link)))).toEqual([]);
});

test("every path that a document names exists", () => {
  const paths = documents.flatMap((file) =>
    [...read(file).matchAll(/`((?:workers|packages|migrations|docs)\/[\w./-]+)`/g)].map(([, name = ""]) => ({
      file,
      name,
    })),
  );
  expect(paths.length).toBeGreaterThan(15);
  expect(paths.filter(({ name }) => !existsSync(path.join(ROOT, name)))).toEqual([]);
});

test("every command that a document names is a script", () => {
  const commands = documents.flatMap((file) =>
    [...read(file).matchAll(/npx -y pnpm@12 (\w+)/g)].map(([, name = ""]) => name),
  );
  expect(commands.length).toBeGreaterThan(8);
  expect([...new Set(commands)].filter((name) => !scripts.includes(name))).toEqual([]);
});

test("every error code is documented with its status, and no other is", () => {
  const rows = [...read("docs/api.md").matchAll(/^\| (\w+) \| (\d{3}) \|/gm)].map(([, code = "", status]) => [
    code,
    Number(status),
  ]);
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(PROBLEMS).map(([code, { status }]) => [code, status])),
  );
});

test("every route is documented", () => {
  const api = read("docs/api.md");
  const routes = Object.values(EXPECTED_ROUTES).flatMap((worker) => Object.keys(worker));
  const undocumented = routes.filter((route) => {
    const [method = "", url = ""] = route.split(" ");
    const tail = url.startsWith("/internal/provision/") ? `…/${url.split("/").at(-1)}` : url;
    return !api.includes(`${method} ${url}`) && !(url !== tail && api.includes(tail)) && !api.includes(`\`${tail}\``);
  });
  expect(undocumented).toEqual([]);
});

test("no document is unfinished", () => {
  expect(documents.filter((file) => /@@|TODO|TBD/.test(read(file)))).toEqual([]);
});

test("the README has at most 150 lines", () => {
  expect(read("README.md").split("\n").length).toBeLessThanOrEqual(151);
});
