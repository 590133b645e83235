-- Raw objects, hourly rollups and late usage. Quantities are integer micro-units (1e-6).
-- usage_objects.seq is given by the database: the order of storing, and the close's second bound.
CREATE TABLE usage_objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  r2_key TEXT NOT NULL UNIQUE,
  tenant_id TEXT NOT NULL,
  hour TEXT NOT NULL,
  events INTEGER NOT NULL CHECK (events >= 0),
  bytes INTEGER NOT NULL CHECK (bytes >= 0),
  sha256 TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'done', 'quarantined')),
  created_at TEXT NOT NULL,
  processed_at TEXT,
  error TEXT
) STRICT;
CREATE INDEX usage_objects_pending ON usage_objects (seq) WHERE status = 'pending';
CREATE INDEX usage_objects_quarantined ON usage_objects (seq) WHERE status = 'quarantined';
CREATE INDEX usage_objects_tenant ON usage_objects (tenant_id, hour);

CREATE TABLE usage_rollups (
  tenant_id TEXT NOT NULL,
  meter_key TEXT NOT NULL,
  hour TEXT NOT NULL,
  qty INTEGER NOT NULL,
  events INTEGER NOT NULL,
  min_qty INTEGER,
  max_qty INTEGER,
  last_qty INTEGER,
  first_event_at TEXT NOT NULL,
  last_event_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (tenant_id, meter_key, hour)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_adjustments (
  tenant_id TEXT NOT NULL,
  meter_key TEXT NOT NULL,
  corrected_cycle TEXT NOT NULL,
  r2_key TEXT NOT NULL,
  billed_cycle TEXT,
  qty INTEGER NOT NULL,
  events INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (tenant_id, meter_key, corrected_cycle, r2_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_adjustments_unbilled ON usage_adjustments (tenant_id, meter_key) WHERE billed_cycle IS NULL;
