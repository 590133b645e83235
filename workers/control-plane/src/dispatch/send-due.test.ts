import { describe, expect, it } from "vitest";
import { ControlPlane, seedBusiness, StripeCustomer, type Outbound } from "../control-plane-test-kit.ts";
import { sendDueDispatches } from "./send-due.ts";

const MINUTE_MS = 60_000;

/** A tenant whose dispatch waits: its webhook came while no repository was configured. */
async function waitingDispatch(slug: string): Promise<ControlPlane> {
  const plane = new ControlPlane({ GITHUB_REPOSITORY: "" });
  await seedBusiness(plane, `eu-${slug}`);
  await plane.deliver(new StripeCustomer(slug, `eu-${slug}`).checkout());
  plane.bindings = { ...plane.bindings, GITHUB_REPOSITORY: "acme/infra" };
  // Rows of earlier tests of this file are no concern of this one.
  await plane.rows(
    "UPDATE dispatches SET status = 'cancelled' WHERE trace_id <> ? AND status = 'pending'",
    `trace_${slug}`,
  );
  return plane;
}

const send = (plane: ControlPlane) => sendDueDispatches(plane.deps, plane.nowMs);
const dispatchOf = (plane: ControlPlane, slug: string) =>
  plane.row("SELECT * FROM dispatches WHERE trace_id = ?", `trace_${slug}`);
const jobOf = (plane: ControlPlane, slug: string) =>
  plane.row("SELECT * FROM provision_jobs WHERE trace_id = ?", `trace_${slug}`);

