import { commit, type Database, type Statement } from "@prego/core/store";
import type { SQL } from "drizzle-orm";

/** A D1 database whose statements are counted: an invocation has 1,000, each statement of a batch by itself. */
export interface Session {
  db: Database;
  read: <Row>(query: SQL) => Promise<Row[]>;
  commit: (statements: readonly Statement[]) => Promise<void>;
  statements: () => number;
}

export function createSession(db: Database): Session {
  let statements = 0;
  return {
    db,
    read: (query) => {
      statements += 1;
      return db.all(query);
    },
    commit: async (batch) => {
      statements += batch.length;
      await commit(db, batch);
    },
    statements: () => statements,
  };
}
