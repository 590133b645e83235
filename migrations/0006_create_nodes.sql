-- Nodes, their rolled-up metrics, and every scaling evaluation ("none" included).
-- Effect on live rows: none, new tables. A figure that a node does not report is null, never 0. scaling_regions without a row means a region is never scaled.
CREATE TABLE nodes (
  node_id TEXT PRIMARY KEY,
  region TEXT NOT NULL,
  provider TEXT NOT NULL,
  size TEXT NOT NULL,
  capacity INTEGER NOT NULL CHECK (capacity >= 0),
  status TEXT NOT NULL CHECK (status IN ('provisioning', 'active', 'cordoned', 'draining', 'retired', 'failed')),
  status_reason TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  last_seen_at TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX nodes_region ON nodes (region, status);

CREATE TABLE node_metrics_rollups (
  node_id TEXT NOT NULL,
  window_start TEXT NOT NULL,
  samples INTEGER NOT NULL,
  samples_json TEXT NOT NULL,
  cpu_avg REAL NOT NULL, cpu_p95 REAL NOT NULL,
  memory_avg REAL NOT NULL, memory_p95 REAL NOT NULL,
  disk_avg REAL NOT NULL, disk_p95 REAL NOT NULL,
  load_avg REAL, load_p95 REAL,
  error_rate_avg REAL, error_rate_p95 REAL,
  latency_ms_avg REAL, latency_ms_p95 REAL,
  tenant_count INTEGER,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (node_id, window_start)
) STRICT, WITHOUT ROWID;

CREATE TABLE scaling_regions (
  region TEXT PRIMARY KEY,
  mode TEXT NOT NULL CHECK (mode IN ('active', 'advise', 'paused')),
  min_nodes INTEGER NOT NULL CHECK (min_nodes >= 0),
  max_nodes INTEGER NOT NULL CHECK (max_nodes >= min_nodes),
  target_pressure INTEGER NOT NULL CHECK (target_pressure BETWEEN 1 AND 100),
  node_size TEXT NOT NULL,
  node_capacity INTEGER NOT NULL CHECK (node_capacity > 0),
  updated_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE scaling_events (
  id TEXT PRIMARY KEY,
  ts TEXT NOT NULL,
  region TEXT NOT NULL,
  decision TEXT NOT NULL CHECK (decision IN ('none', 'scale_out', 'scale_in', 'replace', 'halted')),
  mode TEXT NOT NULL,
  binding_rule TEXT NOT NULL,
  explanation TEXT NOT NULL,
  distance_to_action TEXT NOT NULL,
  inputs_json TEXT NOT NULL,
  scores_json TEXT NOT NULL,
  evaluation_key TEXT NOT NULL UNIQUE,
  run_id TEXT NOT NULL,
  trace_id TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX scaling_events_region ON scaling_events (region, ts);
