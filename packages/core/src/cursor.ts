import { canonicalJson } from "./audit.ts";
import { sha256Hex } from "./auth.ts";

/** Longest cursor that is read: a filter's digest and the values of a few columns. */
export const CURSOR_CHARS_MAX = 1_024;

const CURSOR_PATTERN = /^[A-Za-z0-9_-]+$/;
const FILTER_DIGEST_CHARS = 16;

/** The filter of a list: parameters that choose its rows. Members that are undefined count as absent. */
export type CursorFilter = Readonly<Record<string, string | number | undefined>>;

/**
 * Writes a position in a list as an opaque text that is bound to the list's filter: with another filter it is refused.
 * It is no secret and proves nothing; what is in it must be safe to show and is only ever compared with columns.
 * @param position values of the sort columns of the last row shown; numbers as decimal text.
 */
export async function encodeCursor(filter: CursorFilter, position: readonly string[]): Promise<string> {
  const text = JSON.stringify([await digestFilter(filter), ...position]);
  const bytes = Array.from(new TextEncoder().encode(text), (byte) => String.fromCodePoint(byte)).join("");
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Reads a cursor of {@link encodeCursor} back.
 * @param columns how many values the position has.
 * @returns undefined for anything that this filter's list did not hand out.
 */
export async function decodeCursor(
  filter: CursorFilter,
  cursor: string,
  columns: number,
): Promise<readonly string[] | undefined> {
  if (cursor.length > CURSOR_CHARS_MAX || !CURSOR_PATTERN.test(cursor)) return undefined;
  const parts = parseParts(cursor);
  if (parts === undefined || parts.length !== columns + 1) return undefined;
  const [digest, ...position] = parts;
  return digest === (await digestFilter(filter)) ? position : undefined;
}

function parseParts(cursor: string): string[] | undefined {
  try {
    const bytes = Uint8Array.from(atob(cursor.replaceAll("-", "+").replaceAll("_", "/")), (character) =>
      character.charCodeAt(0),
    );
    const parts: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    const isText = Array.isArray(parts) && parts.every((part) => typeof part === "string");
    return isText ? parts : undefined;
  } catch {
    return undefined;
  }
}

async function digestFilter(filter: CursorFilter): Promise<string> {
  return (await sha256Hex(canonicalJson(filter))).slice(0, FILTER_DIGEST_CHARS);
}
