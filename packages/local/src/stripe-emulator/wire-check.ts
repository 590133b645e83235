import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

/** An answer as it travelled, and the SDK's type that describes it, such as `Stripe.Customer`. */
export interface WireSample {
  readonly name: string;
  readonly type: string;
  readonly body: unknown;
}

const repositoryRoot = path.join(import.meta.dirname, "../../../..");
const sdkTypes = path.join(import.meta.dirname, "../../node_modules/stripe/esm/stripe.esm.node.d.ts");

/**
 * The SDK's types as JSON: decimals and times are text, methods of the client do not travel, and open lists of words are
 * closed. So a missing field, one too many, a null or a word that the SDK does not know is an error.
 */
const prelude = `import Stripe from "stripe";
type Kept<T> = { [K in keyof T as NonNullable<T[K]> extends (...args: never[]) => unknown ? never : K]: Wire<T[K]> };
type Words<T> = T extends string ? (string extends T ? never : T) : never;
type Wire<T> = [Words<T>] extends [never] ? Loose<T> : Words<T> | Loose<Exclude<T, string>>;
type Loose<T> = T extends Stripe.Decimal ? string
  : T extends Date ? string
  : T extends string | number | boolean | bigint | null | undefined ? T
  : T extends readonly (infer Item)[] ? Wire<Item>[]
  : T extends object ? Kept<T> : T;
`;

/** Asks the TypeScript compiler whether each sample is what the SDK says; returns its complaints. */
export async function checkWire(samples: readonly WireSample[]): Promise<string[]> {
  const folder = await mkdtemp(path.join(tmpdir(), "stripe-wire-"));
  try {
    const lines = samples.map(({ type, body }) => `({ x: ${JSON.stringify(body)} }) satisfies { x: Wire<${type}> };`);
    await writeFile(path.join(folder, "wire.ts"), prelude + lines.join("\n"));
    await writeFile(path.join(folder, "tsconfig.json"), JSON.stringify(describeProject()));
    const output = await runCompiler(folder);
    return [...new Set(output.map((line) => nameSample(line, samples)))];
  } finally {
    await rm(folder, { recursive: true });
  }
}

function describeProject(): object {
  return {
    compilerOptions: {
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      noErrorTruncation: false,
      skipLibCheck: true,
      module: "Preserve",
      target: "ES2024",
      types: ["node"],
      typeRoots: [path.join(repositoryRoot, "node_modules/@types")],
      paths: { stripe: [sdkTypes] },
    },
    files: ["wire.ts"],
  };
}

async function runCompiler(folder: string): Promise<string[]> {
  const compiler = path.join(repositoryRoot, "node_modules/typescript/bin/tsc");
  const text = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      [compiler, "-p", folder, "--pretty", "false"],
      { maxBuffer: 16 * 1024 * 1024 },
      (error, stdout) => {
        if (error !== null && !/error TS/.test(stdout)) reject(error);
        else resolve(stdout);
      },
    );
  });
  // Continuation lines only say why; the first line of an error names the field.
  return text.split("\n").filter((line) => line !== "");
}

/** Puts the sample's name where the compiler has the line of the file that it saw. */
function nameSample(line: string, samples: readonly WireSample[]): string {
  const at = /wire\.ts\((\d+),\d+\): (.*)$/.exec(line);
  if (at === null) return line;
  const sample = samples[Number(at[1]) - prelude.split("\n").length];
  return `${sample?.name ?? "?"}: ${at[2] ?? ""}`;
}
