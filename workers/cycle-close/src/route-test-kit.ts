import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { createWorker } from "./app.ts";
import { env, OPERATOR_KEY, type World } from "./cycle-close-test-kit.ts";
import type { Env } from "./env.ts";

/** Sends a request of an operator through the whole worker. */
export async function send(
  world: World,
  path: string,
  change: { method?: string; key?: string | null; bindings?: Partial<Env>; body?: unknown } = {},
): Promise<Response> {
  const headers = new Headers();
  if (change.key !== null) headers.set("authorization", `Bearer ${change.key ?? OPERATOR_KEY}`);
  const context = createExecutionContext();
  if (change.body !== undefined) headers.set("content-type", "application/json");
  const body = change.body === undefined ? {} : { body: JSON.stringify(change.body) };
  const request = new Request(`http://local${path}`, { method: change.method ?? "GET", headers, ...body });
  const response = await createWorker(world.runtime).fetch(request, { ...env, ...change.bindings }, context);
  await waitOnExecutionContext(context);
  return response;
}
