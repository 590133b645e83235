import { toHex } from "@prego/core/auth";
import { READ_CHUNK_BYTES } from "./limits.ts";

/** Length and SHA-256 (hex) of what was read. */
export interface Drained {
  bytes: number;
  sha256: string;
}

/**
 * Reads a stream once, hashing on the way and holding one chunk at a time.
 * @param take gets each chunk, valid during the call only; a returned text ends the reading and is passed on.
 */
export async function drain(
  body: ReadableStream<Uint8Array>,
  take: (chunk: Uint8Array) => string | undefined,
): Promise<Drained | string> {
  const digest = new crypto.DigestStream("SHA-256");
  const hash = digest.getWriter();
  const reader = body.getReader({ mode: "byob" });
  let buffer = new Uint8Array(READ_CHUNK_BYTES);
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.readAtLeast(READ_CHUNK_BYTES, buffer);
      if (value !== undefined && value.byteLength > 0) {
        bytes += value.byteLength;
        const fault = take(value);
        if (fault !== undefined) {
          await reader.cancel();
          return fault;
        }
        await hash.write(value);
      }
      if (done || value === undefined) break;
      buffer = new Uint8Array(value.buffer);
    }
  } finally {
    // Closed in every case: a digest that is given up would reject with nobody listening.
    await hash.close();
  }
  return { bytes, sha256: toHex(new Uint8Array(await digest.digest)) };
}
