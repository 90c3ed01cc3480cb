//! The invoices of subscriptions, the configurations of the billing portal, and stock that each period takes.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared(SQL).await.map(drop)
    }
}

/// An invoice has no id of ours, since nothing refers to it: one index less for each renewal to write.
const SQL: &str = "
ALTER TABLE prices ADD COLUMN takes_stock_each_period BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE order_lines ADD COLUMN ships_period BOOLEAN NOT NULL DEFAULT FALSE;
CREATE TABLE invoices (
    stripe_invoice TEXT NOT NULL,
    stripe_account TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    subscription_id TEXT NOT NULL REFERENCES subscriptions (id),
    seller_id TEXT NOT NULL REFERENCES sellers (id),
    customer_id TEXT NOT NULL REFERENCES customers (id),
    number TEXT,
    status TEXT NOT NULL,
    billing_reason TEXT,
    currency TEXT NOT NULL,
    subtotal BIGINT NOT NULL,
    total BIGINT NOT NULL,
    amount_due BIGINT NOT NULL,
    amount_paid BIGINT NOT NULL,
    amount_paid_off_stripe BIGINT NOT NULL,
    amount_remaining BIGINT NOT NULL,
    payment_intent TEXT,
    attempt_count BIGINT NOT NULL,
    next_payment_attempt BIGINT,
    period_start BIGINT,
    period_end BIGINT,
    due_date BIGINT,
    finalized_at BIGINT,
    paid_at BIGINT,
    voided_at BIGINT,
    marked_uncollectible_at BIGINT,
    finalization_error TEXT,
    progress BIGINT NOT NULL,
    asked_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (stripe_invoice, stripe_account, livemode)
);
CREATE INDEX invoices_subscription ON invoices (subscription_id, created_at, stripe_invoice);
CREATE INDEX invoices_customer ON invoices (customer_id, created_at, stripe_invoice);
CREATE INDEX invoices_seller ON invoices (seller_id, created_at, stripe_invoice);
CREATE INDEX invoices_created ON invoices (created_at, stripe_invoice);
CREATE TABLE portal_configurations (
    id TEXT PRIMARY KEY,
    stripe_account TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    stripe_configuration TEXT,
    content TEXT,
    revision BIGINT NOT NULL,
    key_number INTEGER NOT NULL,
    key_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (stripe_account, livemode)
);
";
