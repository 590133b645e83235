import { setImmediate as nextTurn } from "node:timers/promises";
import { ConnectionDropped } from "../connection-dropped.ts";
import type { StripeHandler } from "./api.ts";
import { apiVersion, noOrigin, type EmulatorContext } from "./context.ts";
import { nameMeterLock } from "./meter-lock.ts";
import { expandFields } from "./expand.ts";
import { createServerFailure, createRateLimit, StripeFailure } from "./stripe-failure.ts";
import { isSavedFault, type Fault, type FaultBook } from "./faults.ts";
import type { KeyBook, KeyedCall } from "./idempotency.ts";
import { checkSecretKey, readCall, type ReceivedCall } from "./received-call.ts";

export interface Pipeline {
  readonly context: EmulatorContext;
  readonly faults: FaultBook;
  readonly keys: KeyBook;
  /** Customer and meter of each meter event in flight. */
  readonly meterLocks: Set<string>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly isSaved: boolean;
}

class AnswerHangs extends Error {
  override readonly name = "AnswerHangs";
}

/** Runs one API call: credentials, limit, faults, idempotency key, handler. */
export async function answerCall(pipeline: Pipeline, request: Request, handler: StripeHandler, id: string) {
  const requestId = pipeline.context.createRequestId();
  try {
    checkSecretKey(request, pipeline.context.options.secretKeys);
    const limit = pipeline.faults.takeRateLimit(pipeline.context.nowMs());
    if (limit !== undefined) throw createRateLimit(limit);
    const call = await readCall(request, { id, requestId });
    return await runLocked(pipeline, call, handler);
  } catch (error) {
    // Only the way back hangs: by now the key and the meter are free for a retry.
    if (error instanceof AnswerHangs) await untilAborted(request.signal);
    if (error instanceof AnswerHangs) throw new ConnectionDropped("the caller gave up on a hanging answer");
    if (!(error instanceof StripeFailure)) throw error;
    return respond(describeFailure(error), { requestId, key: null });
  }
}

/** Stripe takes one meter event at a time for a customer and meter; a second one in flight is limited. */
async function runLocked(pipeline: Pipeline, call: ReceivedCall, handler: StripeHandler): Promise<Response> {
  const lock = nameMeterLock(call);
  if (lock === undefined) return await runKeyed(pipeline, call, handler);
  if (pipeline.meterLocks.has(lock)) throw createRateLimit({ reason: "endpoint-concurrency" });
  pipeline.meterLocks.add(lock);
  try {
    return await runKeyed(pipeline, call, handler);
  } finally {
    pipeline.meterLocks.delete(lock);
  }
}

async function runKeyed(pipeline: Pipeline, call: ReceivedCall, handler: StripeHandler): Promise<Response> {
  if (call.key === null) return await runFaulty(pipeline, call, handler);
  const keyed: KeyedCall = { key: call.key, fingerprint: call.fingerprint, nowMs: pipeline.context.nowMs() };
  const saved = pipeline.keys.begin(keyed);
  if (saved !== undefined) return await replay(pipeline, call, saved);
  try {
    return await runFaulty(pipeline, call, handler, (answer) => {
      if (answer.isSaved) pipeline.keys.save(keyed, { ...answer, requestId: call.requestId });
    });
  } finally {
    pipeline.keys.end(keyed);
  }
}

async function replay(
  pipeline: Pipeline,
  call: ReceivedCall,
  saved: { readonly status: number; readonly body: string; readonly requestId: string },
): Promise<Response> {
  const headers = { "idempotent-replayed": "true", "original-request": saved.requestId };
  const answer = { status: saved.status, body: saved.body, headers, isSaved: false };
  const fault = pipeline.faults.take({ method: call.method, path: call.path, isReplay: true });
  return await passFault(pipeline, call, { fault, run: () => answer });
}

async function runFaulty(
  pipeline: Pipeline,
  call: ReceivedCall,
  handler: StripeHandler,
  onAnswer: (answer: Answer) => void = () => undefined,
): Promise<Response> {
  const fault = pipeline.faults.take({ method: call.method, path: call.path, isReplay: false });
  const run = (): Answer => {
    const answer = runHandler(pipeline.context, call, handler);
    // A saved error stands in for the endpoint's own answer; any other fault only hides it.
    if (fault === undefined || !isSavedFault(fault)) onAnswer(answer);
    return answer;
  };
  const response = await passFault(pipeline, call, { fault, run });
  if (fault !== undefined && isSavedFault(fault)) onAnswer({ ...describeFault(fault), isSaved: true });
  return response;
}

/** Lets the call through the fault: before, after or instead of its effect. */
async function passFault(
  pipeline: Pipeline,
  call: ReceivedCall,
  step: { readonly fault: Fault | undefined; readonly run: () => Answer },
): Promise<Response> {
  const { fault, run } = step;
  await nextTurn();
  if (fault === undefined) return respond(run(), call);
  if (fault.status === "slow") {
    await sleep(pipeline.context, fault.delay_ms ?? 1_000);
    return respond(run(), call);
  }
  if (fault.status === "lost_answer" || fault.effect === true) run();
  if (fault.status === "hang") throw new AnswerHangs();
  if (typeof fault.status !== "number") throw new ConnectionDropped("the connection was dropped by a fault");
  return respond(describeFault(fault), call);
}

function runHandler(context: EmulatorContext, call: ReceivedCall, handler: StripeHandler): Answer {
  context.origin = { requestId: call.requestId, idempotencyKey: call.key };
  try {
    const body = expandFields(context.state, handler(call), call.params.texts("expand"));
    return { status: 200, body: JSON.stringify(body, null, 2), headers: {}, isSaved: true };
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error;
    return describeFailure(error);
  } finally {
    context.origin = noOrigin;
  }
}

function describeFault(fault: Fault): Answer {
  const status = typeof fault.status === "number" ? fault.status : 500;
  if (status === 429) return describeFailure(createRateLimit(fault));
  return describeFailure(createServerFailure(status));
}

function describeFailure(failure: StripeFailure): Answer {
  const { status, headers, isSaved } = failure;
  return { status, headers, isSaved, body: JSON.stringify(failure.body, null, 2) };
}

function respond(answer: Answer, call: { readonly requestId: string; readonly key: string | null }): Response {
  return new Response(answer.body, {
    status: answer.status,
    headers: {
      "content-type": "application/json",
      "request-id": call.requestId,
      "stripe-version": apiVersion,
      ...(call.key === null ? {} : { "idempotency-key": call.key }),
      ...answer.headers,
    },
  });
}

async function sleep(context: EmulatorContext, ms: number): Promise<void> {
  const wait = context.options.sleep ?? ((delayMs: number) => new Promise((done) => setTimeout(done, delayMs)));
  await wait(ms);
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
