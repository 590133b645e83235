import { writeFileSync } from "node:fs";
import { composeText, configPath, WORKERS } from "./wrangler-config.ts";

for (const worker of WORKERS) {
  writeFileSync(configPath(worker), composeText(worker));
  console.log(`wrote workers/${worker}/wrangler.toml`);
}
