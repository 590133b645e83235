import { readdirSync, readFileSync } from "node:fs";

/** What the operating system knows of the runtime's process. Linux only: elsewhere there is no figure. */
export interface ProcessFigures {
  residentBytes: number;
  /** Processor time since its start, of all its threads. */
  cpuMs: number;
}

/** Clock ticks a second in /proc, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Finds the workerd processes that this process started. */
export function findRuntimeProcesses(): number[] {
  try {
    return readdirSync("/proc/self/task")
      .flatMap((thread) => readFileSync(`/proc/self/task/${thread}/children`, "utf8").trim().split(/\s+/))
      .map(Number)
      .filter((pid) => pid > 0 && readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("workerd"));
  } catch {
    return [];
  }
}

/** Reads the figures of a process; undefined where /proc does not tell them. */
export function readProcess(pid: number | undefined): ProcessFigures | undefined {
  if (pid === undefined) return undefined;
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    // The command in parentheses may hold spaces: the numbered fields start behind it, at the third.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    const ticks = Number(fields[11]) + Number(fields[12]);
    return {
      residentBytes: Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024,
      cpuMs: (ticks * 1_000) / TICKS_PER_SECOND,
    };
  } catch {
    return undefined;
  }
}
