import { z } from "zod";
import { OUTBOUND_TIMEOUT_MS } from "@prego/core/limits";
import { describeError } from "@prego/core/log";
import type { DispatchInputs } from "../domain/dispatch.ts";
import type { GithubSettings } from "../env.ts";

/** Accepted, with the run when GitHub names it; or not, and why. */
export type DispatchAnswer =
  | { kind: "accepted"; runId: string | null; runUrl: string | null }
  | { kind: "failed"; error: string };

const RunDetails = z.object({
  workflow_run_id: z.union([z.int().positive(), z.string().regex(/^[0-9]{1,20}$/)]).transform(String),
  html_url: z.url({ protocol: /^https?$/ }).max(500),
});

/** Dispatches the workflow. The host is fixed by configuration and redirects are not followed. Never throws. */
export async function dispatchWorkflow(
  settings: GithubSettings,
  inputs: DispatchInputs,
  outboundFetch: typeof fetch,
): Promise<DispatchAnswer> {
  const path = `/repos/${settings.repository}/actions/workflows/${encodeURIComponent(settings.workflow)}/dispatches`;
  try {
    const response = await outboundFetch(new URL(path, settings.apiBase), {
      method: "POST",
      headers: {
        accept: "application/vnd.github+json",
        authorization: `Bearer ${settings.token}`,
        "content-type": "application/json",
        "user-agent": "prego-control-plane",
        "x-github-api-version": "2022-11-28",
      },
      body: JSON.stringify({ ref: settings.ref, inputs, return_run_details: true }),
      redirect: "manual",
      signal: AbortSignal.timeout(OUTBOUND_TIMEOUT_MS),
    });
    return await readAnswer(response);
  } catch (error) {
    return { kind: "failed", error: describeError(error) };
  }
}

async function readAnswer(response: Response): Promise<DispatchAnswer> {
  if (response.status !== 200) {
    await response.body?.cancel();
    if (response.status === 204) return { kind: "accepted", runId: null, runUrl: null };
    return { kind: "failed", error: `GitHub answered ${response.status}` };
  }
  // Accepted is accepted: an answer that cannot be read must not lead to a second run.
  const body: unknown = await response.json().catch(() => undefined);
  const details = RunDetails.safeParse(body);
  return {
    kind: "accepted",
    runId: details.success ? details.data.workflow_run_id : null,
    runUrl: details.success ? details.data.html_url : null,
  };
}
