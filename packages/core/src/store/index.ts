export { appendAudit, appendTrace, type TraceEvent } from "./append.ts";
export { columnsOf, commit, openDatabase, readTogether, type Database, type Statement } from "./database.ts";
export { endedCharges, isInvoiced, recentCycles } from "./ended-charges.ts";
export { requireChanged, requireTrue } from "./guard.ts";
export { createJobLeases } from "./job-lease.ts";
