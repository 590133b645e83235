import { JSON_DEPTH_MAX } from "../limits.ts";

/** A JSON number as it was written; a JavaScript number would have lost its digits. */
export class ExactNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

/** Text that is not JSON (`malformed`) or nested deeper than JSON_DEPTH_MAX (`too_deep`). Never quotes the text. */
export class ExactJsonError extends Error {
  readonly code: "malformed" | "too_deep";

  constructor(code: "malformed" | "too_deep") {
    super(code === "malformed" ? "the text is not JSON" : `the JSON is nested deeper than ${JSON_DEPTH_MAX} levels`);
    this.name = "ExactJsonError";
    this.code = code;
  }
}

/** Keys whose numbers are quantities unless said otherwise: of the native form, and of a CloudEvent's data. */
export const QUANTITY_KEYS: ReadonlySet<string> = new Set(["qty", "value"]);

type Reviver = (this: unknown, key: string, value: unknown) => unknown;

/**
 * `JSON.parse` that keeps the digits of quantities: a number under one of `exactKeys`, at any depth, arrives as
 * {@link ExactNumber}; other numbers stay numbers, strings stay strings. A `__proto__` key becomes an ordinary own property.
 * @param exactKeys keys of quantities; by default `qty` and `value`.
 * @throws ExactJsonError
 */
export function parseExactJson(text: string, exactKeys: ReadonlySet<string> = QUANTITY_KEYS): unknown {
  refuseDeepNesting(text);
  const keepSource = (key: string, value: unknown, context: { source?: string }): unknown =>
    typeof value === "number" && exactKeys.has(key) && context.source !== undefined
      ? new ExactNumber(context.source)
      : value;
  try {
    return JSON.parse(text, keepSource as Reviver) as unknown;
  } catch {
    throw new ExactJsonError("malformed");
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

// Before parsing: the parser takes 100,000 levels, but reviving them overflows the stack.
function refuseDeepNesting(text: string): void {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === BACKSLASH) index++;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > JSON_DEPTH_MAX) throw new ExactJsonError("too_deep");
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
}
