import { describe, expect, it } from "vitest";
import { jobToken } from "@prego/core/auth";
import { ControlPlane, SECRETS, seedBusiness, StripeCustomer } from "../control-plane-test-kit.ts";

interface Claim {
  job_token: string;
  job: { job_id: string; kind: string; tenant_id: string; region: string; node_id: string; trace_id: string };
}

/** A paid tenant whose provision job waits to be claimed. */
async function paidTenant(slug: string, plane = new ControlPlane()) {
  await seedBusiness(plane, `eu-${slug}`);
  const customer = new StripeCustomer(slug, `eu-${slug}`);
  await plane.deliver(customer.checkout());
  return { plane, customer, slug, path: await openJobPath(plane, slug) };
}

async function openJobPath(plane: ControlPlane, slug: string): Promise<string> {
  const job = await plane.row<{ job_id: string }>(
    `SELECT job_id FROM provision_jobs JOIN tenants_master USING (tenant_id) WHERE slug = ? AND provision_jobs.status NOT IN ('succeeded', 'failed', 'cancelled')`,
    slug,
  );
  if (job === undefined) throw new Error("no open job");
  return `/internal/provision/${job.job_id}`;
}

const claim = (plane: ControlPlane, path: string, runId = "run-1", secret: string = SECRETS.PROVISIONER_SECRET) =>
  plane.post<Claim>(`${path}/claim`, secret, { run_id: runId });

const jobOf = (plane: ControlPlane, path: string) =>
  plane.row("SELECT * FROM provision_jobs WHERE job_id = ?", path.split("/").at(-1));

const tenantOf = (plane: ControlPlane, slug: string) =>
  plane.row<Record<string, string | null>>("SELECT * FROM tenants_master WHERE slug = ?", slug);

describe("POST /internal/provision/:job_id/claim", () => {
  it("gives the job to one of five runs that ask at once", async () => {
    const { plane, path } = await paidTenant("claim-race");
    const answers = await Promise.all(["a", "b", "c", "d", "e"].map((run) => claim(plane, path, run)));
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(4);
    const winner = answers.find(({ status }) => status === 200);
    expect(winner?.body.job).toMatchObject({
      kind: "provision",
      region: "eu-claim-race",
      node_id: "node-eu-claim-race",
    });
    expect(Object.keys(winner?.body.job ?? {})).toEqual([
      "job_id",
      "kind",
      "tenant_id",
      "region",
      "node_id",
      "trace_id",
    ]);
  });

  it("gives the same run its token again, so that a lost answer strands nothing", async () => {
    const { plane, path } = await paidTenant("claim-again");
    const first = await claim(plane, path);
    const again = await claim(plane, path);
    expect(again).toEqual(first);
    const audit = await plane.rows(
      "SELECT 1 FROM audit_logs WHERE action = 'provision.claimed' AND trace_id = 'trace_claim-again'",
    );
    expect(audit).toHaveLength(1);
  });

  it("answers 404 for a job that does not exist and 409 for one that is finished", async () => {
    const { plane, path } = await paidTenant("claim-late");
    expect((await claim(plane, "/internal/provision/job_none")).status).toBe(404);
    const { job_token: token } = (await claim(plane, path)).body;
    await plane.post(`${path}/complete`, token, { readiness: {} });
    expect((await claim(plane, path)).status).toBe(409);
  });

  it("refuses other secrets, and answers 503 while its own is blank", async () => {
    const { plane, path } = await paidTenant("claim-auth");
    expect((await claim(plane, path, "r", "wrong")).status).toBe(401);
    expect((await claim(plane, path, "r", SECRETS.INTERNAL_API_KEY)).status).toBe(401);
    plane.bindings = { ...plane.bindings, PROVISIONER_SECRET: " " };
    expect((await claim(plane, path)).status).toBe(503);
  });

  it("accepts the secret that is being rotated out, and keeps tokens made under it", async () => {
    const { plane, path } = await paidTenant("claim-rotate");
    const { job_token: token } = (await claim(plane, path)).body;
    plane.bindings = {
      ...plane.bindings,
      PROVISIONER_SECRET: "new",
      PROVISIONER_SECRET_PREVIOUS: SECRETS.PROVISIONER_SECRET,
    };
    expect((await plane.post(`${path}/progress`, token, { stage: "s" })).status).toBe(200);
    plane.bindings = { ...plane.bindings, PROVISIONER_SECRET_PREVIOUS: " " };
    expect((await plane.post(`${path}/progress`, token, { stage: "t" })).status).toBe(401);
  });
});

