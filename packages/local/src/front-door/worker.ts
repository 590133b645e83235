import { BACKENDS, backendOf, type Backend } from "./routes.ts";

type Env = Record<Backend, { fetch: typeof fetch }>;

const LOCAL_PREFIX = "/_local/";

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/_local/health") {
      return reportHealth(env);
    }
    if (url.pathname.startsWith(LOCAL_PREFIX)) {
      return forwardByName(request, env, url);
    }
    return env[backendOf(url.pathname)].fetch(request);
  },
};

/** `/_local/<worker>/<path>` reaches a path that every worker has, such as `/health` or `/openapi.json`. */
async function forwardByName(request: Request, env: Env, url: URL): Promise<Response> {
  const [worker = "", ...rest] = url.pathname.slice(LOCAL_PREFIX.length).split("/");
  const backend = Object.hasOwn(BACKENDS, worker) ? BACKENDS[worker] : undefined;
  if (backend === undefined) {
    return new Response("Not found\n", { status: 404 });
  }
  return env[backend].fetch(new Request(new URL(`/${rest.join("/")}${url.search}`, url), request));
}

async function reportHealth(env: Env): Promise<Response> {
  const entries = await Promise.all(
    Object.entries(BACKENDS).map(async ([worker, backend]) => {
      const response = await env[backend].fetch("http://local/health");
      return [worker, response.ok ? await response.json() : { status: response.status }] as const;
    }),
  );
  const ready = entries.every(([, report]) => (report as { worker?: string }).worker !== undefined);
  return Response.json({ ready, workers: Object.fromEntries(entries) }, { status: ready ? 200 : 503 });
}
