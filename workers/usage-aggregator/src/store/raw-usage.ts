import { R2_KEYS_PER_CALL_MAX } from "@prego/core/limits";
import { USAGE_PREFIX } from "@prego/core/usage-object";

/** An object's content, to be read once. */
export interface RawBody {
  bytes: number;
  body: ReadableStream<Uint8Array>;
}

/** An object as a listing shows it. */
export interface ListedObject {
  key: string;
  bytes: number;
  uploadedAtMs: number;
}

/** One page of a listing in order of the key; `cursor` is undefined on the last. */
export interface RawPage {
  objects: ListedObject[];
  cursor: string | undefined;
}

/** The raw lines in R2. */
export interface RawUsage {
  open: (key: string) => Promise<RawBody | undefined>;
  /** The page after a cursor, or after a key. */
  list: (from: { cursor: string } | { startAfter: string | undefined }) => Promise<RawPage>;
}

export function createRawUsage(bucket: R2Bucket): RawUsage {
  return {
    open: async (key) => {
      const object = await bucket.get(key);
      return object === null ? undefined : { bytes: object.size, body: object.body };
    },
    list: async (from) => {
      const position = "cursor" in from ? from : from.startAfter === undefined ? {} : { startAfter: from.startAfter };
      const page = await bucket.list({ prefix: USAGE_PREFIX, limit: R2_KEYS_PER_CALL_MAX, ...position });
      return {
        objects: page.objects.map(({ key, size, uploaded }) => ({
          key,
          bytes: size,
          uploadedAtMs: uploaded.getTime(),
        })),
        cursor: page.truncated ? page.cursor : undefined,
      };
    },
  };
}
