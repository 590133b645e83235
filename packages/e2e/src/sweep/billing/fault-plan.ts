import type { Stage } from "./kept-stores.ts";

/** What a close calls: the database, or Stripe, to make something or to look it up. */
export type CallSite = "d1" | "stripe" | "look_up";

/**
 * What goes wrong at a call. `before`: it fails without an effect. `after`: the effect is done, the answer lost. `hang`: no effect
 * and no answer; a run that waits for D1 ends there, Stripe's client gives up after its own time. `crash`: the effect is
 * done and the run is gone. `saved_500`: Stripe answers 500 and repeats it for the key; `saved_500_after`: although it did the work.
 * `not_found`: Stripe answers 404, as for a customer that was deleted.
 */
export type FaultMode = "before" | "after" | "hang" | "crash" | "saved_500" | "saved_500_after" | "not_found";

/** What can go wrong where. */
export const MODES_AT: Readonly<Record<CallSite, readonly FaultMode[]>> = {
  d1: ["before", "after", "hang", "crash"],
  stripe: ["before", "after", "hang", "crash", "saved_500", "saved_500_after", "not_found"],
  look_up: ["before", "hang", "crash", "saved_500", "not_found"],
};

/** The modes that end a run: what pairs of crashes are made of. */
export const ENDS_AT: Readonly<Record<CallSite, readonly FaultMode[]>> = {
  d1: ["hang", "crash"],
  stripe: ["crash"],
  look_up: ["crash"],
};

/** Hours until somebody carries on: within Stripe's memory, past it, and past the age of a meter event. */
export const GAPS_HOURS: readonly number[] = [1, 25, 36 * 24];

/** The n-th call of a run, counted from 1, goes wrong; the next run comes after the gap. */
export interface Fault {
  call: number;
  mode: FaultMode;
  gapHours: number;
}

/** How the end state differs from what the seeded usage costs; charges are counted. */
export interface Verdict {
  doubled: number;
  lost: number;
  wrong: number;
  /** What Stripe refused, too old a meter event above all: rejected, with an audit row and a count in `/health`. */
  rejected: number;
  /** Charges of a tenant that was purged before they were sent. */
  purged: number;
  /** Invoices of ours on which there is nothing: they cost nobody anything, and still they are letters. */
  emptyInvoices: number;
  findings: string[];
}

/** What must not happen. */
export type FindingKind = "doubled" | "lost" | "wrong";

/** Nothing differs. */
export const emptyVerdict = (): Verdict => ({
  doubled: 0,
  lost: 0,
  wrong: 0,
  rejected: 0,
  purged: 0,
  emptyInvoices: 0,
  findings: [],
});

/** Notes a difference. */
export function fault(verdict: Verdict, kind: FindingKind, text: string): void {
  verdict[kind] += 1;
  verdict.findings.push(`${kind}: ${text}`);
}

/** What became of one fault point. */
export interface PointOutcome extends Verdict {
  /** The calls of each run that a fault was meant for, and of the first one after them. */
  runs: CallSite[][];
  /** How many of the faults struck. */
  strikes: number;
}

/** What became of one schedule. */
export interface ScheduleOutcome extends Verdict {
  steps: number;
  /** Changes between tasks. */
  switches: number;
  faults: number;
  /** What ran at once. */
  tasks: string[];
}

/** What the driver asks of the harness, one JSON body each. */
export type BillingCommand =
  | { do: "fleet"; seed: number }
  | { do: "point"; stage: Stage; faults: Fault[] }
  | { do: "schedule"; seed: number };
