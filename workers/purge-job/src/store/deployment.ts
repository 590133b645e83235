import { sql } from "drizzle-orm";
import { PAGE_ROWS_MAX } from "@prego/core/limits";
import type { Deployment, DeploymentJob } from "../domain/deprovision.ts";
import { read, type PurgeStorage } from "./storage.ts";

/** What is known of the tenant's place on a node: its row and its newest jobs. */
export async function readDeployment(storage: PurgeStorage, tenantId: string): Promise<Deployment> {
  const [tenant] = await read<{ nodeId: string | null; provisionedAt: string | null }>(
    storage,
    sql`SELECT node_id AS nodeId, provisioned_at AS provisionedAt FROM tenants_master WHERE tenant_id = ${tenantId}`,
  );
  const jobs = await read<Omit<DeploymentJob, "wasClaimed"> & { wasClaimed: number }>(
    storage,
    sql`SELECT kind, status, (claimed_at IS NOT NULL OR run_id IS NOT NULL) AS wasClaimed, created_at AS createdAt
      FROM provision_jobs WHERE tenant_id = ${tenantId} ORDER BY created_at DESC LIMIT CAST(${PAGE_ROWS_MAX} AS INTEGER)`,
  );
  return {
    nodeId: tenant?.nodeId ?? null,
    provisionedAt: tenant?.provisionedAt ?? null,
    jobs: jobs.map((job) => ({ ...job, wasClaimed: job.wasClaimed === 1 })),
  };
}
