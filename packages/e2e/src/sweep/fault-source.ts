import { createRandom } from "../bench/statistics.ts";
import { FaultInjector } from "../faults/fault-injector.ts";
import {
  type CallSite,
  canStrike,
  type FaultPlan,
  type FaultReport,
  type Strike,
  SWEEP_MODES,
  type SweepMode,
} from "./fault-plan.ts";

/** The text of D1's own connection error, which code must treat as "outcome unknown". */
const lost = (): Error => Object.assign(new Error("D1_ERROR: Network connection lost."), { retryable: true });

/** Counts the calls of all sites together and decides which go wrong. */
export class FaultSource {
  #plan: FaultPlan | undefined;
  #random: () => number = () => 1;
  #sites: CallSite[] = [];
  #strikes: Strike[] = [];
  readonly #sticky = new Set<CallSite>();
  readonly #late: (() => Promise<unknown>)[] = [];

  arm(plan: FaultPlan): void {
    this.#plan = plan;
    this.#sites = [];
    this.#strikes = [];
    if ("seed" in plan) this.#random = createRandom(plan.seed);
  }

  /** Ends all faults; effects that are late stay so. */
  heal(): FaultReport {
    const report = { sites: this.#sites, strikes: this.#strikes };
    this.#plan = undefined;
    this.#sticky.clear();
    this.#strikes = [];
    return report;
  }

  delay(effect: () => Promise<unknown>): void {
    this.#late.push(effect);
  }

  /** Leaves nothing to the next scenario. */
  reset(): void {
    this.heal();
    this.#late.length = 0;
  }

  /** Lets the late effects happen at last; returns their number. */
  async deliverLate(): Promise<number> {
    const effects = this.#late.splice(0);
    for (const effect of effects) await effect().catch(() => undefined);
    return effects.length;
  }

  /** Counts a call; returns what goes wrong with it. */
  strike(site: CallSite): SweepMode | undefined {
    if (this.#plan === undefined) return undefined;
    this.#sites.push(site);
    if (this.#sticky.has(site)) return "before";
    const mode = this.#choose(this.#plan);
    if (mode === undefined || !canStrike(site, mode)) return undefined;
    this.#strikes.push({ call: this.#sites.length, site, mode });
    if (mode === "sticky") this.#sticky.add(site);
    return mode;
  }

  #choose(plan: FaultPlan): SweepMode | undefined {
    if ("call" in plan) return plan.call === this.#sites.length ? plan.mode : undefined;
    if (this.#random() >= plan.rate) return undefined;
    return SWEEP_MODES[Math.floor(this.#random() * SWEEP_MODES.length)];
  }
}

/** The calls of one request, run or object. Whoever waits for it learns of a hang at once instead of after a deadline. */
export class FaultLane extends FaultInjector {
  readonly #source: FaultSource;
  readonly #site: CallSite;
  readonly #restart: () => void;
  readonly #sync: () => Promise<void>;
  #onHang: (() => void)[] = [];

  /** @param sync waits until all that an object wrote is durable: before that the runtime lets no message out of it. */
  constructor(
    source: FaultSource,
    site: CallSite,
    {
      restart = () => undefined,
      sync = async () => undefined,
    }: { restart?: () => void; sync?: () => Promise<void> } = {},
  ) {
    super();
    this.#source = source;
    this.#site = site;
    this.#restart = restart;
    this.#sync = sync;
  }

  /** The work's own outcome, or `hung` as soon as one of its calls will never answer. */
  async watch<T>(work: () => Promise<T>): Promise<T | "hung"> {
    const hung = new Promise<"hung">((resolve) => this.#onHang.push(() => resolve("hung")));
    return Promise.race([work(), hung]);
  }

  override pass<T>(effect: () => Promise<T>): Promise<T> {
    return this.passAt(this.#site, this.#restart, effect);
  }

  /** A call of the same work at another site. */
  async passAt<T>(site: CallSite, restart: () => void, effect: () => Promise<T>): Promise<T> {
    switch (this.#source.strike(site)) {
      case undefined:
        return effect();
      case "before":
      case "sticky":
        throw lost();
      case "after":
        await effect();
        throw lost();
      case "late":
        await this.#sync();
        this.#source.delay(effect);
        return this.#hang();
      case "hang":
        return this.#hang();
      case "restart": {
        const answer = effect();
        restart();
        return answer;
      }
    }
  }

  #hang(): Promise<never> {
    const waiting = this.#onHang;
    this.#onHang = [];
    for (const notify of waiting) notify();
    return new Promise<never>(() => undefined);
  }
}

/** A call that answers at once: it fails before or after its effect, or takes the object with it. */
export function passNow<T>(source: FaultSource, restart: () => void, effect: () => T): T {
  const mode = source.strike("object_sql");
  if (mode === undefined) return effect();
  if (mode === "restart") restart();
  else if (mode === "after") effect();
  throw lost();
}
