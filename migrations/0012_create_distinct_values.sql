-- Values of meters that count distinct ones, as digests: a row for each value of a tenant, meter and cycle is what exactness costs.
-- usage_rollups.new_values says how many values the hour was the first of its cycle to see, so that no close reads them one by one.
-- Effect on live rows: every rollup gets 0. It worked when `SELECT new_values FROM usage_rollups LIMIT 1` is no error.
CREATE TABLE usage_distinct_values (
  tenant_id TEXT NOT NULL,
  meter_key TEXT NOT NULL,
  cycle TEXT NOT NULL,
  value_digest TEXT NOT NULL,
  hour TEXT NOT NULL,
  is_late INTEGER NOT NULL CHECK (is_late IN (0, 1)),
  PRIMARY KEY (tenant_id, meter_key, cycle, value_digest)
) STRICT, WITHOUT ROWID;
ALTER TABLE usage_rollups ADD COLUMN new_values INTEGER NOT NULL DEFAULT 0;
