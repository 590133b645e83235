import { canonicalJson } from "@prego/core/audit";
import { formatInstant } from "@prego/core/period";
import { SELF_ERASING_STORES, TENANT_TABLES, type TenantTable } from "@prego/core/tenant-data";
import { ERASED_STORES } from "../plan.ts";
import { TIME_TRAVEL_MS } from "../limits.ts";

/** A finished step, as counted. */
export interface StepCounts {
  step: string;
  planned: number;
  deleted: number;
  detail: Record<string, unknown>;
}

/** Everything a certificate is made from; no plain tenant id among it. */
export interface CertificateFacts {
  purgeId: string;
  tombstone: string;
  traceId: string | null;
  startedAt: string;
  completedAtMs: number;
  build: string | null;
  steps: readonly StepCounts[];
  /** Rows that stay, per table that is not erased. */
  retainedRows: Readonly<Record<string, number>>;
}

/** R2 key of a certificate; the year is that of the start, so that a resumed purge never makes a second one. */
export const certificateKey = (purgeId: string, startedAt: string): string =>
  `certificates/${startedAt.slice(0, 4)}/${purgeId}.json`;

export const tombstoneKey = (tombstone: string): string => `tombstones/${tombstone}.json`;

/** The receipt of a purge as canonical JSON: what was planned, deleted and found again, what stays and why, and until when. */
export function buildCertificate(facts: CertificateFacts): string {
  const detailOf = (step: string): Record<string, unknown> =>
    facts.steps.find((entry) => entry.step === step)?.detail ?? {};
  return canonicalJson({
    format: "prego-purge-certificate-v1",
    purge_id: facts.purgeId,
    tombstone: facts.tombstone,
    trace_id: facts.traceId,
    build: facts.build,
    started_at: facts.startedAt,
    completed_at: formatInstant(facts.completedAtMs),
    stores: facts.steps.filter((entry) => ERASED_STORES.includes(entry.step)).map(describeStore),
    third_parties: [
      { name: "stripe", ...summarizeStripe(detailOf("stripe")) },
      { name: "node", status: detailOf("deprovision")["how"] ?? "unknown" },
    ],
    buffers: SELF_ERASING_STORES.map(({ store, category, status }) => ({ store, category, status })),
    holds: { checked: "before every chunk and in the last batch", legal_hold: false },
    retained: describeRetained(facts),
    time_travel_until: formatInstant(facts.completedAtMs + TIME_TRAVEL_MS),
  });
}

/** What stays of the Stripe step once the purge ends: no customer id, no subscription id. */
export const summarizeStripe = (detail: Record<string, unknown>): Record<string, unknown> => ({
  status: detail["status"] ?? "unknown",
  until: detail["until"] ?? null,
});

function describeStore({ step, planned, deleted }: StepCounts): Record<string, unknown> {
  return {
    store: step,
    treatment: registry.find((entry) => entry.table === step)?.treatment.kind ?? "erase",
    planned,
    deleted,
    found_later: Math.max(0, deleted - planned),
    gone_before: Math.max(0, planned - deleted),
    relisted: 0,
  };
}

const registry: readonly TenantTable[] = TENANT_TABLES;

function describeRetained(facts: CertificateFacts): Record<string, unknown>[] {
  return registry.flatMap(({ table, treatment }) =>
    treatment.kind === "erase"
      ? []
      : [
          {
            store: table,
            treatment: treatment.kind,
            rows: facts.retainedRows[table] ?? 0,
            reason: treatment.retention.reason,
            until: yearsLater(facts.completedAtMs, treatment.retention.years),
          },
        ],
  );
}

function yearsLater(epochMs: number, years: number): string {
  const date = new Date(epochMs);
  return formatInstant(Date.UTC(date.getUTCFullYear() + years, date.getUTCMonth(), date.getUTCDate()));
}
