import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createGithubEmulator, createWorkflowRunner } from "../github-emulator/index.ts";
import { createStripeEmulator, serveEmulator, type StripeEmulator } from "../stripe-emulator/index.ts";
import { STRIPE_CATALOGUE } from "./catalogue.ts";
import { hasRealStripe, LOCAL_SECRETS, type Endpoints } from "./settings.ts";

/** The emulators of the development stack, with Stripe's state kept in a file over restarts. */
export interface Emulators extends Endpoints {
  /** Absent when a real account takes its place. */
  stripe: StripeEmulator | undefined;
  /** Slugs for which a checkout was paid. */
  paidSlugs(): Set<string>;
  /** Delivers webhooks that wait and lets accepted workflow runs do their work. */
  tick(): Promise<void>;
  /** Delivers also what a stopped stack missed and Stripe would only send again later. */
  deliverAll(): Promise<void>;
  close(): Promise<void>;
}

/** Starts the emulators on loopback, on fixed ports so that a Stripe client can be pointed at them. */
export async function startEmulators(options: {
  origin: string;
  stateFolder: string;
  stripePort: number;
  githubPort: number;
}): Promise<Emulators> {
  const github = createGithubEmulator({ tokens: [LOCAL_SECRETS.GITHUB_TOKEN] });
  const githubServer = await serveEmulator(github, options.githubPort);
  const runner = createWorkflowRunner({
    controlPlaneUrl: options.origin,
    provisionerSecret: LOCAL_SECRETS.PROVISIONER_SECRET,
  });
  const stripe = hasRealStripe(process.env) ? undefined : await startStripe(options);
  return {
    stripe: stripe?.emulator,
    stripeUrl: stripe?.url ?? "https://api.stripe.com",
    githubUrl: githubServer.url,
    paidSlugs: () =>
      new Set(
        [...(stripe?.emulator.state.checkoutSessions.values() ?? [])]
          .filter(({ status }) => status === "complete")
          .map(({ metadata }) => metadata["slug"] ?? ""),
      ),
    deliverAll: async () => {
      await stripe?.emulator.deliverPending({ all: true });
    },
    tick: async () => {
      await stripe?.emulator.deliverPending();
      await runner.playQueued(github);
      stripe?.save();
    },
    close: async () => {
      await stripe?.close();
      await githubServer.close();
    },
  };
}

/** Stripe's emulator with its state kept in a file, written anew only when it changed. */
async function startStripe(options: { origin: string; stateFolder: string; stripePort: number }) {
  const file = path.join(options.stateFolder, "stripe-emulator.json");
  const emulator = createStripeEmulator({ publicUrl: `http://localhost:${options.stripePort}` });
  if (existsSync(file)) emulator.restore(readFileSync(file, "utf8"));
  emulator.seed(STRIPE_CATALOGUE);
  emulator.setEndpoints([{ url: `${options.origin}/webhooks/stripe`, secret: LOCAL_SECRETS.STRIPE_WEBHOOK_SECRET }]);
  const server = await serveEmulator(emulator, options.stripePort);
  let saved = "";
  const save = (): void => {
    const text = emulator.snapshot();
    if (text === saved) return;
    mkdirSync(options.stateFolder, { recursive: true });
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
    saved = text;
  };
  return {
    emulator,
    url: server.url,
    save,
    close: async () => {
      save();
      await server.close();
    },
  };
}
