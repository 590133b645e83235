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

/**
 * `JSON.parse` that keeps the digits of quantities: a number under one of `exactKeys`, at any depth, arrives as
 * {@link ExactNumber}; other numbers stay numbers, strings stay strings. A `__proto__` key becomes an ordinary own property.
 * @param exactKeys keys of quantities; by default `qty` and `value`.
 * @throws ExactJsonError
 */
export function parseExactJson(text: string, exactKeys: ReadonlySet<string> = QUANTITY_KEYS): unknown {
  refuseDeepNesting(text);
  try {
    return canMark(text, exactKeys) ? parseMarked(text, exactKeys) : parseRevived(text, exactKeys);
  } catch {
    throw new ExactJsonError("malformed");
  }
}

type Reviver = (this: unknown, key: string, value: unknown) => unknown;

/**
 * The rule of {@link parseExactJson}, for every text and key: the marks must come to the same.
 * @throws SyntaxError for text that is not JSON.
 */
export function parseRevived(text: string, exactKeys: ReadonlySet<string>): unknown {
  const keepSource = (key: string, value: unknown, context: { source?: string }): unknown =>
    typeof value === "number" && exactKeys.has(key) && context.source !== undefined
      ? new ExactNumber(context.source)
      : value;
  return JSON.parse(text, keepSource as Reviver) as unknown;
}

/** DEL: one that may stand in a JSON string as it is, and that no valid field contains. */
const MARK = "\u007f";
const MARK_CODE = 0x7f;
const MARKABLE_KEY = /^[A-Za-z_]\w*$/;

// Without backslashes a quote always begins or ends a string, and a key is written in one way only; without a mark in the
// text none can be forged. An array's index is a key to a reviver, so keys must not look like one.
function canMark(text: string, exactKeys: ReadonlySet<string>): boolean {
  if (text.includes("\\") || text.includes(MARK) || exactKeys.size === 0) return false;
  if (exactKeys === QUANTITY_KEYS) return true;
  for (const key of exactKeys) if (!MARKABLE_KEY.test(key)) return false;
  return true;
}

/** Turns the quantities into marked strings before parsing: a reviver would be called for every value there is. */
function parseMarked(text: string, exactKeys: ReadonlySet<string>): unknown {
  const pattern = exactKeys === QUANTITY_KEYS ? QUANTITY_PATTERN : createQuantityPattern(exactKeys);
  const marked = text.replace(pattern, `"$1":"${MARK}$2"`);
  const value = JSON.parse(marked) as unknown;
  if (marked !== text) restoreNumbers(value);
  return value;
}

// A whole JSON number after a key; anything else there is left for JSON.parse to accept or refuse.
function createQuantityPattern(keys: ReadonlySet<string>): RegExp {
  const space = String.raw`[ \t\n\r]*`;
  const number = String.raw`-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?`;
  return new RegExp(`"(${[...keys].join("|")})"${space}:${space}(${number})(?=[ \\t\\n\\r,}])`, "g");
}

const QUANTITY_PATTERN = createQuantityPattern(QUANTITY_KEYS);

function restoreNumbers(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) restoreNumbers(item);
    return;
  }
  const members = value as Record<string, unknown>;
  for (const key in members) {
    const member = members[key];
    if (typeof member === "object") restoreNumbers(member);
    else if (typeof member === "string" && member.charCodeAt(0) === MARK_CODE) {
      members[key] = new ExactNumber(member.slice(1));
    }
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
