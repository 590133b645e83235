import { createHash } from "node:crypto";
import { formatInstant } from "@prego/core/period";
import { formatUsageLine } from "@prego/core/usage-event";
import { usageObjectKey } from "@prego/core/usage-object";
import { createRandom } from "./statistics.ts";

/** Where made objects belong. */
export interface Place {
  tenantId: string;
  /** Beginning of the UTC hour of all events. */
  hourMs: number;
}

const METERS = ["api_requests", "storage_gb_hours", "emails.sent"];
const HOUR_MS = 3_600_000;

/** The hour before the present one. */
export const lastHourMs = (nowMs: number): number => (Math.floor(nowMs / HOUR_MS) - 1) * HOUR_MS;

/** Lines as usage-writer stores them, each with an id of its own. */
export function makeLines({ tenantId, hourMs }: Place, lines: number, seed: number): Uint8Array {
  const random = createRandom(seed);
  const text: string[] = [];
  for (let index = 0; index < lines; index += 1) {
    const timestampMs = hourMs + Math.floor(random() * HOUR_MS);
    const qtyMicros = BigInt(1_000_000 + Math.floor(random() * 5_000_000));
    const qtyText = `${qtyMicros / 1_000_000n}.${(qtyMicros % 1_000_000n).toString().padStart(6, "0")}`;
    const event = {
      tenantId,
      meterKey: METERS[index % METERS.length] ?? "",
      qtyText,
      qtyMicros,
      timestampMs,
      timestampGiven: true,
      source: "",
      id: `evt_${seed}-${index}-${Math.floor(random() * 0x1_0000_0000).toString(16)}`,
      path: "/v1/things/17",
      status: 200,
      correction: false,
    };
    text.push(formatUsageLine(event, timestampMs), "\n");
  }
  return new TextEncoder().encode(text.join(""));
}

/** Puts lines into the bucket as one object, makes it known as pending, and returns its key. */
export async function storeObject(
  { database, bucket }: { database: D1Database; bucket: R2Bucket },
  place: Place & { name: string },
  { bytes, events }: { bytes: Uint8Array; events: number },
): Promise<string> {
  const { tenantId, name } = place;
  const hour = formatInstant(place.hourMs).slice(0, 13);
  const key = usageObjectKey({ tenantId, hour, name });
  await bucket.put(key, bytes);
  await database
    .prepare(
      `INSERT INTO usage_objects (r2_key, tenant_id, hour, events, bytes, sha256, status, created_at)
       VALUES (?, ?, ?, ?, ?, ?, 'pending', ?)`,
    )
    .bind(
      key,
      tenantId,
      hour,
      events,
      bytes.byteLength,
      createHash("sha256").update(bytes).digest("hex"),
      `${hour}:30:00.000Z`,
    )
    .run();
  return key;
}
