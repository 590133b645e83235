import type { Counts } from "./counts.ts";

/** More cursors than are ever open at once: a cursor's rows are known for certain only when it has been read. */
const CURSORS_MAX = 64;

interface Seen {
  cursor: SqlStorageCursor<Record<string, SqlStorageValue>>;
  read: number;
  written: number;
}

/** Counts the rows that an object's cursors say they read and wrote. */
export interface RowMeter {
  watch(cursor: Seen["cursor"]): void;
  /** Adds what happened since the last time. */
  collect(): void;
}

function createRowMeter(counts: Counts): RowMeter {
  const open: Seen[] = [];
  const collect = (): void => {
    for (const seen of open) {
      counts.objectRowsRead += seen.cursor.rowsRead - seen.read;
      counts.objectRowsWritten += seen.cursor.rowsWritten - seen.written;
      seen.read = seen.cursor.rowsRead;
      seen.written = seen.cursor.rowsWritten;
    }
    open.splice(0, Math.max(0, open.length - CURSORS_MAX));
  };
  return {
    watch: (cursor) => {
      open.push({ cursor, read: 0, written: 0 });
      if (open.length >= 2 * CURSORS_MAX) collect();
    },
    collect,
  };
}

/** Calls on storage that bill no row. */
const FREE_CALLS = new Set(["transactionSync", "sync", "deleteAll"]);

/**
 * Makes an object's storage count what is billed, in place: the runtime takes only its own context. Setting an alarm is
 * billed as a row written, asking for it is taken as a row read.
 */
export function countStorage(context: DurableObjectState, counts: Counts): RowMeter {
  const { storage } = context;
  const meter = createRowMeter(counts);
  const sql = new Proxy(storage.sql, {
    get(target, name) {
      if (name !== "exec") return Reflect.get(target, name) as unknown;
      return (query: string, ...bindings: unknown[]) => {
        const cursor = target.exec(query, ...bindings);
        meter.watch(cursor);
        return cursor;
      };
    },
  });
  const counted = new Proxy(storage, {
    get(target, name) {
      if (name === "sql") return sql;
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      if (name === "setAlarm") counts.objectRowsWritten += 1;
      else if (name === "getAlarm") counts.objectRowsRead += 1;
      else if (!FREE_CALLS.has(String(name))) throw new Error(`the storage's ${String(name)} is not counted`);
      return member.bind(target) as unknown;
    },
  });
  Object.defineProperty(context, "storage", { value: counted });
  return meter;
}
