import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createGithubEmulator, createWorkflowRunner } from "../github-emulator/index.ts";
import { createStripeEmulator, serveEmulator, type StripeEmulator } from "../stripe-emulator/index.ts";
import { STRIPE_CATALOGUE } from "./catalogue.ts";
import { LOCAL_SECRETS, type Endpoints } from "./settings.ts";

/** The emulators of the development stack, with Stripe's state kept in a file over restarts. */
export interface Emulators extends Endpoints {
  stripe: StripeEmulator;
  /** Delivers webhooks that wait and lets accepted workflow runs do their work. */
  tick(): Promise<void>;
  close(): Promise<void>;
}

/** Starts both emulators on loopback, on fixed ports so that a Stripe client can be pointed at them. */
export async function startEmulators(options: {
  origin: string;
  stateFolder: string;
  stripePort: number;
  githubPort: number;
}): Promise<Emulators> {
  const file = path.join(options.stateFolder, "stripe-emulator.json");
  const stripe = createStripeEmulator({ publicUrl: `http://localhost:${options.stripePort}` });
  if (existsSync(file)) stripe.restore(readFileSync(file, "utf8"));
  stripe.seed(STRIPE_CATALOGUE);
  stripe.setEndpoints([{ url: `${options.origin}/webhooks/stripe`, secret: LOCAL_SECRETS.STRIPE_WEBHOOK_SECRET }]);
  const github = createGithubEmulator({ tokens: [LOCAL_SECRETS.GITHUB_TOKEN] });
  const runner = createWorkflowRunner({
    controlPlaneUrl: options.origin,
    provisionerSecret: LOCAL_SECRETS.PROVISIONER_SECRET,
  });
  const stripeServer = await serveEmulator(stripe, options.stripePort);
  const githubServer = await serveEmulator(github, options.githubPort);
  let saved = "";
  const save = (): void => {
    const text = stripe.snapshot();
    if (text === saved) return;
    mkdirSync(options.stateFolder, { recursive: true });
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
    saved = text;
  };
  return {
    stripe,
    stripeUrl: stripeServer.url,
    githubUrl: githubServer.url,
    tick: async () => {
      await stripe.deliverPending();
      await runner.playQueued(github);
      save();
    },
    close: async () => {
      save();
      await stripeServer.close();
      await githubServer.close();
    },
  };
}
