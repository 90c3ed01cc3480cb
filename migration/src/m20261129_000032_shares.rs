//! Payments that are more than Checkout Sessions, and each order's share of a payment and of a refund.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::rebuild::rebuild;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Sqlite {
            rebuild(db, "payments", PAYMENTS, VALUES).await?;
        } else {
            db.execute_unprepared(POSTGRES).await?;
        }
        db.execute_unprepared(SHARES).await?;
        Ok(())
    }
}

/// What isn't copied as it is: an expression over the old row.
const VALUES: &[(&str, &str)] = &[("kind", "'session'")];

/// SQLite changes no constraint of a table that is there.
const PAYMENTS: &str = "
CREATE TABLE payments (
    id TEXT PRIMARY KEY,
    charge_account TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('session', 'intent', 'invoice')),
    stripe_object TEXT,
    payment_intent TEXT,
    charge TEXT,
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'processing', 'authorized', 'paid', 'failed', 'expired', 'canceled')),
    currency TEXT NOT NULL,
    amount_subtotal BIGINT NOT NULL,
    amount_discount BIGINT,
    amount_paid BIGINT,
    amount_refunded BIGINT NOT NULL CHECK (amount_refunded >= 0),
    application_fee BIGINT NOT NULL CHECK (application_fee >= 0),
    allow_discounts BOOLEAN NOT NULL,
    attempt TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    success_url TEXT,
    cancel_url TEXT,
    expires_at BIGINT,
    asked_at BIGINT,
    failure TEXT,
    paid_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    key_number INTEGER NOT NULL DEFAULT 1,
    key_until BIGINT NOT NULL DEFAULT 0,
    fee_bps INTEGER,
    fee_fixed BIGINT,
    stripe_fee TEXT,
    fee_taken BIGINT,
    fee_returned BIGINT,
    failure_code TEXT,
    stripe_promotion_code TEXT,
    charge_type TEXT NOT NULL DEFAULT 'direct' CHECK (charge_type IN ('direct', 'destination', 'separate')),
    customer TEXT,
    subscription TEXT,
    capture_method TEXT NOT NULL DEFAULT 'automatic'
        CHECK (capture_method IN ('automatic', 'automatic_async', 'manual')),
    amount_capturable BIGINT,
    last_error TEXT,
    on_behalf_of TEXT,
    transfer_group TEXT,
    UNIQUE (stripe_object, charge_account, livemode)
);
";

const POSTGRES: &str = "
ALTER TABLE payments
    DROP CONSTRAINT payments_stripe_object_key,
    DROP CONSTRAINT payments_status_check,
    ALTER COLUMN success_url DROP NOT NULL,
    ALTER COLUMN cancel_url DROP NOT NULL,
    ALTER COLUMN expires_at DROP NOT NULL,
    ADD COLUMN charge_type TEXT NOT NULL DEFAULT 'direct' CHECK (charge_type IN ('direct', 'destination', 'separate')),
    ADD COLUMN customer TEXT,
    ADD COLUMN subscription TEXT,
    ADD COLUMN capture_method TEXT NOT NULL DEFAULT 'automatic'
        CHECK (capture_method IN ('automatic', 'automatic_async', 'manual')),
    ADD COLUMN amount_capturable BIGINT,
    ADD COLUMN last_error TEXT,
    ADD COLUMN on_behalf_of TEXT,
    ADD COLUMN transfer_group TEXT,
    ADD CONSTRAINT payments_status_check
        CHECK (status IN ('pending', 'processing', 'authorized', 'paid', 'failed', 'expired', 'canceled')),
    ADD CONSTRAINT payments_object_key UNIQUE (stripe_object, charge_account, livemode);
UPDATE payments SET kind = 'session';
ALTER TABLE payments ADD CONSTRAINT payments_kind_check CHECK (kind IN ('session', 'intent', 'invoice'));
";

/// Every payment and every refund has been of one order until now, whose share is the whole.
const SHARES: &str = "
ALTER TABLE payment_orders ADD COLUMN amount_subtotal BIGINT NOT NULL DEFAULT 0 CHECK (amount_subtotal >= 0);
ALTER TABLE payment_orders ADD COLUMN amount_discount BIGINT CHECK (amount_discount >= 0);
ALTER TABLE payment_orders ADD COLUMN amount_paid BIGINT CHECK (amount_paid >= 0);
ALTER TABLE payment_orders ADD COLUMN amount_refunded BIGINT NOT NULL DEFAULT 0 CHECK (amount_refunded >= 0);
ALTER TABLE payment_orders ADD COLUMN application_fee BIGINT NOT NULL DEFAULT 0 CHECK (application_fee >= 0);
UPDATE payment_orders SET (amount_subtotal, amount_discount, amount_paid, amount_refunded, application_fee) = (
    SELECT p.amount_subtotal, p.amount_discount, p.amount_paid, p.amount_refunded, p.application_fee
    FROM payments p WHERE p.id = payment_orders.payment_id);
CREATE TABLE refund_orders (
    refund_id TEXT NOT NULL REFERENCES refunds (id),
    order_id TEXT NOT NULL REFERENCES orders (id),
    amount BIGINT NOT NULL CHECK (amount > 0),
    PRIMARY KEY (refund_id, order_id)
);
CREATE INDEX refund_orders_order ON refund_orders (order_id, refund_id);
INSERT INTO refund_orders (refund_id, order_id, amount) SELECT id, order_id, amount FROM refunds;
";
