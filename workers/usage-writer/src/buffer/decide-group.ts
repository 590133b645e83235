import { BATCH_CHARS_MAX, BATCH_IDS_MAX } from "../limits.ts";
import { type AppendRequest, type AppendResult, ID_WORDS, STATUS_CODES } from "./append-request.ts";
import { formatBatchBody, type HourLines } from "./batch-body.ts";
import type { DedupeIndex } from "./dedupe-index.ts";
import { DigestTable, hasId } from "./digest-table.ts";
import { compareIds } from "./segment.ts";

/** One row of buffered events. */
export interface BatchRow {
  events: number;
  chars: number;
  ids: Uint32Array;
  body: string;
}

/** Which events of a first request with an Idempotency-Key were duplicates already, so that a repeat says the same. */
export interface ReplayNote {
  claim: Uint32Array;
  duplicates: Uint32Array;
}

/** What a group of requests comes to: their answers, and the rows that make these true. */
export interface GroupDecision {
  results: AppendResult[];
  rows: BatchRow[];
  replays: ReplayNote[];
}

/** Reads what {@link ReplayNote} kept of an earlier request with this claim. */
export type FindDuplicates = (claim: Uint32Array) => Uint32Array | undefined;

/**
 * Decides every event of a group, in order. Ids that are taken go into the index at once, so that a copy later in the group
 * is seen; if the rows then cannot be written, the index has to be thrown away with them.
 */
export function decideGroup(
  index: DedupeIndex,
  requests: readonly AppendRequest[],
  findDuplicates: FindDuplicates,
): GroupDecision {
  const rows = new RowBuilder();
  const replays: ReplayNote[] = [];
  const results = requests.map((request): AppendResult => {
    const { claim } = request;
    const known = claim === undefined ? "absent" : index.match(claim, 0);
    if (known === "other") return { v: 1, kind: "key_reused" };
    const statuses = request.lines.map((_, position) => decideEvent(index, request, position, rows)).join("");
    if (claim === undefined) return { v: 1, kind: "done", statuses };
    if (known === "same") {
      const noted = replays.find((note) => compareIds(note.claim, 0, claim, 0) === 0)?.duplicates;
      return { v: 1, kind: "done", statuses: replayStatuses(request, statuses, noted ?? findDuplicates(claim)) };
    }
    index.hot.add(claim, 0);
    rows.addId(claim, 0);
    const duplicates = collectIds(request.ids, statuses, STATUS_CODES.duplicate);
    if (duplicates.length > 0) replays.push({ claim, duplicates });
    return { v: 1, kind: "done", statuses };
  });
  return { results, rows: rows.finish(), replays };
}

function decideEvent(index: DedupeIndex, request: AppendRequest, position: number, rows: RowBuilder): string {
  const { ids, hours, lines } = request;
  const at = position * ID_WORDS;
  const identified = hasId(ids, at);
  const match = identified ? index.match(ids, at) : "absent";
  if (match === "same") return STATUS_CODES.duplicate;
  if (match === "other") return STATUS_CODES.conflict;
  rows.addLine(hours[position] ?? "", lines[position] ?? "");
  if (identified) {
    index.hot.add(ids, at);
    rows.addId(ids, at);
  }
  return STATUS_CODES.accepted;
}

// In a repeated request everything is a duplicate of the first one, except for what already was one then.
function replayStatuses({ ids }: AppendRequest, statuses: string, duplicates: Uint32Array | undefined): string {
  const first = new DigestTable();
  if (duplicates !== undefined) first.addAll(duplicates);
  return Array.from(statuses, (status, position) => {
    const at = position * ID_WORDS;
    if (status !== STATUS_CODES.duplicate || !hasId(ids, at)) return status;
    if (first.match(ids, at) !== "absent") return status;
    first.add(ids, at);
    return STATUS_CODES.accepted;
  }).join("");
}

/** Ids with a status, save those that merely repeat an earlier one of their own request. */
function collectIds(ids: Uint32Array, statuses: string, wanted: string): Uint32Array {
  const accepted = new DigestTable();
  const collected: number[] = [];
  for (let position = 0; position < statuses.length; position++) {
    const at = position * ID_WORDS;
    if (!hasId(ids, at) || accepted.match(ids, at) !== "absent") continue;
    accepted.add(ids, at);
    if (statuses[position] === wanted) collected.push(...ids.subarray(at, at + ID_WORDS));
  }
  return Uint32Array.from(collected);
}

const IDS_WORDS_MIN = 64 * ID_WORDS;

/** Gathers accepted lines and ids into rows that stay below the size of a row. */
class RowBuilder {
  readonly #rows: BatchRow[] = [];
  #hours = new Map<string, { events: number; text: string }>();
  #ids = new Uint32Array(IDS_WORDS_MIN);
  #words = 0;
  #events = 0;
  #chars = 0;

  addLine(hour: string, line: string): void {
    if (this.#chars + line.length > BATCH_CHARS_MAX) this.#closeRow();
    const known = this.#hours.get(hour);
    if (known === undefined) this.#hours.set(hour, { events: 1, text: `${line}\n` });
    else {
      known.events++;
      known.text += `${line}\n`;
    }
    this.#events++;
    this.#chars += line.length + 1;
  }

  /** The id of a line or of a request. All rows of a group are written together, so it may be in a later one than its line. */
  addId(ids: Uint32Array, at: number): void {
    if (this.#words >= BATCH_IDS_MAX * ID_WORDS) this.#closeRow();
    if (this.#words + ID_WORDS > this.#ids.length) {
      const grown = new Uint32Array(this.#ids.length * 2);
      grown.set(this.#ids);
      this.#ids = grown;
    }
    for (let word = 0; word < ID_WORDS; word++) this.#ids[this.#words++] = ids[at + word] ?? 0;
  }

  finish(): BatchRow[] {
    if (this.#events > 0 || this.#words > 0) this.#closeRow();
    return this.#rows;
  }

  #closeRow(): void {
    const hours: HourLines[] = Array.from(this.#hours, ([hour, lines]) => ({ hour, ...lines }));
    this.#rows.push({
      events: this.#events,
      chars: this.#chars,
      ids: this.#ids.slice(0, this.#words),
      body: formatBatchBody(hours),
    });
    this.#hours = new Map();
    this.#words = 0;
    this.#events = 0;
    this.#chars = 0;
  }
}
