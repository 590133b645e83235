import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { LOCAL_SECRETS } from "@prego/local/stack";
import { USAGE_REJECTIONS } from "@prego/core/usage-event";
import { afterAll, beforeAll, expect, test } from "vitest";
import { idsOf, startUsageStack, type UsageStack } from "./usage-test-kit.ts";

const run = promisify(execFile);
const E2E = path.join(import.meta.dirname, "../..");
const DOCUMENT = readFileSync(path.join(E2E, "../../docs/usage.md"), "utf8");

const TENANT_ID = "ten_01J0000000000000000000ACME";
const LOCAL_URL = "http://localhost:8787";

let stack: UsageStack;

beforeAll(async () => {
  stack = await startUsageStack();
  await stack.addTenant("ten_another");
  await stack.addTenant(TENANT_ID, { slug: "acme" });
});
afterAll(() => stack.close());

const listExamples = (language: string): string[] =>
  [...DOCUMENT.matchAll(/```(\w+)\n([\s\S]*?)```/g)].flatMap(([, name, code = ""]) =>
    name === language ? [code] : [],
  );

/** Runs a script as a reader would, in the shell of the document's first example; of that only the port is another here. */
async function bash(script: string, environment: Record<string, string> = {}): Promise<string> {
  const [prepare = ""] = listExamples("bash");
  const code = `${prepare.replace(LOCAL_URL, stack.url.origin)}\n${script}`;
  // The working directory is where the SDKs are installed.
  const options = { cwd: E2E, env: { ...process.env, ...environment } };
  return (await run("bash", ["-euo", "pipefail", "-c", code], options)).stdout;
}

/** Runs an example in TypeScript; `settings` are shell assignments after those of the first example. */
const typescript = (code: string, settings = ""): Promise<string> =>
  bash(`${settings}\n"$NODE" --input-type=module-typescript -e "$CODE"`, { NODE: process.execPath, CODE: code });

/** A way to the stack that loses the first answer, is closed to the second request, and works from then on. */
async function openBadWay(): Promise<{ url: string; requests: string[]; close: () => void }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      requests.push(body);
      const attempt = requests.length;
      if (attempt === 2) return response.writeHead(503, { "retry-after": "1" }).end();
      return void stack.send("/usage", body).then(async (answer) => {
        if (attempt === 1) request.socket.destroy();
        else response.writeHead(answer.status).end(await answer.text());
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, requests, close: () => server.close() };
}

test("the examples of docs/usage.md work as they stand, and their events are stored", async () => {
  const [prepare, quickStart = "", lines = "", idempotent = "", meter = "", visits = "", visit = ""] =
    listExamples("bash");
  expect(prepare).toContain(
    `USAGE_KEY=${LOCAL_SECRETS.USE_WRITER_SECRET} OPERATOR_KEY=${LOCAL_SECRETS.INTERNAL_API_KEY}`,
  );
  expect(await bash(`printf %s "$TENANT"`)).toBe(TENANT_ID);
  // First of all, because usage-writer reads the meters once a minute.
  expect(JSON.parse(await bash(meter))).toMatchObject({ meter: { aggregation: "unique" } });
  expect(JSON.parse(await bash(quickStart))).toEqual(JSON.parse(listExamples("json")[0] ?? ""));
  expect(JSON.parse(await bash(lines))).toMatchObject({ accepted: 2 });
  const answers = (await bash(idempotent)).split(/(?<=\})(?=\{"accepted)/);
  expect(answers).toHaveLength(2);
  expect(answers[1]).toBe(answers[0]);

  expect(JSON.parse(await bash(visits))).toMatchObject({ accepted: 3 });
  await bash(visit);

  const [retrying = "", openmeter = "", cloudEvents = ""] = listExamples("ts");
  expect(await typescript(retrying)).toBe("[ 'tenant_unknown' ]\n");
  await typescript(openmeter);
  await typescript(cloudEvents);

  const stored = await stack.awaitLines(TENANT_ID, 12);
  const quantities = stored.flatMap(({ qty, value }) => (value === undefined ? [qty] : []));
  expect(quantities.toSorted()).toEqual(["0.000001", "1", "1.5", "12.5", "1200", "2", "2", "3"]);
  await stack.aggregate();
  expect(await stack.database.prepare("SELECT sum(new_values) AS n FROM usage_rollups").first("n")).toBe(3);
  expect(idsOf(stored)).toEqual(expect.arrayContaining(["chat-1", "job-1", "line-1", "line-2", "order-4711"]));
});

test("the sender of docs/usage.md repeats the same bytes after a lost answer and a 503, and its event counts once", async () => {
  const tenantId = await stack.addTenant("acme-retry");
  const way = await openBadWay();
  const [retrying = ""] = listExamples("ts");
  expect(await typescript(retrying, `export TENANT=${tenantId} USAGE_URL=${way.url}`)).toBe("[ 'tenant_unknown' ]\n");
  way.close();
  expect(way.requests).toHaveLength(3);
  expect(new Set(way.requests).size).toBe(1);
  await stack.postUsage({ tenant_id: tenantId, id: "last", qty: 5 });
  expect((await stack.awaitLines(tenantId, 2)).map(({ qty }) => qty).toSorted()).toEqual(["2", "5"]);
});

test("docs/usage.md has every example that runs, and names every reason to reject an event", () => {
  expect(["bash", "ts", "json"].map((language) => listExamples(language).length)).toEqual([7, 3, 1]);
  expect(USAGE_REJECTIONS.filter((reason) => !DOCUMENT.includes(`\`${reason}\``))).toEqual([]);
});
