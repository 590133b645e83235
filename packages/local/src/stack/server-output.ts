import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

const KEPT_LINES = 60;

/** Shows the workers' own log lines and errors, and keeps the rest to explain a start that fails. */
export interface ServerOutput {
  /** The last lines of everything the runtime printed. */
  recent(): string;
}

/** Follows the output of the runtime. Its banners and notes about local development are kept but not shown. */
export function followOutput(server: ChildProcess, show: (line: string) => void): ServerOutput {
  const lines: string[] = [];
  for (const stream of [server.stdout, server.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      if (/^(\[prego-[\w-]+\] )?\{/.test(line) || /\[wrangler:err|✘/.test(line)) show(line);
    });
  }
  return { recent: () => lines.join("\n") };
}
