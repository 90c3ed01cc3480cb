//! Tax ids of customers, each with a row of its own. Those that Stripe had shown are read from there again.

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
CREATE TABLE tax_ids (
    id TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL REFERENCES customers (id),
    stripe_account TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    country TEXT,
    stripe_tax_id TEXT,
    status TEXT NOT NULL,
    verification TEXT,
    failure TEXT,
    failure_code TEXT,
    key_number INTEGER NOT NULL,
    key_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tax_ids_stripe ON tax_ids (stripe_account, livemode, stripe_tax_id) WHERE stripe_tax_id IS NOT NULL;
CREATE INDEX tax_ids_customer ON tax_ids (customer_id, id);
INSERT INTO jobs (id, kind, args, effect_key, subject, state, wanted_generation, done_generation, attempts, run_at, created_at)
    SELECT 'job_' || substr(id, 5), 'sync_customer', '{\"kind\":\"sync_customer\",\"customer\":\"' || id || '\"}',
        'sync_customer:' || id, id, 'ready', 1, 0, 0, updated_at, updated_at
    FROM customers WHERE tax_ids <> '[]' AND stripe_customer IS NOT NULL
    ON CONFLICT DO NOTHING;
ALTER TABLE customers DROP COLUMN tax_ids;
";
