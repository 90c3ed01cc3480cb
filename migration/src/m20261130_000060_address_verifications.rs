//! Addresses that are proved, and customers of guests, whose are theirs by such an address.

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
            rebuild(db, "customers", CUSTOMERS, &[]).await?;
        } else {
            db.execute_unprepared(POSTGRES).await?;
        }
        db.execute_unprepared(VERIFICATIONS).await?;
        Ok(())
    }
}

/// SQLite changes no constraint of a table that is there.
const CUSTOMERS: &str = "
CREATE TABLE customers (
    id TEXT PRIMARY KEY,
    user_id TEXT REFERENCES users (id),
    stripe_account TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    stripe_customer TEXT,
    deleted_customer TEXT,
    name TEXT,
    email TEXT,
    phone TEXT,
    address TEXT,
    metadata TEXT NOT NULL,
    default_payment_method TEXT,
    unsent TEXT NOT NULL,
    revision BIGINT NOT NULL,
    key_number INTEGER NOT NULL,
    key_until BIGINT NOT NULL,
    synced_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    verified_email TEXT,
    CONSTRAINT customers_owner CHECK ((user_id IS NULL) <> (verified_email IS NULL))
);
";

const POSTGRES: &str = "
ALTER TABLE customers ALTER COLUMN user_id DROP NOT NULL;
ALTER TABLE customers ADD COLUMN verified_email TEXT;
ALTER TABLE customers ADD CONSTRAINT customers_owner CHECK ((user_id IS NULL) <> (verified_email IS NULL));
";

/// Two rows without an address are no conflict, as in `customers_buyer` two without a user.
const VERIFICATIONS: &str = "
CREATE UNIQUE INDEX customers_guest ON customers (verified_email, stripe_account, livemode);
ALTER TABLE users ADD COLUMN email_verified_at BIGINT;
CREATE TABLE address_verifications (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    tries INTEGER NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    token_hash TEXT UNIQUE,
    token_expires_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX address_verifications_created ON address_verifications (created_at);
";
