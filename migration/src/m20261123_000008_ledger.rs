//! Books, pulled balance transactions, journals, payouts and findings.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(SQL).await?;
        for table in ["journals", "entries"] {
            crate::append_only(manager, table).await?;
        }
        Ok(())
    }
}

const SQL: &str = "
CREATE TABLE books (
    id TEXT PRIMARY KEY,
    stripe_account TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    seller_id TEXT REFERENCES sellers (id),
    pulled_to BIGINT,
    created_at BIGINT NOT NULL,
    UNIQUE (stripe_account, livemode)
);
CREATE TABLE balance_transactions (
    book_id TEXT NOT NULL REFERENCES books (id),
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    reporting_category TEXT NOT NULL,
    source TEXT,
    amount BIGINT NOT NULL,
    fee BIGINT NOT NULL,
    net BIGINT NOT NULL,
    currency TEXT NOT NULL,
    fee_details TEXT NOT NULL,
    balance_type TEXT NOT NULL,
    status TEXT NOT NULL,
    available_on BIGINT NOT NULL,
    stripe_created BIGINT NOT NULL,
    payout_id TEXT,
    order_id TEXT,
    raw TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (book_id, id)
);
CREATE INDEX balance_transactions_payout ON balance_transactions (payout_id) WHERE payout_id IS NOT NULL;
CREATE TABLE journals (
    id TEXT PRIMARY KEY,
    book_id TEXT NOT NULL REFERENCES books (id),
    source TEXT NOT NULL,
    posting_rule INTEGER NOT NULL,
    posted_at BIGINT NOT NULL,
    UNIQUE (book_id, source)
);
CREATE TABLE entries (
    id TEXT PRIMARY KEY,
    journal_id TEXT NOT NULL REFERENCES journals (id),
    book_id TEXT NOT NULL REFERENCES books (id),
    account TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount BIGINT NOT NULL
);
CREATE INDEX entries_journal ON entries (journal_id);
CREATE INDEX entries_book ON entries (book_id, account, currency);
CREATE TABLE payouts (
    id TEXT PRIMARY KEY,
    book_id TEXT NOT NULL REFERENCES books (id),
    stripe_account TEXT NOT NULL,
    seller_id TEXT REFERENCES sellers (id),
    livemode BOOLEAN NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL,
    automatic BOOLEAN NOT NULL,
    arrival_date BIGINT NOT NULL,
    reconciliation_status TEXT NOT NULL,
    reconciliation TEXT NOT NULL CHECK (reconciliation IN ('open', 'closed', 'mismatch', 'manual')),
    transactions_net BIGINT,
    transaction_count BIGINT,
    failure_code TEXT,
    failure_message TEXT,
    stripe_created BIGINT NOT NULL,
    closed_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX payouts_seller ON payouts (seller_id, id);
CREATE TABLE findings (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    stripe_account TEXT,
    subject TEXT NOT NULL,
    message TEXT NOT NULL,
    amount BIGINT,
    currency TEXT,
    state TEXT NOT NULL CHECK (state IN ('open', 'resolved')),
    created_at BIGINT NOT NULL,
    resolved_at BIGINT,
    UNIQUE (kind, subject)
);
";
