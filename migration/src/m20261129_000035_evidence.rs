//! Evidence of disputes: what Stripe says of it, our drafts, and what was submitted, once in each phase of a dispute.

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
ALTER TABLE disputes ADD COLUMN case_type TEXT;
ALTER TABLE disputes ADD COLUMN network_reason_code TEXT;
ALTER TABLE disputes ADD COLUMN has_evidence BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE disputes ADD COLUMN past_due BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE disputes ADD COLUMN submission_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE disputes ADD COLUMN enhanced_eligibility TEXT NOT NULL DEFAULT '{}';
ALTER TABLE disputes ADD COLUMN phase INTEGER NOT NULL DEFAULT 1;
ALTER TABLE disputes ADD COLUMN accept_requested_at BIGINT;
ALTER TABLE disputes ADD COLUMN accept_requested_by TEXT;
CREATE INDEX disputes_seller ON disputes (seller_id, stripe_created, id);
CREATE INDEX disputes_age ON disputes (stripe_created, id);
-- What of an application fee goes back for a dispute that was lost, once for each.
ALTER TABLE fee_refunds ADD COLUMN dispute_id TEXT REFERENCES disputes (id);
CREATE UNIQUE INDEX fee_refunds_dispute ON fee_refunds (dispute_id);
DROP INDEX fee_refunds_discount;
CREATE UNIQUE INDEX fee_refunds_discount ON fee_refunds (payment_id) WHERE refund_id IS NULL AND dispute_id IS NULL;
CREATE TABLE dispute_drafts (
    dispute_id TEXT PRIMARY KEY REFERENCES disputes (id),
    fields TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE TABLE dispute_submissions (
    id TEXT PRIMARY KEY,
    dispute_id TEXT NOT NULL REFERENCES disputes (id),
    phase INTEGER NOT NULL,
    status TEXT NOT NULL,
    fields TEXT NOT NULL,
    count_before BIGINT NOT NULL,
    failure_code TEXT,
    failure_reason TEXT,
    key_number INTEGER NOT NULL,
    key_until BIGINT NOT NULL,
    requested_by TEXT NOT NULL,
    submitted_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX dispute_submissions_phase ON dispute_submissions (dispute_id, phase);
";
