import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify, type TomlTable } from "smol-toml";
import { composeConfig, REPOSITORY_ROOT, WORKERS } from "../wrangler-config.ts";
import { localVars, SECRETS_OF, type Endpoints } from "./settings.ts";

const FRONT_DOOR = path.join(REPOSITORY_ROOT, "packages/local/src/front-door/wrangler.toml");

/**
 * Writes the workers' configurations with the local settings over them, and returns their paths, front door first.
 * Production's files stay as they are.
 */
export function writeLocalConfigs(folder: string, endpoints: Endpoints): string[] {
  const paths = WORKERS.map((worker) => {
    const config = composeConfig(worker);
    const source = path.join(REPOSITORY_ROOT, "workers", worker);
    const local: TomlTable = {
      ...config,
      main: path.join(source, config["main"] as string),
      vars: { ...(config["vars"] as TomlTable | undefined), ...localVars(worker, endpoints) },
      secrets: { required: [...SECRETS_OF[worker]] },
      d1_databases: [
        { binding: "DB", database_name: "prego", migrations_dir: path.join(REPOSITORY_ROOT, "migrations") },
      ],
    };
    const target = path.join(folder, worker, "wrangler.toml");
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, stringify(local));
    return target;
  });
  return [FRONT_DOOR, ...paths];
}
