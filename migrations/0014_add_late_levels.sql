-- What late usage says of meters that bill their largest or last value: the sum of it cannot tell.
-- Effect on live rows: every adjustment gets nulls, which mean unknown: such usage is recorded and not priced.
-- It worked when `SELECT last_event_at FROM usage_adjustments LIMIT 1` is no error.
ALTER TABLE usage_adjustments ADD COLUMN max_qty INTEGER;
ALTER TABLE usage_adjustments ADD COLUMN last_qty INTEGER;
ALTER TABLE usage_adjustments ADD COLUMN last_event_at TEXT;
