/** Objects taken from the queue by one query. */
export const PENDING_PAGE_ROWS = 100;
/** Objects read at once: a Worker may wait for six connections, and each holds one chunk and its sums in memory. */
export const READS_AT_ONCE = 4;
/** Objects finished by one commit. */
export const GROUP_OBJECTS_MAX = 100;
/** Rollup rows after which a group is committed, so that its sums stay small in memory. */
export const GROUP_ROWS_MAX = 2_000;
/** Distinct values after which a group is committed, for the same reason. */
export const GROUP_VALUES_MAX = 20_000;
/** Characters of values in one statement, some 38,000 of them: below D1's 2 MB per parameter. */
export const VALUES_JSON_CHARS_MAX = 1_000_000;
/** Rows written by one statement: at most about 400 bytes each as JSON, below D1's 2 MB per parameter. */
export const ROWS_PER_STATEMENT = 2_000;
/** Different meters in one object: twice what usage-writer can put into one. More would not fit into one commit. */
export const OBJECT_METERS_MAX = 10_000;
/** Distinct values in one object: more than usage-writer can put into one, in 6 MB of digests. */
export const OBJECT_VALUES_MAX = 50_000;
/** Values of an object remembered as they are, so that those that come again are not hashed: 5 MB at most. */
export const RECENT_VALUES_MAX = 10_000;
/** Largest object that is read: about 2.5 million lines, which one run can finish within the 30 s of CPU a cron has. */
export const OBJECT_BYTES_MAX = 512 * 1024 * 1024;
/** Bytes read by one run, for the same reason. The first object is always taken. */
export const RUN_BYTES_MAX = 512 * 1024 * 1024;
/** Chunk asked of R2 at a time: fewer turns of the event loop than the 4 KB that a plain reader gets. */
export const READ_CHUNK_BYTES = 256 * 1024;

/** D1 statements after which a run takes no new work; D1 allows 1,000 an invocation and a group may need 100 to end. */
export const RUN_STATEMENTS_MAX = 840;
/** Times a group is planned again because another run, a close or a purge came first. */
export const PLANS_PER_GROUP_MAX = 3;
/** Failed commits in a row after which a part of a run stops: D1 is down. */
export const FAILURES_IN_A_ROW_MAX = 3;
/** Unreadable objects in a row after which a part of a run stops: R2 is down, ten waves of it. */
export const UNREAD_IN_A_ROW_MAX = 40;
/** Waiting and quarantined objects are counted up to this, so that counting stays cheap. */
export const COUNTED_ROWS_MAX = 10_000;

/** Objects a dry run reads, and rows of each kind it prints. */
export const DRY_RUN_OBJECTS_MAX = 100;
export const DRY_RUN_ROWS_MAX = 500;

/** Pages of 1,000 keys that one run compares with D1; 96 runs a day cover 4.8 million objects. */
export const RECONCILE_PAGES_PER_RUN_MAX = 50;
/** Objects without a row that one run reads and adopts. */
export const ADOPTIONS_PER_RUN_MAX = 500;
/** Objects of one tenant adopted by one commit, with one audit row. */
export const ADOPTIONS_PER_COMMIT_MAX = 100;
/** Younger objects and rows are left alone: their writer may be between the object and its row. */
export const RECONCILE_AGE_MS_MIN = 60 * 60 * 1_000;
/** Rows without an object that a report names. */
export const MISSING_LISTED_MAX = 10;
/** Newest runs that are searched for the state of the reconcile pass: a crashed run does not record it. */
export const RUNS_SEARCHED_MAX = 200;
