/** @throws Error for anything but a whole number of at most nine digits. */
export function readCount(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new Error(`${text} is not a whole number`);
  return Number(text);
}

/** `hang 12, late 3`. */
export const listCounts = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
