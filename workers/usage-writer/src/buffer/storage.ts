import { DEDUPE_WINDOW_MS, REPLAY_WINDOW_MS } from "../limits.ts";
import { ID_WORDS } from "./append-request.ts";
import type { BatchRow, ReplayNote } from "./decide-group.ts";
import type { BatchSize, FlushPlan } from "./flush-plan.ts";
import { RUN_TABLES, RunStorage } from "./run-storage.ts";

// batches: what is buffered, one row a commit. replays: what repeated requests are told.
// object: one row; `flushed_seq` keeps sequence numbers, and with them object names, from ever coming again.
const TABLES = `
CREATE TABLE IF NOT EXISTS object (
  one INTEGER PRIMARY KEY, tenant_id TEXT NOT NULL, shard INTEGER NOT NULL, flushed_seq INTEGER NOT NULL,
  plan_first INTEGER, plan_last INTEGER, maintained_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS batches (
  seq INTEGER PRIMARY KEY, events INTEGER NOT NULL, chars INTEGER NOT NULL, id_count INTEGER NOT NULL,
  ids BLOB NOT NULL, body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS replays (claim BLOB PRIMARY KEY, made_ms INTEGER NOT NULL, duplicates BLOB NOT NULL) WITHOUT ROWID;
`;

/** Whose object this is, and how far it got. */
export interface ObjectRow {
  tenantId: string;
  shard: number;
  flushedSeq: number;
  plan: FlushPlan | undefined;
  /** When the object was last looked after, or made. */
  maintainedMs: number;
}

type BufferColumn = { ids: ArrayBuffer };
const words = (blob: ArrayBuffer): Uint32Array => new Uint32Array(blob);

