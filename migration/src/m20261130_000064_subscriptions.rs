//! Subscriptions, what each is of, and the invoice that a payment of one pays.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::rebuild::rebuild;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        match manager.get_database_backend() {
            DbBackend::Sqlite => rebuild(db, "orders", ORDERS, &[]).await?,
            _ => db.execute_unprepared(POSTGRES).await.map(drop)?,
        }
        db.execute_unprepared(SQL).await?;
        Ok(())
    }
}

/// The order of a trial comes to nothing. SQLite changes no constraint of a table that is there.
const ORDERS: &str = "
CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    seller_id TEXT NOT NULL REFERENCES sellers (id),
    buyer_id TEXT REFERENCES users (id),
    email TEXT,
    status TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    currency TEXT NOT NULL,
    amount_subtotal BIGINT NOT NULL CHECK (amount_subtotal >= 0),
    secret_hash TEXT,
    refund_reason TEXT,
    paid_at BIGINT,
    fulfilled_at BIGINT,
    tracking_number TEXT,
    cancelled_at BIGINT,
    cancel_reason TEXT,
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    purchase_ip TEXT,
    purchase_user_agent TEXT,
    refund_policy TEXT,
    refund_policy_url TEXT
);
";

const POSTGRES: &str = "
ALTER TABLE orders DROP CONSTRAINT orders_amount_subtotal_check;
ALTER TABLE orders ADD CONSTRAINT orders_amount_subtotal_check CHECK (amount_subtotal >= 0);
";

/// Most payments are of no subscription, so that the indexes of `payments` leave them out.
const SQL: &str = "
ALTER TABLE sellers ADD COLUMN subscription_grace_days INTEGER NOT NULL DEFAULT 7;
ALTER TABLE payments ADD COLUMN stripe_invoice TEXT;
CREATE INDEX payments_subscription ON payments (subscription) WHERE subscription IS NOT NULL;
CREATE INDEX payments_invoice ON payments (stripe_invoice) WHERE stripe_invoice IS NOT NULL;
CREATE TABLE subscriptions (
    id TEXT PRIMARY KEY,
    stripe_subscription TEXT NOT NULL,
    stripe_account TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    seller_id TEXT NOT NULL REFERENCES sellers (id),
    customer_id TEXT NOT NULL REFERENCES customers (id),
    order_id TEXT NOT NULL REFERENCES orders (id),
    status TEXT NOT NULL,
    currency TEXT NOT NULL,
    current_period_start BIGINT,
    current_period_end BIGINT,
    trial_end BIGINT,
    cancel_at BIGINT,
    cancel_at_period_end BOOLEAN NOT NULL,
    canceled_at BIGINT,
    ended_at BIGINT,
    latest_invoice TEXT,
    asked_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX subscriptions_stripe ON subscriptions (stripe_subscription, stripe_account, livemode);
CREATE INDEX subscriptions_seller ON subscriptions (seller_id, created_at, id);
CREATE INDEX subscriptions_customer ON subscriptions (customer_id, created_at, id);
CREATE INDEX subscriptions_period ON subscriptions (current_period_end) WHERE ended_at IS NULL;
CREATE TABLE subscription_items (
    subscription_id TEXT NOT NULL REFERENCES subscriptions (id),
    stripe_item TEXT NOT NULL,
    stripe_price TEXT NOT NULL,
    price_id TEXT REFERENCES prices (id),
    product_id TEXT REFERENCES products (id),
    unit_amount BIGINT,
    quantity BIGINT NOT NULL,
    PRIMARY KEY (subscription_id, stripe_item)
);
CREATE INDEX subscription_items_product ON subscription_items (product_id);
";
