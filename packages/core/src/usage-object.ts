import { isTenantId } from "./id.ts";
import { parseInstant } from "./period.ts";

/** Where an object of raw usage belongs, and what it is called there. */
export interface UsageObject {
  tenantId: string;
  /** UTC hour of event time, `2026-11-21T02`. */
  hour: string;
  /** 1 to 128 of `A-Z a-z 0-9 _ -`, without the extension. */
  name: string;
}

/** Prefix of all raw usage. */
export const USAGE_PREFIX = "usage_raw/";

const HOUR_PATTERN = /^(\d{4}-\d{2}-\d{2})T(\d{2})$/;
const NAME_PATTERN = /^[A-Za-z0-9_-]{1,128}$/;
const KEY_PATTERN = /^usage_raw\/tenant_id=([^/]{1,64})\/dt=(\d{4}-\d{2}-\d{2})\/hour=(\d{2})\/([^/.]{1,128})\.jsonl$/;

/**
 * Prefix of one tenant's raw usage, for listing and deleting. It ends with `/`, so that `t1` never covers `t10`.
 * @throws RangeError for anything but a tenant id.
 */
export function usageTenantPrefix(tenantId: string): string {
  if (!isTenantId(tenantId)) throw new RangeError("not a tenant id");
  return `${USAGE_PREFIX}tenant_id=${tenantId}/`;
}

/**
 * R2 key of an object of raw usage: `usage_raw/tenant_id=<id>/dt=<YYYY-MM-DD>/hour=<HH>/<name>.jsonl`, the Hive layout
 * that DuckDB, Spark and Athena read.
 * @throws RangeError for a tenant id, hour or name that is not one.
 */
export function usageObjectKey({ tenantId, hour, name }: UsageObject): string {
  const prefix = usageTenantPrefix(tenantId);
  const [, day, hourOfDay] = HOUR_PATTERN.exec(hour) ?? [];
  if (day === undefined || hourOfDay === undefined || !isHour(hour)) throw new RangeError("not an hour");
  if (!NAME_PATTERN.test(name)) throw new RangeError("not an object name");
  return `${prefix}dt=${day}/hour=${hourOfDay}/${name}.jsonl`;
}

/** Reads a key of {@link usageObjectKey} back; undefined for every other key. */
export function parseUsageObjectKey(key: string): UsageObject | undefined {
  const [, tenantId, day, hourOfDay, name] = KEY_PATTERN.exec(key) ?? [];
  if (tenantId === undefined || day === undefined || hourOfDay === undefined || name === undefined) return undefined;
  const hour = `${day}T${hourOfDay}`;
  return isTenantId(tenantId) && isHour(hour) && NAME_PATTERN.test(name) ? { tenantId, hour, name } : undefined;
}

function isHour(hour: string): boolean {
  return parseInstant(`${hour}:00:00Z`) !== undefined;
}
