import aggregator from "@prego/usage-aggregator/index";
import type { Env } from "@prego/usage-aggregator/env";
import { countBucket } from "./bucket.ts";
import { addCounts, COUNTS_PATH, createCounts } from "./counts.ts";
import { countDatabase } from "./database.ts";

const counts = createCounts();

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === COUNTS_PATH) return Response.json(addCounts(counts));
    if (pathname !== "/bench/run") return new Response("not found", { status: 404 });
    const counted = { ...env, DB: countDatabase(env.DB, counts), BUCKET: countBucket(env.BUCKET, counts) };
    const controller = { cron: "*/15 * * * *", scheduledTime: Date.now(), type: "scheduled", noRetry: () => undefined };
    await aggregator.scheduled(controller, counted);
    return Response.json({ ran: true });
  },
};
