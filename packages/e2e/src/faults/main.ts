export { UsageBuffer } from "@prego/usage-writer/index";

export default { fetch: () => new Response("not served", { status: 404 }) };
