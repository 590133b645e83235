import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { REPOSITORY_ROOT } from "../wrangler-config.ts";

const WRANGLER = path.join(REPOSITORY_ROOT, "node_modules/wrangler/bin/wrangler.js");

const QUIET = { WRANGLER_SEND_METRICS: "false", CI: "1", FORCE_COLOR: "0", WRANGLER_LOG: "log" };

/** Runs a wrangler command to its end; throws with its output when it fails. */
export async function runWrangler(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [WRANGLER, ...args], {
    cwd: REPOSITORY_ROOT,
    env: { ...process.env, ...QUIET },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) {
    throw new Error(`wrangler ${args.slice(0, 3).join(" ")} failed:\n${output.slice(-2_000)}`);
  }
}

/** One runtime process with all workers; the first configuration answers on the port. */
export function spawnDevServer(options: {
  configs: readonly string[];
  port: number;
  stateFolder: string;
  secrets: Record<string, string>;
}): ChildProcess {
  const args = ["dev", ...options.configs.flatMap((config) => ["-c", config])];
  args.push("--port", String(options.port), "--ip", "127.0.0.1", "--persist-to", options.stateFolder);
  args.push("--show-interactive-dev-session=false");
  return spawn(process.execPath, [WRANGLER, ...args], {
    cwd: REPOSITORY_ROOT,
    env: { ...process.env, ...QUIET, ...options.secrets },
    stdio: ["ignore", "pipe", "pipe"],
    detached: false,
  });
}

/** Asks a process to stop, and makes it stop after five seconds. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await exited;
  clearTimeout(timer);
}
