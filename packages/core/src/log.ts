/** Severity of a log line. */
export type LogLevel = "info" | "warn" | "error";

/** Fields of one log line: ids, counts and codes. Never personal data, never a secret, never a request body. */
export interface LogFields {
  [name: string]: string | number | boolean | null | undefined | LogFields | LogFields[] | string[];
}

/** Writes one structured line. */
export type Logger = (level: LogLevel, event: string, fields?: LogFields) => void;

/**
 * Makes the one logger of a worker: each call writes one line of JSON.
 * @param worker name of the worker, on every line as `worker`.
 * @param write sink for a finished line, such as `console.log`.
 * @param now clock in epoch milliseconds.
 */
export function createLogger(worker: string, write: (line: string) => void, now: () => number): Logger {
  return (level, event, fields = {}) => {
    write(JSON.stringify({ ts: new Date(now()).toISOString(), level, worker, event, ...fields }));
  };
}

/** Text of an unknown error for the log: name and message, at most 300 characters, its cause included. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) {
    return "non-error thrown";
  }
  const cause = error.cause instanceof Error ? ` <- ${error.cause.message}` : "";
  return `${error.name}: ${error.message}${cause}`.slice(0, 300);
}