describe("sendDueDispatches", () => {
  it("tries nothing while no repository is configured, and loses no attempt", async () => {
    const plane = await waitingDispatch("unconfigured");
    plane.bindings = { ...plane.bindings, GITHUB_REPOSITORY: " " };
    expect(await send(plane)).toEqual({ sent: 0, retried: 0, given_up: 0, waiting: true });
    expect(plane.calls).toEqual([]);
    expect(await dispatchOf(plane, "unconfigured")).toMatchObject({ status: "pending", attempts: 0 });
  });

  it("stores the run that GitHub names", async () => {
    const plane = await waitingDispatch("named");
    expect(await send(plane)).toMatchObject({ sent: 1 });
    expect(await dispatchOf(plane, "named")).toMatchObject({ status: "sent", run_id: "4711" });
    expect(await jobOf(plane, "named")).toMatchObject({
      status: "dispatched",
      attempts: 1,
      run_id: null,
      run_url: "https://github.com/acme/infra/actions/runs/4711",
    });
    expect(await send(plane)).toMatchObject({ sent: 0 });
  });

  it.each<[string, Outbound]>([
    ["204", () => new Response(null, { status: 204 })],
    ["200 that cannot be read", () => new Response("<html>")],
    ["200 with an unknown run", () => Response.json({ workflow_run_id: "x; rm" })],
  ])("counts an answer of %s as accepted", async (title, outbound) => {
    const slug = `ok-${title.replaceAll(/[^a-z0-9]/g, "-")}`;
    const plane = await waitingDispatch(slug);
    plane.outbound = outbound;
    expect(await send(plane)).toMatchObject({ sent: 1 });
    expect(await dispatchOf(plane, slug)).toMatchObject({ status: "sent", run_id: null, run_url: null });
  });

  it.each<[string, Outbound]>([
    ["an error", () => new Response("no", { status: 500 })],
    ["a refusal", () => new Response("no", { status: 422 })],
    ["a redirect", () => new Response(null, { status: 302, headers: { location: "https://elsewhere.test/" } })],
    ["silence", () => Promise.reject(new Error("timed out"))],
  ])("pauses after %s and sends again, and calls nobody else", async (title, outbound) => {
    const slug = `retry-${title.replaceAll(/[^a-z]/g, "-")}`;
    const plane = await waitingDispatch(slug);
    plane.outbound = outbound;
    expect(await send(plane)).toMatchObject({ retried: 1 });
    expect(await send(plane)).toMatchObject({ retried: 0 });
    expect(await jobOf(plane, slug)).toMatchObject({ status: "queued", attempts: 0 });
    expect(plane.calls.map(({ url }) => new URL(url).host)).toEqual(["api.github.com"]);
    plane.nowMs += MINUTE_MS;
    plane.outbound = () => new Response(null, { status: 204 });
    expect(await send(plane)).toMatchObject({ sent: 1 });
    expect(await dispatchOf(plane, slug)).toMatchObject({ status: "sent", attempts: 2, error: null });
  });

  it("gives up after eight attempts, fails the job and shows it", async () => {
    const plane = await waitingDispatch("giving-up");
    plane.outbound = () => new Response("no", { status: 500 });
    const reports = [];
    for (let attempt = 0; attempt < 9; attempt += 1) {
      reports.push(await send(plane));
      plane.nowMs += 60 * MINUTE_MS;
    }
    expect(reports.map(({ retried, given_up }) => [retried, given_up])).toEqual([
      ...Array.from({ length: 7 }, () => [1, 0]),
      [0, 1],
      [0, 0],
    ]);
    expect(await dispatchOf(plane, "giving-up")).toMatchObject({ status: "failed", error: "GitHub answered 500" });
    expect(await jobOf(plane, "giving-up")).toMatchObject({ status: "failed", failure_stage: "dispatch" });
    const errors = await plane.rows(
      "SELECT event_type FROM trace_events WHERE trace_id = 'trace_giving-up' AND level = 'error'",
    );
    expect(new Set(errors.map((row) => row["event_type"]))).toEqual(new Set(["dispatch.failed", "provision.failed"]));
    expect(
      await plane.rows("SELECT 1 FROM audit_logs WHERE trace_id = 'trace_giving-up' AND action = 'dispatch.failed'"),
    ).toHaveLength(1);
  });

  it("sends a row once when two senders meet", async () => {
    const plane = await waitingDispatch("two-senders");
    const reports = await Promise.all([send(plane), send(plane), send(plane)]);
    expect(reports.filter(({ sent }) => sent === 1)).toHaveLength(1);
    expect(plane.calls).toHaveLength(1);
  });

  it("takes a row over from a sender that died after GitHub accepted: sent twice, claimed once", async () => {
    const plane = await waitingDispatch("dead-sender");
    const { deps } = plane;
    const dying = {
      ...deps,
      now: () => {
        throw new Error("killed");
      },
    };
    await expect(sendDueDispatches(dying, plane.nowMs)).rejects.toThrow("killed");
    expect(await send(plane)).toMatchObject({ sent: 0 });
    plane.nowMs += 2 * MINUTE_MS;
    expect(await send(plane)).toMatchObject({ sent: 1 });
    expect(plane.calls).toHaveLength(2);
  });

  it("does not mark a job as dispatched that a run has already claimed", async () => {
    const plane = await waitingDispatch("fast-run");
    plane.outbound = async () => {
      await plane.rows("UPDATE provision_jobs SET status = 'claimed', run_id = 'r' WHERE trace_id = 'trace_fast-run'");
      return new Response(null, { status: 204 });
    };
    expect(await send(plane)).toMatchObject({ sent: 1 });
    expect(await jobOf(plane, "fast-run")).toMatchObject({ status: "claimed", attempts: 0 });
  });

  it("leaves a row alone that was called off while it was sent", async () => {
    const plane = await waitingDispatch("called-off");
    plane.outbound = async () => {
      await plane.rows("UPDATE dispatches SET status = 'cancelled' WHERE trace_id = 'trace_called-off'");
      return new Response(null, { status: 204 });
    };
    expect(await send(plane)).toEqual({ sent: 0, retried: 0, given_up: 0, waiting: false });
    expect(await dispatchOf(plane, "called-off")).toMatchObject({ status: "cancelled" });
  });

  it("sends what the autoscaler asks for, with its own inputs", async () => {
    const plane = await waitingDispatch("scale");
    await plane.rows("UPDATE dispatches SET status = 'cancelled' WHERE status = 'pending'");
    await plane.rows(
      `INSERT INTO dispatches (dispatch_id, purpose, subject_id, inputs_json, status, next_attempt_at, created_at, updated_at)
       VALUES ('dsp_scale', 'scale_out', 'node_new', '{"kind":"scale_out","node_id":"node_new","region":"eu"}', 'pending', '2026-01-01', '2026-01-01', '2026-01-01')`,
    );
    expect(await send(plane)).toMatchObject({ sent: 1 });
    expect(plane.calls[0]?.body).toMatchObject({ inputs: { kind: "scale_out", node_id: "node_new", region: "eu" } });
    expect(await plane.row("SELECT target FROM audit_logs WHERE action = 'scale.dispatched'")).toEqual({
      target: "nodes/node_new",
    });
  });

  it("never sends inputs that do not match their patterns", async () => {
    const plane = await waitingDispatch("unsafe");
    await plane.rows(`UPDATE dispatches SET inputs_json = '{"job_id":"$(id)"}' WHERE trace_id = 'trace_unsafe'`);
    expect(await send(plane)).toMatchObject({ retried: 1 });
    expect(plane.calls).toEqual([]);
  });
});
