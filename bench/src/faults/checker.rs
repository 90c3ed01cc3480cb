//! Writes Stripe's books into tables beside Souk's and runs the queries of `checks.rs`.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, Value as Sql};
use serde_json::Value;

use super::checks::CHECKS;
use crate::Failure;

/// The rows that break a rule, by category.
pub type Faults = BTreeMap<String, Vec<String>>;

const TABLES: [(&str, &str); 7] = [
    ("oracle_platform", "account TEXT PRIMARY KEY"),
    (
        "oracle_deliveries",
        "id TEXT PRIMARY KEY, acknowledged BIGINT",
    ),
    ("oracle_events", "id TEXT PRIMARY KEY, type TEXT"),
    (
        "oracle_sessions",
        "id TEXT PRIMARY KEY, account TEXT, paid BIGINT, amount_total BIGINT, intent TEXT",
    ),
    (
        "oracle_refunds",
        "id TEXT PRIMARY KEY, intent TEXT, amount BIGINT, status TEXT",
    ),
    (
        "oracle_fees",
        "id TEXT PRIMARY KEY, amount BIGINT, amount_refunded BIGINT, charge_refunded BIGINT, currency TEXT",
    ),
    (
        "oracle_transactions",
        "id TEXT PRIMARY KEY, account TEXT, net BIGINT",
    ),
];

/// Compares the books. Nobody may be writing. `acknowledged` are the events that were answered with 2xx.
pub async fn check(
    db: &DatabaseConnection,
    oracle: &Value,
    acknowledged: &BTreeMap<String, u32>,
) -> Result<Faults, Failure> {
    write_down(db, oracle, acknowledged).await?;
    let mut faults = Faults::new();
    for check in &CHECKS {
        let found = ask(db, check.sql).await?;
        if !found.is_empty() {
            faults.insert(format!("{}: {}", check.category, check.wrong), found);
        }
    }
    if db.get_database_backend() == DbBackend::Sqlite {
        for (pragma, well) in [("integrity_check", "ok"), ("foreign_key_check", "")] {
            let sql = format!("PRAGMA {pragma}");
            let query = Statement::from_string(DbBackend::Sqlite, sql);
            for row in db.query_all_raw(query).await? {
                let said: String = row.try_get_by_index(0)?;
                if said != well {
                    faults
                        .entry(format!("integrity: {pragma}"))
                        .or_default()
                        .push(said);
                }
            }
        }
    }
    Ok(faults)
}

async fn ask(db: &DatabaseConnection, sql: &str) -> Result<Vec<String>, Failure> {
    let query = Statement::from_string(db.get_database_backend(), sql);
    let rows = db
        .query_all_raw(query)
        .await
        .map_err(|e| format!("{sql}: {e}"))?;
    rows.iter().map(|row| Ok(row.try_get("", "who")?)).collect()
}

async fn write_down(
    db: &DatabaseConnection,
    oracle: &Value,
    acknowledged: &BTreeMap<String, u32>,
) -> Result<(), Failure> {
    db.execute_unprepared("BEGIN").await?;
    for (name, columns) in TABLES {
        db.execute_unprepared(&format!("CREATE TABLE {name} ({columns})"))
            .await?;
    }
    db.execute_unprepared(
        "CREATE TABLE oracle_balances (account TEXT, currency TEXT, total BIGINT)",
    )
    .await?;
    let rows = acknowledged
        .iter()
        .map(|(id, times)| vec![id.as_str().into(), i64::from(*times).into()]);
    insert(db, "oracle_deliveries", rows.collect()).await?;
    insert(db, "oracle_platform", vec![vec![txt(oracle, "platform")]]).await?;
    let refunded = refunded_charges(oracle);
    for (account, books) in oracle["accounts"].as_object().into_iter().flatten() {
        let list = |kind: &str| books[kind].as_array().cloned().unwrap_or_default();
        let events = list("events");
        let rows = events.iter().map(|e| vec![txt(e, "id"), txt(e, "type")]);
        insert(db, "oracle_events", rows.collect()).await?;
        let sessions = list("checkout_sessions");
        let rows = sessions.iter().map(|s| {
            let paid = s["status"] == "complete" && s["payment_status"] != "unpaid";
            let (id, intent) = (txt(s, "id"), txt(s, "payment_intent"));
            vec![
                id,
                account.into(),
                i64::from(paid).into(),
                int(s, "amount_total"),
                intent,
            ]
        });
        insert(db, "oracle_sessions", rows.collect()).await?;
        let refunds = list("refunds");
        let rows = refunds.iter().map(|r| {
            vec![
                txt(r, "id"),
                txt(r, "payment_intent"),
                int(r, "amount"),
                txt(r, "status"),
            ]
        });
        insert(db, "oracle_refunds", rows.collect()).await?;
        let fees = list("application_fees");
        let rows = fees.iter().map(|fee| fee_row(fee, &refunded));
        insert(db, "oracle_fees", rows.collect()).await?;
        let transactions = list("balance_transactions");
        let rows = transactions
            .iter()
            .map(|t| vec![txt(t, "id"), account.into(), int(t, "net")]);
        insert(db, "oracle_transactions", rows.collect()).await?;
        let balances = books["balances"].as_object().into_iter().flatten();
        let rows = balances.map(|(currency, b)| {
            let total = b["available"].as_i64().unwrap_or(0) + b["pending"].as_i64().unwrap_or(0);
            vec![account.into(), currency.into(), total.into()]
        });
        insert(db, "oracle_balances", rows.collect()).await?;
    }
    db.execute_unprepared("COMMIT").await?;
    Ok(())
}

fn fee_row(fee: &Value, refunded: &BTreeMap<String, bool>) -> Vec<Sql> {
    let whole = refunded.get(fee["charge"].as_str().unwrap_or_default()) == Some(&true);
    let (amount, back) = (int(fee, "amount"), int(fee, "amount_refunded"));
    let (id, currency) = (txt(fee, "id"), txt(fee, "currency"));
    vec![id, amount, back, i64::from(whole).into(), currency]
}

/// Whether each charge was refunded in full.
fn refunded_charges(oracle: &Value) -> BTreeMap<String, bool> {
    let accounts = oracle["accounts"].as_object().into_iter().flatten();
    let charges =
        accounts.flat_map(|(_, books)| books["charges"].as_array().cloned().unwrap_or_default());
    charges
        .map(|c| {
            (
                c["id"].as_str().unwrap_or_default().to_owned(),
                c["refunded"] == true,
            )
        })
        .collect()
}

fn txt(object: &Value, name: &str) -> Sql {
    object[name].as_str().into()
}

fn int(object: &Value, name: &str) -> Sql {
    object[name].as_i64().into()
}

async fn insert(db: &DatabaseConnection, table: &str, rows: Vec<Vec<Sql>>) -> Result<(), Failure> {
    for some in rows.chunks(500) {
        let width = some[0].len();
        let places: Vec<String> = (0..some.len())
            .map(|row| {
                let places: Vec<String> = (1..=width)
                    .map(|n| format!("${}", row * width + n))
                    .collect();
                format!("({})", places.join(", "))
            })
            .collect();
        let sql = format!("INSERT INTO {table} VALUES {}", places.join(", "));
        let values = some.iter().flatten().cloned();
        db.execute_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            sql,
            values,
        ))
        .await?;
    }
    Ok(())
}
