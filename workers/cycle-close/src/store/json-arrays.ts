import { STATEMENT_JSON_CHARS_MAX } from "../limits.ts";

/** Values as JSON arrays, each short enough to be a parameter of one statement. */
export function jsonArrays(values: readonly unknown[]): string[] {
  const arrays: string[] = [];
  let texts: string[] = [];
  let chars = 0;
  for (const value of values) {
    const text = JSON.stringify(value);
    if (texts.length > 0 && chars + text.length > STATEMENT_JSON_CHARS_MAX) {
      arrays.push(`[${texts.join(",")}]`);
      texts = [];
      chars = 0;
    }
    texts.push(text);
    chars += text.length + 1;
  }
  return texts.length === 0 ? arrays : [...arrays, `[${texts.join(",")}]`];
}
