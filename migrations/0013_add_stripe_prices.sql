-- What Stripe invoices meter events by: the metered price of a plan's meter, and the period and all prices of a subscription.
-- Effect on live rows: every row gets nulls, which mean unknown, until the next event or reconcile of its subscription.
-- It worked when `SELECT price_ids FROM stripe_subscriptions LIMIT 1` is no error.
ALTER TABLE plan_meters ADD COLUMN stripe_price_id TEXT;
ALTER TABLE stripe_subscriptions ADD COLUMN current_period_start TEXT;
ALTER TABLE stripe_subscriptions ADD COLUMN price_ids TEXT CHECK (json_valid(price_ids));
