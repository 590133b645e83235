import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { REPOSITORY_ROOT } from "../wrangler-config.ts";

const WRANGLER = path.join(REPOSITORY_ROOT, "node_modules/wrangler/bin/wrangler.js");

const QUIET = { WRANGLER_SEND_METRICS: "false", CI: "1", FORCE_COLOR: "0", WRANGLER_LOG: "log" };

/** Children under way. Each leads a process group, because wrangler starts processes of its own. */
const children = new Set<ChildProcess>();

function start(args: readonly string[], secrets: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, [WRANGLER, ...args], {
    cwd: REPOSITORY_ROOT,
    env: { ...process.env, ...QUIET, ...secrets },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  children.add(child);
  child.once("exit", () => {
    children.delete(child);
    signalGroup(child, "SIGKILL");
  });
  return child;
}

/** Runs a wrangler command to its end; throws with its output when it fails. */
export async function runWrangler(args: readonly string[]): Promise<void> {
  const child = start(args);
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
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
  return start(args, options.secrets);
}

/** Asks a process and those it started to stop, and makes them stop after five seconds. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  signalGroup(child, "SIGTERM");
  const timer = setTimeout(() => signalGroup(child, "SIGKILL"), 5_000);
  await exited;
  clearTimeout(timer);
}

/** Stops whatever is under way, for a stop that comes before the stack is ready. */
export async function stopAllProcesses(): Promise<void> {
  await Promise.all([...children].map((child) => stopProcess(child)));
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}
