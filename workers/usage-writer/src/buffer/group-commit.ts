/** How a group is written and when the next may be. */
export interface GroupCommitOptions<Item, Result> {
  /** Writes a whole group and answers each item, in order. It must not wait: what it throws fails the group. */
  commit: (items: readonly Item[]) => readonly Result[];
  /** Gives requests that are on their way a moment to join the group. */
  gather: () => Promise<void>;
  /** Resolves when the last commit is on disk; requests that arrive until then make up the next group. */
  settle: () => Promise<void>;
}

/** Joins requests that arrive while a commit is gathered or under way. */
export interface GroupCommit<Item, Result> {
  submit(item: Item): Promise<Result>;
}

interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (reason: unknown) => void;
}

/**
 * One write for many requests. An answer is handed out as soon as its group is written: the runtime holds every outgoing
 * message back until the writes before it are durable.
 */
export function createGroupCommit<Item, Result>(options: GroupCommitOptions<Item, Result>): GroupCommit<Item, Result> {
  let queue: Waiting<Item, Result>[] = [];
  let running = false;

  const commitQueue = (): void => {
    const group = queue;
    queue = [];
    try {
      const results = options.commit(group.map(({ item }) => item));
      if (results.length !== group.length) throw new Error("a commit must answer every item");
      group.forEach(({ resolve }, index) => resolve(results[index] as Result));
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  };

  const run = async (): Promise<void> => {
    try {
      while (queue.length > 0) {
        await options.gather();
        commitQueue();
        await options.settle();
      }
    } catch (error) {
      const group = queue;
      queue = [];
      for (const { reject } of group) reject(error);
    } finally {
      running = false;
    }
  };

  return {
    submit: (item) =>
      new Promise<Result>((resolve, reject) => {
        queue.push({ item, resolve, reject });
        if (!running) {
          running = true;
          void run();
        }
      }),
  };
}
