import { applyD1Migrations, type D1Migration, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";

const bindings = env as unknown as { DB: D1Database; BUCKET: R2Bucket; TEST_MIGRATIONS: D1Migration[] };
const RESETS_MAX = 20;

/** Whether nothing is left in the database and the bucket. */
async function isEmpty(): Promise<boolean> {
  const tables = "SELECT count(*) AS n FROM sqlite_master WHERE substr(name, 1, 4) <> '_cf_'";
  const left = await bindings.DB.prepare(tables).first<{ n: number }>();
  return left?.n === 0 && (await bindings.BUCKET.list({ limit: 1 })).objects.length === 0;
}

// Objects that are busy while they are reset come back with what they held.
for (let resets = 1; resets === 1 || !(await isEmpty()); resets += 1) {
  if (resets > RESETS_MAX) throw new Error("the storage of an earlier test file cannot be emptied");
  await reset();
}
await applyD1Migrations(bindings.DB, bindings.TEST_MIGRATIONS);
