//! Souk's schema changes, one a file, in plain SQL that SQLite and PostgreSQL both understand.
//!
//! The server runs them inside its write transaction (on PostgreSQL under an advisory lock), so that a kill in the
//! middle, or two replicas starting at once, leave either the old schema or the new one.

pub use sea_orm_migration::{MigratorTrait, prelude};
use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

mod m20261123_000001_identity;
mod m20261123_000002_work;
mod m20261123_000003_sellers;
mod m20261123_000004_catalog;
mod m20261123_000005_orders;
mod m20261123_000006_payments;
mod m20261123_000007_inbox;
mod m20261123_000008_ledger;
mod m20261124_000009_catch_up;
mod m20261124_000010_seeing;
mod m20261126_000011_attempts;
mod m20261129_000012_installation;
mod m20261129_000013_effects_version;
mod m20261129_000014_due_jobs;
mod m20261129_000015_failed_refunds;
mod m20261129_000016_disputes;
mod m20261129_000017_fees;
mod m20261129_000018_terms;
mod m20261129_000019_returns;
mod m20261129_000020_append_only;
mod m20261129_000021_pulling;
mod m20261129_000022_deadlines;
mod m20261129_000023_posting;
mod m20261129_000024_predicates;
mod m20261129_000025_redemptions;
mod m20261129_000026_thin_events;
mod m20261129_000028_accounts_api;
mod m20261129_000031_replace_lookups;
mod m20261129_000032_shares;
mod m20261129_000033_application_fees;
mod m20261129_000035_evidence;
mod m20261129_000036_shipments;
mod m20261129_000037_order_evidence;
mod m20261129_000038_fraud_warnings;
mod m20261129_000039_refund_lines;
mod m20261130_000040_status_lists;
mod m20261130_000041_customers;
mod m20261130_000042_saved_cards;
mod m20261130_000043_off_session;
mod m20261130_000045_ui_mode;
mod m20261130_000047_captures;
mod m20261130_000048_payment_method_types;
mod m20261130_000049_setup_sessions;
mod m20261130_000050_tax_ids;
mod m20261130_000051_setup_returns;
mod m20261130_000059_lighter_sales;
mod m20261130_000060_address_verifications;
mod m20261130_000061_prices;
mod m20261130_000062_lasting_codes;
mod m20261130_000064_subscriptions;
mod m20261130_000066_subscribing;
mod m20261130_000067_subscription_changes;
mod m20261130_000068_invoices;
mod rebuild;

/// All changes, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_identity::Migration),
            Box::new(m20261123_000002_work::Migration),
            Box::new(m20261123_000003_sellers::Migration),
            Box::new(m20261123_000004_catalog::Migration),
            Box::new(m20261123_000005_orders::Migration),
            Box::new(m20261123_000006_payments::Migration),
            Box::new(m20261123_000007_inbox::Migration),
            Box::new(m20261123_000008_ledger::Migration),
            Box::new(m20261124_000009_catch_up::Migration),
            Box::new(m20261124_000010_seeing::Migration),
            Box::new(m20261126_000011_attempts::Migration),
            Box::new(m20261129_000012_installation::Migration),
            Box::new(m20261129_000013_effects_version::Migration),
            Box::new(m20261129_000014_due_jobs::Migration),
            Box::new(m20261129_000015_failed_refunds::Migration),
            Box::new(m20261129_000016_disputes::Migration),
            Box::new(m20261129_000017_fees::Migration),
            Box::new(m20261129_000018_terms::Migration),
            Box::new(m20261129_000019_returns::Migration),
            Box::new(m20261129_000020_append_only::Migration),
            Box::new(m20261129_000021_pulling::Migration),
            Box::new(m20261129_000022_deadlines::Migration),
            Box::new(m20261129_000023_posting::Migration),
            Box::new(m20261129_000024_predicates::Migration),
            Box::new(m20261129_000025_redemptions::Migration),
            Box::new(m20261129_000026_thin_events::Migration),
            Box::new(m20261129_000028_accounts_api::Migration),
            Box::new(m20261129_000031_replace_lookups::Migration),
            Box::new(m20261129_000032_shares::Migration),
            Box::new(m20261129_000033_application_fees::Migration),
            Box::new(m20261129_000035_evidence::Migration),
            Box::new(m20261129_000036_shipments::Migration),
            Box::new(m20261129_000037_order_evidence::Migration),
            Box::new(m20261129_000038_fraud_warnings::Migration),
            Box::new(m20261129_000039_refund_lines::Migration),
            Box::new(m20261130_000040_status_lists::Migration),
            Box::new(m20261130_000041_customers::Migration),
            Box::new(m20261130_000042_saved_cards::Migration),
            Box::new(m20261130_000043_off_session::Migration),
            Box::new(m20261130_000045_ui_mode::Migration),
            Box::new(m20261130_000047_captures::Migration),
            Box::new(m20261130_000048_payment_method_types::Migration),
            Box::new(m20261130_000049_setup_sessions::Migration),
            Box::new(m20261130_000050_tax_ids::Migration),
            Box::new(m20261130_000051_setup_returns::Migration),
            Box::new(m20261130_000059_lighter_sales::Migration),
            Box::new(m20261130_000060_address_verifications::Migration),
            Box::new(m20261130_000061_prices::Migration),
            Box::new(m20261130_000062_lasting_codes::Migration),
            Box::new(m20261130_000064_subscriptions::Migration),
            Box::new(m20261130_000066_subscribing::Migration),
            Box::new(m20261130_000067_subscription_changes::Migration),
            Box::new(m20261130_000068_invoices::Migration),
        ]
    }
}

/// Refuses every UPDATE and DELETE on a table, by trigger.
async fn append_only(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let sql = match manager.get_database_backend() {
        DbBackend::Postgres => format!(
            "CREATE OR REPLACE FUNCTION souk_append_only() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
             CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
               FOR EACH ROW EXECUTE FUNCTION souk_append_only();"
        ),
        _ => format!(
            "CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}
               BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;
             CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
               BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;"
        ),
    };
    db.execute_unprepared(&sql).await.map(drop)
}
