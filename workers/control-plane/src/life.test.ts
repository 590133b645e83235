import { describe, expect, it } from "vitest";
import { ControlPlane, SECRETS, seedBusiness, StripeCustomer } from "./control-plane-test-kit.ts";

interface Claim {
  job_token: string;
  job: Record<string, unknown> & { job_id: string; tenant_id: string };
}

describe("a tenant's life over HTTP", () => {
  it("goes from a signed checkout to Active, and to Pending_Deletion when the subscription ends", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-life");
    const ann = new StripeCustomer("ann-life", "eu-life");
    expect(await plane.deliver(ann.checkout())).toEqual({ status: 200, body: { received: true } });

    const tenant = await plane.row("SELECT * FROM tenants_master WHERE slug = 'ann-life'");
    expect(tenant).toMatchObject({ status: "Provisioning", node_id: "node-eu-life", plan_id: "starter", name: "Ann" });
    const jobs = await plane.rows("SELECT * FROM provision_jobs WHERE tenant_id = ?", tenant?.["tenant_id"]);
    expect(jobs).toMatchObject([{ kind: "provision", status: "dispatched", attempts: 1 }]);
    const inputs = plane.calls[0]?.body as { ref: string; inputs: Record<string, string>; return_run_details: boolean };
    expect(plane.calls[0]?.url).toBe(
      "https://api.github.com/repos/acme/infra/actions/workflows/provision.yml/dispatches",
    );
    expect(inputs).toEqual({
      ref: "main",
      return_run_details: true,
      inputs: {
        job_id: jobs[0]?.["job_id"],
        kind: "provision",
        tenant_id: tenant?.["tenant_id"],
        region: "eu-life",
        node_id: "node-eu-life",
        trace_id: "trace_ann-life",
      },
    });

    const path = `/internal/provision/${String(jobs[0]?.["job_id"])}`;
    const claim = await plane.post<Claim>(`${path}/claim`, SECRETS.PROVISIONER_SECRET, { run_id: "4711" });
    expect(claim).toMatchObject({ status: 200, body: { job: { kind: "provision", node_id: "node-eu-life" } } });
    const token = claim.body.job_token;
    expect(await plane.post(`${path}/progress`, token, { stage: "server" })).toMatchObject({
      body: { status: "running" },
    });
    const done = await plane.post(`${path}/complete`, token, { readiness: { http: true } });
    expect(done).toMatchObject({ status: 200, body: { status: "succeeded" } });
    expect(await plane.row("SELECT status, provisioned_at FROM tenants_master WHERE slug = 'ann-life'")).toEqual({
      status: "Active",
      provisioned_at: "2026-11-21T02:16:33.123Z",
    });

    await plane.deliver(ann.changed("canceled"));
    expect(await plane.row("SELECT * FROM tenants_master WHERE slug = 'ann-life'")).toMatchObject({
      status: "Pending_Deletion",
      pending_deletion_at: "2026-11-21T02:16:33.123Z",
      purge_after: "2026-12-21T02:16:33.123Z",
      node_id: "node-eu-life",
    });
    expect(await plane.rows("SELECT kind, status FROM provision_jobs ORDER BY created_at, kind DESC")).toEqual([
      { kind: "provision", status: "succeeded" },
      { kind: "deprovision", status: "dispatched" },
    ]);
  });
});
