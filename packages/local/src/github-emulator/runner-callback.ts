import { createRandom } from "../stripe-emulator/object-id.ts";

/** What goes wrong between the runner and the control plane, in percent of the calls. */
export interface CallbackFaults {
  /** The call arrives, its answer does not: the runner sends it again. */
  readonly lose_answer_percent?: number;
  /** The call does not arrive: the runner sends it again. */
  readonly drop_percent?: number;
}

export interface CallbackTarget {
  readonly controlPlaneUrl: string;
  readonly provisionerSecret: string;
  readonly fetch?: typeof fetch;
  readonly faults?: CallbackFaults;
  readonly seed?: number;
}

interface Claim {
  readonly status: number;
  readonly token?: string;
  readonly job?: unknown;
}

export interface Callback {
  claim(jobId: string, runId: string): Promise<Claim>;
  /** The status of the answer that counted, 599 when none came. */
  send(step: {
    readonly jobId: string;
    readonly token: string;
    readonly step: "progress" | "complete" | "fail";
    readonly body: object;
  }): Promise<number>;
}

interface Post {
  readonly path: string;
  readonly token: string;
  readonly body: object;
}

const maxAttempts = 4;
const noAnswer = 599;

/** Sends callbacks as a workflow step with retries does: again after a lost answer or a 5xx. */
export function createCallback(target: CallbackTarget): Callback {
  const draw = createRandom(target.seed ?? 1, 11);
  const post = (call: Post) => postWithRetries(target, draw, call);
  return {
    claim: async (jobId, runId) => {
      const path = `/internal/provision/${encodeURIComponent(jobId)}/claim`;
      const answer = await post({ path, token: target.provisionerSecret, body: { run_id: runId } });
      const { job_token: token, job } = answer.status === 200 ? readClaim(answer.text) : {};
      return { status: answer.status, job, ...(typeof token === "string" ? { token } : {}) };
    },
    send: async ({ jobId, token, step, body }) => {
      const path = `/internal/provision/${encodeURIComponent(jobId)}/${step}`;
      return (await post({ path, token, body })).status;
    },
  };
}

async function postWithRetries(
  target: CallbackTarget,
  draw: (below: number) => number,
  call: Post,
): Promise<{ readonly status: number; readonly text: string }> {
  let answer = { status: noAnswer, text: "" };
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    if (draw(100) < (target.faults?.drop_percent ?? 0)) continue;
    const given = await postOnce(target, call);
    if (draw(100) < (target.faults?.lose_answer_percent ?? 0)) continue;
    answer = given;
    if (answer.status < 500) return answer;
  }
  return answer;
}

async function postOnce(target: CallbackTarget, call: Post): Promise<{ status: number; text: string }> {
  try {
    const response = await (target.fetch ?? fetch)(`${target.controlPlaneUrl}${call.path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${call.token}`, "content-type": "application/json" },
      body: JSON.stringify(call.body),
      redirect: "manual",
    });
    return { status: response.status, text: await response.text() };
  } catch {
    return { status: noAnswer, text: "" };
  }
}

function readClaim(text: string): { readonly job_token?: unknown; readonly job?: unknown } {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? body : {};
  } catch {
    return {};
  }
}
