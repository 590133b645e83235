import type { UsageLine } from "./usage-line.ts";

/**
 * What a meter that counts distinct values counts of a line; undefined for nothing: it names no value, takes something back, or
 * arrived before there was such a meter. Only stored facts decide, so that every reading of the line says the same.
 * @param definedAtMs when the meter was made, epoch milliseconds.
 */
export const countedValue = (
  { value, correction, receivedAtMs }: Pick<UsageLine, "value" | "correction" | "receivedAtMs">,
  definedAtMs: number,
): string | undefined => (correction || receivedAtMs < definedAtMs ? undefined : value);
