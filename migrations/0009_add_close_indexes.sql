-- Runs of the close come every ten minutes: what they look for among all tenants and all events of Stripe is found by index.
-- Effect on live rows: none changes, both indexes hold few rows. It worked when `EXPLAIN QUERY PLAN` of such a read names them.
CREATE INDEX tenants_master_ended ON tenants_master (tenant_id) WHERE subscription_status IN ('canceled', 'incomplete_expired');
CREATE INDEX stripe_events_meter_reports ON stripe_events (received_at, event_id)
  WHERE type IN ('v1.billing.meter.error_report_triggered', 'v1.billing.meter.no_meter_found');
