import { toHex } from "@prego/core/auth";
import { USAGE_LINE_CHARS_MAX } from "@prego/core/usage-event";

/** What reading one object gave. */
export type ObjectReading = { kind: "read"; sha256: string } | { kind: "missing" } | { kind: "unreadable" };

/** Bytes per character at most, and room: a longer line is not one of ours. */
const LINE_CHARS_MAX = USAGE_LINE_CHARS_MAX * 4;

/** Streams the lines of one raw object and hashes its bytes on the way; memory stays at a chunk and a line. */
export async function readRawLines(
  bucket: R2Bucket,
  key: string,
  onLine: (text: string) => void,
): Promise<ObjectReading> {
  const object = await bucket.get(key);
  if (object === null) return { kind: "missing" };
  const digest = new crypto.DigestStream("SHA-256");
  const writer = digest.getWriter();
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of object.body as ReadableStream<Uint8Array>) {
    await writer.write(chunk);
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") onLine(line);
    if (rest.length > LINE_CHARS_MAX) {
      await writer.abort();
      return { kind: "unreadable" };
    }
  }
  if (rest !== "") onLine(rest);
  await writer.close();
  return { kind: "read", sha256: toHex(new Uint8Array(await digest.digest)) };
}