describe("a run's callbacks", () => {
  it("are open to the token of that job and that run only", async () => {
    const { plane, path } = await paidTenant("token");
    const other = await paidTenant("token-other", plane);
    const { job_token: token } = (await claim(plane, path)).body;
    await claim(plane, other.path, "run-2");
    const jobId = path.split("/").at(-1) ?? "";
    const forged = await jobToken(SECRETS.PROVISIONER_SECRET, jobId, "run-2");
    for (const wrong of [SECRETS.PROVISIONER_SECRET, forged, "0".repeat(64), `${token}x`]) {
      expect((await plane.post(`${path}/progress`, wrong, { stage: "s" })).status).toBe(401);
    }
    expect((await plane.post(`${other.path}/complete`, token, { readiness: {} })).status).toBe(401);
    expect((await plane.post("/internal/provision/job_none/complete", token, { readiness: {} })).status).toBe(401);
  });

  it("are refused before the job is claimed, even with the token of an empty run", async () => {
    const { plane, path } = await paidTenant("unclaimed");
    const token = await jobToken(SECRETS.PROVISIONER_SECRET, path.split("/").at(-1) ?? "", "");
    expect((await plane.post(`${path}/complete`, token, { readiness: {} })).status).toBe(401);
    expect(await tenantOf(plane, "unclaimed")).toMatchObject({ status: "Provisioning" });
  });

  it("carry a job from claimed over its stages to succeeded, with trace and audit of every step", async () => {
    const { plane, path } = await paidTenant("steps");
    const { job_token: token } = (await claim(plane, path)).body;
    for (const stage of ["server", "server", "network"]) {
      plane.nowMs += 1_000;
      expect((await plane.post(`${path}/progress`, token, { stage })).status).toBe(200);
    }
    plane.nowMs += 1_000;
    await plane.post(`${path}/complete`, token, { readiness: { http: true, version: "1.2" } });
    expect(await jobOf(plane, path)).toMatchObject({
      status: "succeeded",
      stage: "network",
      readiness_json: '{"http":true,"version":"1.2"}',
    });
    const trace = await plane.rows(
      "SELECT event_type FROM trace_events WHERE trace_id = 'trace_steps' ORDER BY ts, id",
    );
    expect(trace.map((row) => row["event_type"]).slice(-4)).toEqual([
      "provision.stage",
      "provision.stage",
      "provision.completed",
      "tenant.state_changed",
    ]);
    const audit = await plane.rows(
      "SELECT action, actor FROM audit_logs WHERE trace_id = 'trace_steps' AND actor = 'provisioner:run-1' ORDER BY seq",
    );
    expect(audit.map((row) => row["action"])).toEqual([
      "provision.claimed",
      "provision.stage",
      "provision.stage",
      "provision.completed",
      "tenant.state_changed",
    ]);
  });

  it("change nothing when they are repeated after the end", async () => {
    const { plane, path, slug } = await paidTenant("repeat");
    const { job_token: token } = (await claim(plane, path)).body;
    const first = await Promise.all(
      Array.from({ length: 4 }, () => plane.post(`${path}/complete`, token, { readiness: {} })),
    );
    expect(first.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    plane.nowMs += 5_000;
    expect(await plane.post(`${path}/complete`, token, { readiness: {} })).toMatchObject({
      status: 200,
      body: { status: "succeeded" },
    });
    expect((await plane.post(`${path}/progress`, token, { stage: "late" })).status).toBe(200);
    expect((await plane.post(`${path}/fail`, token, { failure_stage: "late", error: "x" })).status).toBe(409);
    expect(await tenantOf(plane, slug)).toMatchObject({ status: "Active", provisioned_at: "2026-11-21T02:16:33.123Z" });
    expect(
      await plane.rows("SELECT 1 FROM audit_logs WHERE action = 'provision.completed' AND trace_id = 'trace_repeat'"),
    ).toHaveLength(1);
  });

  it("that report a failure keep the tenant where it is and show it", async () => {
    const { plane, path, slug } = await paidTenant("failing");
    const { job_token: token } = (await claim(plane, path)).body;
    const body = { failure_stage: "network", error: "no route\u0000\nto host" };
    expect(await plane.post(`${path}/fail`, token, body)).toMatchObject({ status: 200, body: { status: "failed" } });
    expect((await plane.post(`${path}/fail`, token, body)).status).toBe(200);
    expect((await plane.post(`${path}/complete`, token, { readiness: {} })).status).toBe(409);
    expect(await tenantOf(plane, slug)).toMatchObject({ status: "Provisioning", provisioned_at: null });
    expect(await jobOf(plane, path)).toMatchObject({ failure_stage: "network", error: "no route to host" });
    expect(
      await plane.row(
        "SELECT level FROM trace_events WHERE trace_id = 'trace_failing' AND event_type = 'provision.failed'",
      ),
    ).toEqual({ level: "error" });
    const funnel = await plane.rows(
      "SELECT success, payload_json FROM funnel_events WHERE trace_id = 'trace_failing' AND event_type = 'm_provision_failed'",
    );
    expect(funnel).toMatchObject([{ success: 0 }]);
    expect(funnel[0]?.["payload_json"]).toContain("network");
  });

  it("that name a node are believed if the node exists", async () => {
    const { plane, path, slug } = await paidTenant("elsewhere");
    const { job_token: token } = (await claim(plane, path)).body;
    expect((await plane.post(`${path}/complete`, token, { readiness: {}, node_id: "node-nowhere" })).status).toBe(409);
    await seedBusiness(plane, "eu-elsewhere-2");
    expect(
      (await plane.post(`${path}/complete`, token, { readiness: {}, node_id: "node-eu-elsewhere-2" })).status,
    ).toBe(200);
    expect(await tenantOf(plane, slug)).toMatchObject({ status: "Active", node_id: "node-eu-elsewhere-2" });
  });

  it.each([
    { readiness: { http: false } },
    { readiness: { "bad key": true } },
    { readiness: { nested: {} } },
    { readiness: {}, extra: 1 },
    { readiness: {}, node_id: "../x" },
  ])("that say %j are not valid", async (body) => {
    const { plane, path, slug } = await paidTenant(
      `invalid-${JSON.stringify(body).length}-${Object.keys(body).length}`,
    );
    const { job_token: token } = (await claim(plane, path)).body;
    expect(await plane.post(`${path}/complete`, token, body)).toMatchObject({
      status: 400,
      body: { code: "validation_failed" },
    });
    expect(await tenantOf(plane, slug)).toMatchObject({ status: "Provisioning" });
  });

  it("come too late for a job that the end of the subscription called off", async () => {
    const { plane, path, customer, slug } = await paidTenant("called-off");
    const { job_token: token } = (await claim(plane, path)).body;
    await plane.deliver(customer.changed("canceled"));
    expect((await plane.post(`${path}/progress`, token, { stage: "s" })).status).toBe(409);
    expect((await plane.post(`${path}/complete`, token, { readiness: {} })).status).toBe(409);
    expect(await tenantOf(plane, slug)).toMatchObject({ status: "Pending_Deletion", provisioned_at: null });
  });

  it("of a tenant that fell behind meanwhile end where its subscription stands", async () => {
    const { plane, path, customer, slug } = await paidTenant("behind");
    const { job_token: token } = (await claim(plane, path)).body;
    await plane.deliver(customer.changed("past_due"));
    expect(await tenantOf(plane, slug)).toMatchObject({ status: "Provisioning" });
    await plane.post(`${path}/complete`, token, { readiness: {} });
    expect(await tenantOf(plane, slug)).toMatchObject({ status: "Past_Due" });
  });
});

describe("the removal of a tenant", () => {
  it("frees its slot when the run says it is done", async () => {
    const { plane, path, customer, slug } = await paidTenant("removed");
    const { job_token: token } = (await claim(plane, path)).body;
    await plane.post(`${path}/complete`, token, { readiness: {} });
    await plane.deliver(customer.changed("canceled"));
    const removal = await openJobPath(plane, slug);
    const claimed = await claim(plane, removal, "run-2");
    expect(claimed.body.job).toMatchObject({ kind: "deprovision", node_id: "node-eu-removed" });
    await plane.post(`${removal}/complete`, claimed.body.job_token, { readiness: {} });
    expect(await tenantOf(plane, slug)).toMatchObject({
      status: "Pending_Deletion",
      node_id: null,
      provisioned_at: null,
    });
  });

  it("races with a claim and a payment without losing either", async () => {
    const { plane, path, customer, slug } = await paidTenant("race-back");
    const { job_token: token } = (await claim(plane, path)).body;
    await plane.post(`${path}/complete`, token, { readiness: {} });
    await plane.deliver(customer.changed("canceled"));
    const removal = await openJobPath(plane, slug);
    const tenantId = String((await tenantOf(plane, slug))?.["tenant_id"]);
    const metadata = { slug, plan: "starter", region: "eu-race-back", tenant_id: tenantId };
    const payment = customer.checkout({ metadata, subscription: "sub_race_back_2" });
    const [claimed] = await Promise.all([claim(plane, removal, "run-2"), plane.deliver(payment)]);
    const tenant = await tenantOf(plane, slug);
    // Either the removal was called off in time, or it runs and the tenant is made anew after it.
    expect([claimed.status, tenant?.["status"]]).toEqual(
      claimed.status === 200 ? [200, "Provisioning"] : [409, "Active"],
    );
    expect(tenant).toMatchObject({ purge_after: null });
  });
});

describe("POST /internal/nodes/:node_id/register", () => {
  const body = { region: "eu-register", provider: "hetzner", size: "cx32", capacity: 4 };
  const register = (plane: ControlPlane, nodeId: string, change: object = {}) =>
    plane.post<{ node_token: string; status: string }>(
      `/internal/nodes/${nodeId}/register`,
      SECRETS.PROVISIONER_SECRET,
      { ...body, ...change },
    );

  it("makes a node, and hands its token out again on a repeat", async () => {
    const plane = new ControlPlane();
    const first = await register(plane, "node-r1");
    expect(first).toMatchObject({ status: 200, body: { node_id: "node-r1", status: "active" } });
    expect(first.body.node_token).toMatch(/^[0-9a-f]{64}$/);
    expect(await register(plane, "node-r1")).toEqual(first);
    expect(await plane.rows("SELECT action FROM audit_logs WHERE target = 'nodes/node-r1'")).toEqual([
      { action: "node.registered" },
    ]);
  });

  it("activates a node that was being made", async () => {
    const plane = new ControlPlane();
    await plane.rows(
      "INSERT INTO nodes VALUES ('node-r2', 'eu-register', 'x', 'x', 1, 'provisioning', NULL, '', '', NULL)",
    );
    await register(plane, "node-r2");
    expect(await plane.row("SELECT status, capacity FROM nodes WHERE node_id = 'node-r2'")).toEqual({
      status: "active",
      capacity: 4,
    });
  });

  it.each(["cordoned", "draining"])("leaves a %s node out of service", async (status) => {
    const plane = new ControlPlane();
    await plane.rows(
      `INSERT INTO nodes VALUES ('node-${status}', 'eu-register', 'x', 'x', 1, '${status}', NULL, '', '', NULL)`,
    );
    expect((await register(plane, `node-${status}`)).body.status).toBe(status);
  });

  it("refuses a retired node and one that is known elsewhere", async () => {
    const plane = new ControlPlane();
    await plane.rows(
      "INSERT INTO nodes VALUES ('node-old', 'eu-register', 'x', 'x', 1, 'retired', NULL, '', '', NULL)",
    );
    expect((await register(plane, "node-old")).status).toBe(409);
    await register(plane, "node-r3");
    expect((await register(plane, "node-r3", { region: "us" })).status).toBe(409);
  });

  it("answers 503 without the secret of node tokens", async () => {
    const plane = new ControlPlane({ NODE_TOKEN_SECRET: " " });
    expect((await register(plane, "node-r4")).status).toBe(503);
    expect(await plane.rows("SELECT 1 FROM nodes WHERE node_id = 'node-r4'")).toEqual([]);
  });
});
