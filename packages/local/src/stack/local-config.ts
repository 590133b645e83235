import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify, type TomlTable } from "smol-toml";
import { composeConfig, REPOSITORY_ROOT, WORKERS } from "../wrangler-config.ts";
import { CATALOGUE_SQL } from "./catalogue.ts";
import { localVars, SECRETS_OF, type Endpoints } from "./settings.ts";

const FRONT_DOOR = path.join(REPOSITORY_ROOT, "packages/local/src/front-door/wrangler.toml");

/**
 * Writes the workers' configurations with the local settings over them, and returns their paths, front door first.
 * Production's files stay as they are.
 */
export function writeLocalConfigs(folder: string, endpoints: Endpoints): string[] {
  const migrations = writeMigrations(path.join(folder, "migrations"));
  const paths = WORKERS.map((worker) => {
    const config = composeConfig(worker);
    const source = path.join(REPOSITORY_ROOT, "workers", worker);
    const local: TomlTable = {
      ...config,
      main: path.join(source, config["main"] as string),
      vars: { ...(config["vars"] as TomlTable | undefined), ...localVars(worker, endpoints) },
      secrets: { required: [...SECRETS_OF[worker]] },
      d1_databases: [{ binding: "DB", database_name: "prego", migrations_dir: migrations }],
    };
    const target = path.join(folder, worker, "wrangler.toml");
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, stringify(local));
    return target;
  });
  return [FRONT_DOOR, ...paths];
}

/** The real migrations and, as the last one, the catalogue of the demo business: one command applies both. */
function writeMigrations(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  cpSync(path.join(REPOSITORY_ROOT, "migrations"), folder, { recursive: true });
  writeFileSync(path.join(folder, "9999_local_catalogue.sql"), `${CATALOGUE_SQL.join(";\n")};\n`);
  return folder;
}
