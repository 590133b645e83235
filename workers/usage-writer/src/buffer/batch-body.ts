/** The lines of one hour: each ends with a line feed. */
export interface HourLines {
  hour: string;
  events: number;
  text: string;
}

/** Text of a batch row: per hour one head line `<hour> <events> <characters>` and then that many characters of lines. */
export function formatBatchBody(hours: Iterable<HourLines>): string {
  let body = "";
  for (const { hour, events, text } of hours) body += `${hour} ${events} ${text.length}\n${text}`;
  return body;
}

/**
 * Reads a batch row's text back.
 * @throws Error for a text that {@link formatBatchBody} did not make.
 */
export function parseBatchBody(body: string): HourLines[] {
  const hours: HourLines[] = [];
  for (let at = 0; at < body.length;) {
    const headEnd = body.indexOf("\n", at);
    const [hour, events, chars] = body.slice(at, headEnd).split(" ");
    if (headEnd === -1 || hour === undefined || chars === undefined) throw new Error("a batch row is damaged");
    const textEnd = headEnd + 1 + Number(chars);
    hours.push({ hour, events: Number(events), text: body.slice(headEnd + 1, textEnd) });
    at = textEnd;
  }
  return hours;
}

/** Lines of several batches, in their order, gathered by hour; hours in ascending order. */
export function mergeByHour(bodies: readonly string[]): HourLines[] {
  const merged = new Map<string, HourLines>();
  for (const { hour, events, text } of bodies.flatMap(parseBatchBody)) {
    const known = merged.get(hour) ?? { hour, events: 0, text: "" };
    merged.set(hour, { hour, events: known.events + events, text: known.text + text });
  }
  return [...merged.values()].toSorted((a, b) => (a.hour < b.hour ? -1 : 1));
}
