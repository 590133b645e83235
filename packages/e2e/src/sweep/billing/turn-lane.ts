import { BillingLane, type Outside } from "./fault-lane.ts";
import { type CallSite, type FaultMode, MODES_AT } from "./fault-plan.ts";
import type { Task, Turns } from "./turns.ts";

/** What a schedule brings besides turns: shares of calls that go wrong, and of calls to Stripe that take longer than others' turns. */
export interface Mishaps {
  random: () => number;
  faultRate: number;
  slowRate: number;
}

/** A lane whose calls wait for their turn. */
export class TurnLane extends BillingLane {
  readonly #turns: Turns;
  readonly #task: Task;
  readonly #mishaps: Mishaps;
  readonly #outside: Outside;

  constructor(outside: Outside, turn: { turns: Turns; task: Task; mishaps: Mishaps }) {
    super(outside);
    this.#outside = outside;
    this.#turns = turn.turns;
    this.#task = turn.task;
    this.#mishaps = turn.mishaps;
  }

  override pass<T>(effect: () => Promise<T>): Promise<T> {
    return this.#turns.take(this.#task, () => super.pass(effect));
  }

  protected override callStripe(request: Request): Promise<Response> {
    return this.#turns.take(this.#task, () => {
      // Only one call begins at a time, so the pause is this call's until it waits.
      this.#outside.pause = () => this.#turns.yieldTurn(this.#task);
      return super.callStripe(request);
    });
  }

  protected override choose(site: CallSite): FaultMode | undefined {
    const { random, faultRate } = this.#mishaps;
    if (random() >= faultRate) return undefined;
    const modes = MODES_AT[site].filter((mode) => mode !== "not_found");
    return modes[Math.floor(random() * modes.length)];
  }

  protected override isSlow(): boolean {
    return this.#mishaps.random() < this.#mishaps.slowRate;
  }
}
