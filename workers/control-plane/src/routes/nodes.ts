import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { z } from "zod";
import { jsonBody, validate, type AppEnv } from "@prego/core/http";
import { createDeps } from "../deps.ts";
import type { Env } from "../env.ts";
import { registerNode } from "../register-node.ts";
import { provisionerOnly } from "./provisioner-auth.ts";

const NodeParam = z.object({ node_id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/) });
const Label = z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,31}$/i);
const NodeBody = z.strictObject({
  region: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/),
  provider: Label,
  size: Label,
  capacity: z.int().min(0).max(10_000),
});

export const nodeRoutes = new Hono<AppEnv<Env>>().post(
  "/internal/nodes/:node_id/register",
  describeRoute({ summary: "Registers a node and hands out its token", security: [{ bearer: [] }] }),
  provisionerOnly(),
  ...jsonBody(),
  validate("param", NodeParam),
  validate("json", NodeBody),
  async (c) => {
    const deps = createDeps(c.env, c.get("runtime"));
    const node = { nodeId: c.req.valid("param").node_id, ...c.req.valid("json") };
    return c.json(await registerNode(deps, node, { actor: c.get("actor"), traceId: c.get("traceId") }));
  },
);
