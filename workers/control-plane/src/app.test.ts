import { describe, expect, it } from "vitest";
import { listRoutes } from "@prego/core/http";
import { createWorker } from "./app.ts";
import { ControlPlane, SECRETS } from "./control-plane-test-kit.ts";

const provisioner = { authorization: `Bearer ${SECRETS.PROVISIONER_SECRET}`, "content-type": "application/json" };
const BODIES: Record<string, object> = {
  "/internal/provision/x1/claim": { run_id: "1" },
  "/internal/nodes/x1/register": { region: "eu", provider: "local", size: "s", capacity: 1 },
};
const JOB_BODIES: Record<string, object> = {
  "/internal/provision/x1/progress": { stage: "server" },
  "/internal/provision/x1/complete": { readiness: {} },
  "/internal/provision/x1/fail": { failure_stage: "server", error: "no room" },
};

describe("the worker", () => {
  it("documents every route it has", async () => {
    const plane = new ControlPlane();
    const { body } = await plane.get<{ openapi: string; paths: Record<string, object> }>("/openapi.json");
    expect(body.openapi).toMatch(/^3\.1/);
    const documented = Object.keys(body.paths).map((path) => path.replaceAll(/\{(\w+)\}/g, ":$1"));
    const routes = listRoutes(createWorker(plane.runtime).routes).map(({ path }) => path);
    const known = new Set([...documented, "/health", "/openapi.json"]);
    expect(routes.filter((path) => !known.has(path))).toEqual([]);
  });

  it.each(Object.entries(BODIES))("refuses what is not the body of %s", async (path, body) => {
    const plane = new ControlPlane();
    const post = async (text: string, headers: Record<string, string> = provisioner) =>
      (await plane.send(path, { method: "POST", headers, body: text })).status;
    expect(await post("<a/>", { ...provisioner, "content-type": "text/xml" })).toBe(415);
    expect(await post("x".repeat(65_537))).toBe(413);
    for (const text of ['{"a":', "", "[]", "null", '"text"', "12", "[".repeat(10_000)]) {
      expect(await post(text)).toBe(400);
    }
    expect(await post(JSON.stringify({ ...body, extra: 1 }))).toBe(400);
    expect(await post(JSON.stringify(body), { "content-type": "application/json" })).toBe(401);
  });

  it.each(Object.entries(JOB_BODIES))("keeps %s shut without a job token", async (path, body) => {
    const plane = new ControlPlane();
    expect((await plane.post(path, "0".repeat(64), body)).status).toBe(401);
    expect((await plane.post(path, "undefined", body)).status).toBe(401);
    plane.bindings = { ...plane.bindings, PROVISIONER_SECRET: "" };
    expect((await plane.post(path, "undefined", body)).status).toBe(503);
  });

  it("answers with a problem that never repeats the input", async () => {
    const response = await new ControlPlane().send("/trace/echo-me-not", {
      headers: { authorization: `Bearer ${SECRETS.INTERNAL_API_KEY}` },
    });
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.text()).not.toContain("echo-me-not");
  });
});
