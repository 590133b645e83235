-- The queue takes objects that could not be read or committed behind the others, so that a few of them hold up nothing.
-- Effect on live rows: every object gets 0. The index holds failed objects only, so an ordinary one costs no further row.
-- It worked when `EXPLAIN QUERY PLAN` of a read of `failures > 0` names it.
ALTER TABLE usage_objects ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
CREATE INDEX usage_objects_failed ON usage_objects (failures, seq) WHERE status = 'pending' AND failures > 0;
