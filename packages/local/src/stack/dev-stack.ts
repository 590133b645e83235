import type { ChildProcess } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { REPOSITORY_ROOT } from "../wrangler-config.ts";
import { CATALOGUE_SQL } from "./catalogue.ts";
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

/** The development stack, until closed. */
export interface DevStack {
  origin: string;
  close(): Promise<void>;
}

/** Starts everything on one origin and keeps its state; `reset` begins anew. */
export async function startDevStack(options: { port: number; reset: boolean }): Promise<DevStack> {
  const [port, stripePort, githubPort] = [options.port, options.port + 1, options.port + 2];
  for (const one of [port, stripePort, githubPort]) await assertPortFree(one);
  if (options.reset) rmSync(STATE, { recursive: true, force: true });
  mkdirSync(STATE, { recursive: true });
  const origin = `http://localhost:${port}`;
  const emulators = await startEmulators({ origin, stateFolder: STATE, stripePort, githubPort });
  const configs = writeLocalConfigs(path.join(STATE, "config"), emulators);
  await prepareDatabase(configs[1] ?? "");
  const server = spawnDevServer({
    configs,
    port,
    stateFolder: path.join(STATE, "storage"),
    secrets: stackSecrets(process.env),
  });
  const output = followOutput(server, (line) => console.log(line));
  await waitUntilReady(origin, server).catch(async (error: unknown) => {
    await stopProcess(server);
    await emulators.close();
    throw new Error(`${String(error)}\n${output.recent()}`, { cause: error });
  });
  const stopClock = startCronClock(listCronTriggers(), (trigger, dueAtMs) =>
    fireLocalCron(origin, trigger, dueAtMs).catch((error: unknown) => console.error(String(error))),
  );
  printDoors(origin, emulators);
  const background = keepBusy(origin, emulators);
  return {
    origin,
    close: async () => {
      stopClock();
      background.stop();
      await stopProcess(server);
      await emulators.close();
    },
  };
}

async function prepareDatabase(config: string): Promise<void> {
  const storage = ["--local", "--persist-to", path.join(STATE, "storage"), "-c", config];
  await runWrangler(["d1", "migrations", "apply", "DB", ...storage]);
  const file = path.join(STATE, "catalogue.sql");
  writeFileSync(file, `${CATALOGUE_SQL.join(";\n")};\n`);
  await runWrangler(["d1", "execute", "DB", "--file", file, "--yes", ...storage]);
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

/** Once a second: webhooks and workflow runs happen; the first time round, demo data comes in. */
function keepBusy(origin: string, emulators: Emulators): { stop(): void } {
  const control = new AbortController();
  const run = async (): Promise<void> => {
    const tick = () => emulators.tick();
    if (emulators.stripe?.state.customers.size === 0) {
      const { tenants, events } = await loadDemoData({
        origin,
        stripeUrl: emulators.stripeUrl,
        tick,
        nowMs: Date.now(),
      });
      console.log(`Demo data: ${tenants} tenants, ${events} usage events over thirty days.`);
    }
    while (!control.signal.aborted) {
      await tick().catch((error: unknown) => console.error(String(error)));
      await sleep(TICK_MS);
    }
  };
  run().catch((error: unknown) => {
    if (!control.signal.aborted) console.error(`Demo data could not be loaded: ${String(error)}`);
  });
  return {
    stop: () => control.abort(),
  };
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
