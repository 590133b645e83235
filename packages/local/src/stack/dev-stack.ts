import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { REPOSITORY_ROOT } from "../wrangler-config.ts";
import { fireLocalCron, listCronTriggers, startCronClock } from "./cron-clock.ts";
import { loadDemoData } from "./demo-data.ts";
import { startEmulators, type Emulators } from "./emulators.ts";
import { writeLocalConfigs } from "./local-config.ts";
import { assertPortFree } from "./port.ts";
import { LOCAL_SECRETS, stackSecrets } from "./settings.ts";
import { followOutput } from "./server-output.ts";
import { runWrangler, spawnDevServer, stopProcess } from "./wrangler-process.ts";

const STATE = path.join(REPOSITORY_ROOT, ".wrangler/local");
const READY_MS_MAX = 60_000;
const TICK_MS = 1_000;
const STOP_MS_MAX = 3_000;

/** The development stack, until closed. */
export interface DevStack {
  origin: string;
  close(): Promise<void>;
}

/** Starts everything on one origin and keeps its state; `reset` begins anew. `onLost` hears of a runtime that died. */
export async function startDevStack(options: {
  port: number;
  reset: boolean;
  onLost: (reason: string) => void;
}): Promise<DevStack> {
  const [port, stripePort, githubPort] = [options.port, options.port + 1, options.port + 2];
  for (const one of [port, stripePort, githubPort]) await assertPortFree(one);
  const secrets = stackSecrets(process.env);
  if (options.reset) rmSync(STATE, { recursive: true, force: true });
  mkdirSync(STATE, { recursive: true });
  const origin = `http://localhost:${port}`;
  const emulators = await startEmulators({ origin, stateFolder: STATE, stripePort, githubPort });
  const configs = writeLocalConfigs(path.join(STATE, "config"), emulators);
  const storage = path.join(STATE, "storage");
  await runWrangler(["d1", "migrations", "apply", "DB", "--local", "--persist-to", storage, "-c", configs[1] ?? ""]);
  const server = spawnDevServer({ configs, port, stateFolder: storage, secrets });
  const output = followOutput(server, (line) => console.log(line));
  await waitUntilReady(origin, server).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${output.recent()}`, { cause: error });
  });
  const lost = (): void => options.onLost(`The runtime stopped.\n${output.recent()}`);
  server.once("exit", lost);
  const stopClock = startCronClock(listCronTriggers(), (trigger, dueAtMs) =>
    fireLocalCron(origin, trigger, dueAtMs).catch((error: unknown) => console.error(String(error))),
  );
  printDoors(origin, emulators);
  const background = keepBusy(origin, emulators);
  return {
    origin,
    close: async () => {
      server.off("exit", lost);
      stopClock();
      await background.stop();
      await stopProcess(server);
      await emulators.close();
    },
  };
}

async function waitUntilReady(origin: string, server: ChildProcess): Promise<void> {
  const giveUpAtMs = Date.now() + READY_MS_MAX;
  while (Date.now() < giveUpAtMs) {
    if (server.exitCode !== null) throw new Error("The runtime stopped before it was ready.");
    const response = await fetch(`${origin}/_local/health`).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.ok) return;
    await sleep(100);
  }
  throw new Error(`The workers did not answer within ${READY_MS_MAX / 1_000} s.`);
}

/** Once a second: webhooks and workflow runs happen; until it has come in whole once, demo data comes first. */
function keepBusy(origin: string, emulators: Emulators): { stop(): Promise<void> } {
  const control = new AbortController();
  const run = async (): Promise<void> => {
    await emulators.deliverAll();
    await bringDemoData(origin, emulators);
    while (!control.signal.aborted) {
      await emulators.tick().catch((error: unknown) => console.error(String(error)));
      await sleep(TICK_MS, undefined, { signal: control.signal }).catch(() => undefined);
    }
  };
  const running = run().catch((error: unknown) => {
    if (!control.signal.aborted) console.error(`Demo data could not be loaded: ${String(error)}`);
  });
  return {
    stop: async () => {
      control.abort();
      await Promise.race([running, sleep(STOP_MS_MAX)]);
    },
  };
}

async function bringDemoData(origin: string, emulators: Emulators): Promise<void> {
  const marker = path.join(STATE, "demo-data-loaded");
  if (emulators.stripe === undefined || existsSync(marker)) return;
  const { tenants, events } = await loadDemoData({
    origin,
    stripeUrl: emulators.stripeUrl,
    paidSlugs: () => emulators.paidSlugs(),
    tick: () => emulators.tick(),
    nowMs: Date.now(),
  });
  writeFileSync(marker, "");
  console.log(`Demo data: ${tenants} tenants, ${events} usage events over thirty days.`);
}

function printDoors(origin: string, emulators: Emulators): void {
  console.log(`
Ready on ${origin} (state in .wrangler/local; start with --reset to begin anew)
  operator key     ${LOCAL_SECRETS.INTERNAL_API_KEY}
  usage key        ${LOCAL_SECRETS.USE_WRITER_SECRET}
  ${emulators.stripe === undefined ? "Stripe           " : "Stripe emulator  "}${emulators.stripeUrl}
  GitHub emulator  ${emulators.githubUrl}

  curl ${origin}/health
  curl -H 'authorization: Bearer ${LOCAL_SECRETS.INTERNAL_API_KEY}' ${origin}/internal/tenants
`);
}
