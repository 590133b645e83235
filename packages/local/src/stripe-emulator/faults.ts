import { z } from "zod";
import { createRandom } from "./object-id.ts";
import { RATE_LIMIT_REASONS, type RateLimit } from "./stripe-failure.ts";

const Count = z.int().min(0);

const RATE_LIMIT = {
  reason: z.enum(RATE_LIMIT_REASONS).exactOptional(),
  retry_after_seconds: Count.exactOptional(),
} satisfies Record<keyof RateLimit, unknown>;

const Fault = z.strictObject({
  ...RATE_LIMIT,
  method: z.string().exactOptional(),
  /** Exact path, or a prefix that ends in `*`. Absent means every path. */
  path: z.string().exactOptional(),
  /**
   * A number is an error answer. `hang` never answers, `dropped` breaks the connection before any effect,
   * `lost_answer` after it, `slow` answers late.
   */
  status: z.union([z.int().min(400).max(599), z.enum(["hang", "dropped", "lost_answer", "slow"])]),
  /** Matching calls that pass before the first one fails. Default 0. */
  skip: Count.exactOptional(),
  /** Calls that fail. Default 1. */
  times: Count.exactOptional(),
  /** Chance of failing in percent, drawn from the seed. Default 100. */
  percent: Count.max(100).exactOptional(),
  /** Keeps an error answer for its idempotency key. Default: a 500 is kept, others are not. */
  save: z.boolean().exactOptional(),
  /** The effect happens although the answer is an error or never comes. Default false. */
  effect: z.boolean().exactOptional(),
  delay_ms: Count.exactOptional(),
});

/** What is to fail; as JSON it has no other members and no nulls. */
const FaultPlan = z.strictObject({
  fail: z.array(Fault.readonly()).readonly().exactOptional(),
  rate_limit: z
    .strictObject({ ...RATE_LIMIT, calls: Count, window_ms: Count })
    .readonly()
    .exactOptional(),
});

export type Fault = Readonly<z.infer<typeof Fault>>;
export type FaultPlan = Readonly<z.infer<typeof FaultPlan>>;

/** The plan in a request's body, or what is wrong with it. */
export async function readFaultPlan(request: { json(): Promise<unknown> }): Promise<FaultPlan | { message: string }> {
  const body = await request.json().catch(() => undefined);
  const { success, data, error } = FaultPlan.safeParse(body);
  return success ? data : { message: z.prettifyError(error) };
}

interface FaultTarget {
  readonly method: string;
  readonly path: string;
  readonly isReplay: boolean;
}

export interface FaultBook {
  plan(plan: FaultPlan): void;
  /** The fault for this call, counted down. */
  take(target: FaultTarget): Fault | undefined;
  /** The limit when its window is full, else undefined. */
  takeRateLimit(nowMs: number): RateLimit | undefined;
  readonly taken: number;
}

export function createFaultBook(seed: number, initial: FaultPlan = {}): FaultBook {
  const draw = createRandom(seed, 7);
  let current = initial;
  let armed = armFaults(initial);
  let taken = 0;
  let callTimes: number[] = [];
  return {
    plan: (plan) => {
      current = plan;
      armed = armFaults(plan);
      callTimes = [];
    },
    take: (target) => {
      for (const entry of armed) {
        if (entry.left <= 0 || !matches(entry.fault, target)) continue;
        if (entry.skip > 0) {
          entry.skip -= 1;
          continue;
        }
        if (draw(100) >= (entry.fault.percent ?? 100)) continue;
        entry.left -= 1;
        taken += 1;
        return entry.fault;
      }
      return undefined;
    },
    takeRateLimit: (nowMs) => {
      const limit = current.rate_limit;
      if (limit === undefined) return undefined;
      callTimes = callTimes.filter((at) => nowMs - at < limit.window_ms);
      if (callTimes.length >= limit.calls) return limit;
      callTimes.push(nowMs);
      return undefined;
    },
    get taken() {
      return taken;
    },
  };
}

export function isSavedFault(fault: Fault): boolean {
  return typeof fault.status === "number" && (fault.save ?? fault.status === 500);
}

function armFaults(plan: FaultPlan): { fault: Fault; skip: number; left: number }[] {
  return (plan.fail ?? []).map((fault) => ({ fault, skip: fault.skip ?? 0, left: fault.times ?? 1 }));
}

function matches(fault: Fault, target: FaultTarget): boolean {
  // A replay never reaches the endpoint, so only the way there and back can fail.
  if (target.isReplay && isSavedFault(fault)) return false;
  if (fault.method !== undefined && fault.method.toUpperCase() !== target.method) return false;
  const path = fault.path;
  if (path === undefined) return true;
  return path.endsWith("*") ? target.path.startsWith(path.slice(0, -1)) : target.path === path;
}
