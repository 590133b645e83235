import { runBillingCommand, SYNOPSIS as BILLING } from "./sweep/billing/command.ts";
import { runUsageCommand, SYNOPSIS as USAGE } from "./sweep/usage-command.ts";

const COMMANDS: Readonly<Record<string, (args: string[]) => Promise<boolean>>> = {
  usage: runUsageCommand,
  billing: runBillingCommand,
};

const [name = "", ...args] = process.argv.slice(2);
const run = COMMANDS[name];
if (run === undefined) throw new Error(`${USAGE}\n${BILLING}`);
process.exitCode = (await run(args)) ? 0 : 1;
