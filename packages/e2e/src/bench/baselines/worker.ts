import { DurableObject } from "cloudflare:workers";

interface Env {
  DB: D1Database;
  BUCKET: R2Bucket;
  EMPTY: DurableObjectNamespace<EmptyObject>;
}

/** The limit of any single-writer design: an object whose method does nothing. */
export class EmptyObject extends DurableObject {
  touch(): { ok: true } {
    return { ok: true };
  }
}

const ACCEPTED = '{"accepted":1}';

const answer = (): Response =>
  new Response(ACCEPTED, { status: 202, headers: { "content-length": String(ACCEPTED.length) } });

/** What people would use instead, each as cheap as it can be. */
const BASELINES: Record<string, (body: string, env: Env) => Promise<unknown>> = {
  "/bare": () => Promise.resolve(),
  "/object": (_body, env) => env.EMPTY.getByName("t1").touch(),
  "/d1": (body, env) => env.DB.prepare("INSERT INTO baseline_events (body) VALUES (?)").bind(body).run(),
  "/r2": (body, env) => env.BUCKET.put(`baseline/${crypto.randomUUID()}`, body),
};

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const baseline = BASELINES[new URL(request.url).pathname];
    if (baseline === undefined) return new Response("not found", { status: 404 });
    await baseline(await request.text(), env);
    return answer();
  },
};
