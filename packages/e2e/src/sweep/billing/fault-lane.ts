import type { StripeEmulator } from "@prego/local/stripe-emulator/emulator";
import { OUTBOUND_TIMEOUT_MS } from "@prego/core/limits";
import { FaultInjector } from "../../faults/fault-injector.ts";
import { type CallSite, type Fault, type FaultMode, MODES_AT } from "./fault-plan.ts";

/** The text of D1's own connection error, which code must treat as "outcome unknown". */
const lost = (): Error => Object.assign(new Error("D1_ERROR: Network connection lost."), { retryable: true });

/** What is left of a run that is gone gets this for every call. */
const gone = (): Error => new Error("the run is gone");

/** What fetch throws when Stripe's client ends a call itself. */
const timedOut = (): Error => new DOMException("The operation was aborted.", "AbortError");

/** How the emulator brings about what goes wrong at a call. */
const STRIPE_FAULTS = {
  before: { status: "dropped" },
  after: { status: "lost_answer" },
  saved_500: { status: 500, save: true },
  saved_500_after: { status: 500, save: true, effect: true },
  not_found: { status: 404 },
} as const;

/** The world outside of a run. */
export interface Outside {
  emulator: StripeEmulator;
  clock: { nowMs: number };
  /** How long a slow call at Stripe takes. */
  pause: () => Promise<void>;
  /** Calls of all lanes so far. */
  calls: number;
  /** Who is being purged, if anybody is, and what became of it. */
  purge: PurgeWatch | undefined;
}

/** What a judge must know of a purge, and what the stores do not tell when it is over. */
export interface PurgeWatch {
  customer: string;
  hasBegun: () => Promise<boolean>;
  /** Number of the call in which it began. */
  begunAt: number | undefined;
  /** Invoices that were asked for by work that was taken up when it had begun. */
  lateInvoices: number;
}

/** The calls of one run, in their order; the fault's own goes wrong. */
export class BillingLane extends FaultInjector {
  readonly sites: CallSite[] = [];
  strikes = 0;
  /** Number, among the calls of all lanes, of this lane's newest one. */
  #lastCall = 0;
  #hasEnded = false;
  #onEnd: (() => void)[] = [];
  /** What Stripe and the database are at: it goes on when the run is gone. */
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #outside: Outside;
  readonly #planned: Pick<Fault, "call" | "mode"> | undefined;

  constructor(outside: Outside, planned?: Pick<Fault, "call" | "mode">) {
    super();
    this.#outside = outside;
    this.#planned = planned;
  }

  /** What goes wrong at the call that was just counted. */
  protected choose(site: CallSite): FaultMode | undefined {
    const { call, mode } = this.#planned ?? {};
    return call === this.sites.length && mode !== undefined && MODES_AT[site].includes(mode) ? mode : undefined;
  }

  /** The work's own outcome, or `ended` as soon as it is gone and nothing of it is under way any more. */
  async watch<T>(work: () => Promise<T>): Promise<T | "ended"> {
    const ended = new Promise<"ended">((resolve) => this.#onEnd.push(() => resolve("ended")));
    const outcome = await Promise.race([work(), ended]);
    while (this.#hasEnded && this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    return outcome;
  }

  override async pass<T>(call: () => Promise<T>): Promise<T> {
    const effect = async (): Promise<T> => {
      const result = await this.#track(call());
      await this.#watchPurge();
      return result;
    };
    switch (this.#count("d1")) {
      case "before":
        throw lost();
      case "hang":
        return this.#end();
      case "after":
        await effect();
        throw lost();
      case "crash":
        await effect();
        return this.#end();
      case "saved_500":
      case "saved_500_after":
      case "not_found":
      case undefined:
        return effect();
    }
  }

  /** Stripe behind the network; the real client calls it. */
  readonly fetch: typeof fetch = (input, init) => this.callStripe(new Request(input, init));

  /** Whether a call is under way for longer than others. */
  protected isSlow(): boolean {
    return false;
  }

  protected async callStripe(request: Request): Promise<Response> {
    await this.#watchInvoice(request);
    const mode = this.#count(request.method === "GET" ? "look_up" : "stripe");
    const { emulator, clock } = this.#outside;
    if (mode === "hang") {
      clock.nowMs += OUTBOUND_TIMEOUT_MS;
      throw timedOut();
    }
    const isFaulty = mode !== undefined && mode !== "crash";
    emulator.setFaults({
      fail: isFaulty ? [STRIPE_FAULTS[mode]] : this.isSlow() ? [{ status: "slow" }] : [],
    });
    const answer = await this.#track(emulator.fetch(request));
    return mode === "crash" ? this.#end() : answer;
  }

  async #watchPurge(): Promise<void> {
    const { purge, calls } = this.#outside;
    if (purge === undefined || purge.begunAt !== undefined) return;
    if (await purge.hasBegun()) purge.begunAt = calls;
  }

  /** The call before stored the intent; a purge that begins between the two cannot be seen by whoever stored it. */
  async #watchInvoice(request: Request): Promise<void> {
    const { purge } = this.#outside;
    if (purge?.begunAt === undefined || purge.begunAt >= this.#lastCall) return;
    if (request.method !== "POST" || new URL(request.url).pathname !== "/v1/invoices") return;
    const customer = new URLSearchParams(await request.clone().text()).get("customer");
    if (customer === purge.customer) purge.lateInvoices += 1;
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }

  /** @throws Error when the run is gone: then it makes no call any more. */
  #count(site: CallSite): FaultMode | undefined {
    if (this.#hasEnded) throw gone();
    this.#outside.calls += 1;
    this.#lastCall = this.#outside.calls;
    this.sites.push(site);
    const mode = this.choose(site);
    if (mode !== undefined) this.strikes += 1;
    return mode;
  }

  #end(): never {
    this.#hasEnded = true;
    for (const notify of this.#onEnd.splice(0)) notify();
    throw gone();
  }
}
