//! Payments and refunds.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(SQL).await?;
        Ok(())
    }
}

const SQL: &str = "
CREATE TABLE payments (
    id TEXT PRIMARY KEY,
    charge_account TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    kind TEXT NOT NULL,
    stripe_object TEXT UNIQUE,
    payment_intent TEXT,
    charge TEXT,
    status TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'paid', 'failed', 'expired')),
    currency TEXT NOT NULL,
    amount_subtotal BIGINT NOT NULL,
    amount_discount BIGINT,
    amount_paid BIGINT,
    amount_refunded BIGINT NOT NULL CHECK (amount_refunded >= 0),
    application_fee BIGINT NOT NULL CHECK (application_fee >= 0),
    allow_discounts BOOLEAN NOT NULL,
    attempt TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    success_url TEXT NOT NULL,
    cancel_url TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    asked_at BIGINT,
    failure TEXT,
    paid_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX payments_intent ON payments (charge_account, payment_intent) WHERE payment_intent IS NOT NULL;
CREATE INDEX payments_charge ON payments (charge_account, charge) WHERE charge IS NOT NULL;
CREATE TABLE payment_orders (
    payment_id TEXT NOT NULL REFERENCES payments (id),
    order_id TEXT NOT NULL REFERENCES orders (id),
    PRIMARY KEY (payment_id, order_id)
);
CREATE INDEX payment_orders_order ON payment_orders (order_id);
CREATE TABLE refunds (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL REFERENCES payments (id),
    order_id TEXT NOT NULL REFERENCES orders (id),
    seller_id TEXT NOT NULL REFERENCES sellers (id),
    amount BIGINT NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    application_fee_refunded BIGINT,
    reason TEXT,
    note TEXT,
    origin TEXT NOT NULL,
    status TEXT NOT NULL,
    failure_reason TEXT,
    stripe_refund TEXT UNIQUE,
    attempt INTEGER NOT NULL,
    first_sent_at BIGINT,
    requested_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX refunds_payment ON refunds (payment_id);
CREATE INDEX refunds_order ON refunds (order_id, id);
CREATE INDEX refunds_seller ON refunds (seller_id, id);
-- The money of a payment goes back of itself at most once.
CREATE UNIQUE INDEX refunds_automatic ON refunds (payment_id, order_id)
    WHERE origin IN ('oversold', 'late', 'duplicate_payment');
";