/** The SQLite side of a usage buffer: every statement it runs. */
export class BufferStorage {
  readonly #storage: DurableObjectStorage;
  readonly runs: RunStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.runs = new RunStorage(storage);
  }

  get #sql(): SqlStorage {
    return this.#storage.sql;
  }

  createTables(): void {
    this.#sql.exec(TABLES + RUN_TABLES);
  }

  findObject(): ObjectRow | undefined {
    type Row = {
      tenant_id: string;
      shard: number;
      flushed_seq: number;
      plan_first: number | null;
      plan_last: number | null;
      maintained_ms: number;
    };
    const [row] = this.#sql.exec<Row>("SELECT * FROM object").toArray();
    if (row === undefined) return undefined;
    const { plan_first: first, plan_last: last } = row;
    return {
      tenantId: row.tenant_id,
      shard: row.shard,
      flushedSeq: row.flushed_seq,
      plan: first === null || last === null ? undefined : { first, last },
      maintainedMs: row.maintained_ms,
    };
  }

  insertObject(tenantId: string, shard: number, nowMs: number): void {
    const insert = "INSERT INTO object (one, tenant_id, shard, flushed_seq, maintained_ms) VALUES (1, ?, ?, 0, ?)";
    this.#sql.exec(insert, tenantId, shard, nowMs);
  }

  /** Whether there is anything that becomes too old. */
  holdsIds(): boolean {
    const any =
      "SELECT EXISTS (SELECT 1 FROM segments UNION ALL SELECT 1 FROM runs UNION ALL SELECT 1 FROM replays) AS held";
    return this.#sql.exec<{ held: number }>(any).one().held === 1;
  }

  /** Sizes of all batches, oldest first; read row by row, so a caller may stop early. */
  batches(): Iterable<BatchSize> {
    type Row = { seq: number; events: number; chars: number; idCount: number };
    return this.#sql.exec<Row>("SELECT seq, events, chars, id_count AS idCount FROM batches ORDER BY seq");
  }

  /** The newest batch's sequence number, and sums over all. */
  sumBatches(): { last: number | undefined; events: number; chars: number; idCount: number } {
    type Row = { last: number | null; events: number; chars: number; idCount: number };
    const { last, ...sums } = this.#sql
      .exec<Row>(
        `SELECT max(seq) AS last, coalesce(sum(events), 0) AS events, coalesce(sum(chars), 0) AS chars,
          coalesce(sum(id_count), 0) AS idCount FROM batches`,
      )
      .one();
    return { last: last ?? undefined, ...sums };
  }

  /** The oldest batch's sequence number. */
  findFirstSeq(): number | undefined {
    const [row] = this.#sql.exec<{ seq: number }>("SELECT seq FROM batches ORDER BY seq LIMIT 1").toArray();
    return row?.seq;
  }

  *batchIds(): Iterable<Uint32Array> {
    for (const { ids } of this.#sql.exec<BufferColumn>("SELECT ids FROM batches ORDER BY seq")) yield words(ids);
  }

  /** Writes a group's rows: all or none. */
  insertGroup(firstSeq: number, rows: readonly BatchRow[], replays: readonly ReplayNote[], nowMs: number): void {
    const [only] = rows;
    if (only !== undefined && rows.length === 1 && replays.length === 0) {
      this.#insertBatch(firstSeq, only);
      return;
    }
    this.#storage.transactionSync(() => {
      rows.forEach((row, index) => this.#insertBatch(firstSeq + index, row));
      for (const { claim, duplicates } of replays) {
        this.#sql.exec(
          "INSERT OR IGNORE INTO replays (claim, made_ms, duplicates) VALUES (?, ?, ?)",
          claim,
          nowMs,
          duplicates,
        );
      }
    });
  }

  #insertBatch(seq: number, { events, chars, ids, body }: BatchRow): void {
    const insert = "INSERT INTO batches (seq, events, chars, id_count, ids, body) VALUES (?, ?, ?, ?, ?, ?)";
    this.#sql.exec(insert, seq, events, chars, ids.length / ID_WORDS, ids, body);
  }

  findDuplicates(claim: Uint32Array): Uint32Array | undefined {
    const [row] = this.#sql
      .exec<{ duplicates: ArrayBuffer }>("SELECT duplicates FROM replays WHERE claim = ?", claim)
      .toArray();
    return row === undefined ? undefined : words(row.duplicates);
  }

  /** Ids in all notes of repeated requests. */
  countReplayIds(): number {
    const { bytes } = this.#sql
      .exec<{ bytes: number }>("SELECT coalesce(sum(length(duplicates)), 0) AS bytes FROM replays")
      .one();
    return bytes / (ID_WORDS * Uint32Array.BYTES_PER_ELEMENT);
  }

  savePlan({ first, last }: FlushPlan): void {
    this.#sql.exec("UPDATE object SET plan_first = ?, plan_last = ?", first, last);
  }

  readBodies({ first, last }: FlushPlan): string[] {
    return this.#sql
      .exec<{ body: string }>("SELECT body FROM batches WHERE seq BETWEEN ? AND ? ORDER BY seq", first, last)
      .toArray()
      .map(({ body }) => body);
  }

  readIds({ first, last }: FlushPlan): Uint32Array[] {
    return this.#sql
      .exec<BufferColumn>("SELECT ids FROM batches WHERE seq BETWEEN ? AND ? ORDER BY seq", first, last)
      .toArray()
      .map(({ ids }) => words(ids));
  }

  /** Ends a flush: the batches go, their ids stay. */
  finishFlush({ first, last }: FlushPlan, ids: Uint32Array): void {
    this.#storage.transactionSync(() => {
      if (ids.length > 0) this.#sql.exec("INSERT INTO segments (seq, ids) VALUES (?, ?)", last, ids);
      this.#sql.exec("DELETE FROM batches WHERE seq BETWEEN ? AND ?", first, last);
      this.#sql.exec("UPDATE object SET flushed_seq = ?, plan_first = NULL, plan_last = NULL", last);
    });
  }

  /** Forgets ids and replays that are past their windows, and notes that ids were looked after. */
  expireIds(nowMs: number): void {
    this.#storage.transactionSync(() => {
      this.runs.expire(nowMs - DEDUPE_WINDOW_MS);
      this.#sql.exec("DELETE FROM replays WHERE made_ms < ?", nowMs - REPLAY_WINDOW_MS);
      this.#sql.exec("UPDATE object SET maintained_ms = ?", nowMs);
    });
  }
}
