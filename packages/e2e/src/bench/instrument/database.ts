import type { Counts } from "./counts.ts";

type Row = Record<string, unknown>;

/**
 * A D1 database that counts its statements and the rows that D1 itself says it bills.
 * @param before told the statements of each call before it is made; what it throws, the call throws.
 */
export function countDatabase(
  database: D1Database,
  counts: Counts,
  before: (queries: readonly string[]) => void = () => undefined,
): D1Database {
  const originals = new WeakMap<object, D1PreparedStatement>();
  const queries = new WeakMap<object, string>();
  const note = (result: D1Result<Row>): D1Result<Row> => {
    counts.d1Statements += 1;
    counts.d1RowsRead += result.meta.rows_read;
    counts.d1RowsWritten += result.meta.rows_written;
    return result;
  };
  const wrap = (query: string, statement: D1PreparedStatement): D1PreparedStatement => {
    const counted = {
      bind: (...values: unknown[]) => wrap(query, statement.bind(...values)),
      run: async () => {
        before([query]);
        return note(await statement.run<Row>());
      },
      all: async () => {
        before([query]);
        return note(await statement.all<Row>());
      },
      first: async (column?: string) => {
        before([query]);
        const [row] = note(await statement.all<Row>()).results;
        if (row === undefined) return null;
        return column === undefined ? row : row[column];
      },
      // `raw` does not tell what it read. A query may run twice; what writes must not, and names its columns once.
      raw: async () => {
        before([query]);
        const rows = /^\s*select\b/i.test(query) ? await statement.raw() : undefined;
        const { results } = note(await statement.all<Row>());
        return rows ?? results.map((row) => Object.values(row));
      },
    };
    originals.set(counted, statement);
    queries.set(counted, query);
    return counted as unknown as D1PreparedStatement;
  };
  return {
    prepare: (query: string) => wrap(query, database.prepare(query)),
    batch: async (statements: D1PreparedStatement[]) => {
      before(statements.map((statement) => queries.get(statement) ?? ""));
      const results = await database.batch<Row>(statements.map((statement) => originals.get(statement) ?? statement));
      return results.map(note);
    },
    exec: refuse("exec"),
    dump: refuse("dump"),
    withSession: refuse("withSession"),
  } as unknown as D1Database;
}

/** What is not counted must not be used unseen. */
const refuse = (name: string) => (): never => {
  throw new Error(`D1's ${name} is not counted`);
};
