import { createGithubEmulator, createWorkflowRunner } from "../github-emulator/index.ts";
import { createStripeEmulator, serveEmulator, type StripeEmulator } from "../stripe-emulator/index.ts";
import { CATALOGUE_SQL, STRIPE_CATALOGUE } from "../stack/catalogue.ts";
import { startEphemeralStack, type EphemeralStack } from "../stack/ephemeral-stack.ts";
import { LOCAL_SECRETS } from "../stack/settings.ts";
import { createOperatorClient, type OperatorClient } from "./operator-client.ts";

/** The local stack with its emulators, made for one story and gone afterwards. */
export interface World {
  stack: EphemeralStack;
  stripe: StripeEmulator;
  client: OperatorClient;
  /** Delivers Stripe's events to the webhook until none waits. */
  deliverWebhooks(): Promise<void>;
  /** Lets the workflow runs that GitHub accepted do their work; returns how many. */
  runWorkflows(): Promise<number>;
  database: D1Database;
  bucket: R2Bucket;
  close(): Promise<void>;
}

/** Starts emulators and workers, and gives the business its plans and nodes. */
export async function createWorld(): Promise<World> {
  const stripe = createStripeEmulator();
  const github = createGithubEmulator({ tokens: [LOCAL_SECRETS.GITHUB_TOKEN] });
  const stripeServer = await serveEmulator(stripe);
  const githubServer = await serveEmulator(github);
  const stack = await startEphemeralStack({
    stripeUrl: stripeServer.url,
    githubUrl: githubServer.url,
    vars: { "usage-writer": { FLUSH_SECONDS: "1" } },
  });
  stripe.seed(STRIPE_CATALOGUE);
  stripe.setEndpoints([
    { url: new URL("/webhooks/stripe", stack.url).href, secret: LOCAL_SECRETS.STRIPE_WEBHOOK_SECRET },
  ]);
  const { DB: database, BUCKET: bucket } = await stack.bindings();
  await database.batch(CATALOGUE_SQL.map((statement) => database.prepare(statement)));
  const runner = createWorkflowRunner({
    controlPlaneUrl: stack.url.origin,
    provisionerSecret: LOCAL_SECRETS.PROVISIONER_SECRET,
  });
  return {
    stack,
    stripe,
    client: createOperatorClient((path, init) => fetch(new URL(path, stack.url), init)),
    deliverWebhooks: async () => {
      await stripe.deliverPending({ all: true });
    },
    runWorkflows: async () => (await runner.playQueued(github)).length,
    database,
    bucket,
    close: async () => {
      await stack.close();
      await stripeServer.close();
      await githubServer.close();
    },
  };
}
