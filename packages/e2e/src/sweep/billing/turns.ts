/** Work that makes its calls only when it is its turn. */
export interface Task {
  name: string;
  /** Calls that wait for their turn. */
  waiting: (() => void)[];
  /** Calls under way. */
  running: number;
  isOver: boolean;
}

/** What a schedule consisted of. */
export interface TurnReport {
  steps: number;
  /** Turns that went to another task than the one before. */
  switches: number;
}

const STEPS_MAX = 5_000;

/** Lets tasks run at once, one call at a time: a seed says whose turn it is, so that a schedule can be run again. */
export class Turns {
  readonly #random: () => number;
  readonly #onStep: () => void;
  readonly #tasks: Task[] = [];
  readonly #works: Promise<void>[] = [];
  #changed: () => void = () => undefined;

  constructor(random: () => number, onStep: () => void) {
    this.#random = random;
    this.#onStep = onStep;
  }

  /** Starts work; it gets as far as its first call. */
  start(name: string, work: (task: Task) => Promise<unknown>): void {
    const task: Task = { name, waiting: [], running: 0, isOver: false };
    this.#tasks.push(task);
    const end = (): void => {
      task.isOver = true;
      this.#changed();
    };
    this.#works.push(work(task).then(end, end));
  }

  /** Runs a call when its turn comes. */
  async take<T>(task: Task, call: () => Promise<T>): Promise<T> {
    await this.#queue(task);
    try {
      return await call();
    } finally {
      task.running -= 1;
      this.#changed();
    }
  }

  /** Lets others have their turns in the middle of a call. */
  async yieldTurn(task: Task): Promise<void> {
    task.running -= 1;
    await this.#queue(task);
  }

  /** Gives turns until all work is done. */
  async run(): Promise<TurnReport> {
    const report: TurnReport = { steps: 0, switches: 0 };
    let last: Task | undefined;
    for (;;) {
      while (!this.#tasks.every(isIdle)) await new Promise<void>((resolve) => (this.#changed = resolve));
      const ready = this.#tasks.filter((task) => !task.isOver && task.waiting.length > 0);
      const task = ready[Math.floor(this.#random() * ready.length)];
      if (task === undefined) break;
      if (report.steps >= STEPS_MAX) throw new Error(`${task.name} makes calls without end`);
      report.steps += 1;
      if (task !== last) report.switches += 1;
      last = task;
      this.#onStep();
      // It counts as under way from here on, before its call has begun.
      task.running += 1;
      task.waiting.shift()?.();
    }
    await Promise.all(this.#works);
    return report;
  }

  #queue(task: Task): Promise<void> {
    return new Promise((resolve) => {
      task.waiting.push(resolve);
      this.#changed();
    });
  }
}

/** Between two calls a task computes: then nobody has a turn. */
const isIdle = ({ isOver, running, waiting }: Task): boolean => isOver || (running === 0 && waiting.length > 0);
