/** Tells the story and keeps score of what was checked. */
export interface Narrator {
  /** Starts a chapter. */
  chapter(title: string): void;
  /** One line of the story. */
  say(text: string): void;
  /** Overwrites one line while something long goes on; plain lines when the output is not a terminal. */
  progress(text: string): void;
  /** Compares a figure with the one worked out independently. */
  check(what: string, actual: unknown, expected: unknown): void;
  /** Prints the score; true when every check held. */
  finish(): boolean;
}

/** Makes a narrator that prints to a stream. */
export function createNarrator(out: NodeJS.WriteStream, now: () => number): Narrator {
  const startedAtMs = now();
  let checks = 0;
  let failures = 0;
  let pending = false;
  const line = (text: string): void => {
    out.write(pending ? `\r\u001B[K${text}\n` : `${text}\n`);
    pending = false;
  };
  const seconds = (): string => ((now() - startedAtMs) / 1_000).toFixed(1);
  return {
    chapter: (title) => line(`\n${title}  (${seconds()} s)`),
    say: (text) => line(`  ${text}`),
    progress: (text) => {
      if (!out.isTTY) return;
      out.write(`\r\u001B[K  ${text}`);
      pending = true;
    },
    check: (what, actual, expected) => {
      checks += 1;
      const [shown, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
      if (shown === wanted) {
        line(`  ok   ${what}: ${shown}`);
      } else {
        failures += 1;
        line(`  FAIL ${what}: ${shown}, expected ${wanted}`);
      }
    },
    finish: () => {
      line(`\n${checks - failures} of ${checks} figures agree with the independent arithmetic, in ${seconds()} s.`);
      return failures === 0;
    },
  };
}
