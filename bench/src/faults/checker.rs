//! Writes Stripe's books into tables beside Souk's and runs the queries of `checks.rs`.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, Value as Sql};
use serde_json::Value;

use super::after_sales::Asked;
use super::checks::{CHECKS, Check};
use super::holds::AskedOfHolds;
use super::renewals::{Ends, Entitled};
use crate::Failure;

/// The rows that break a rule, by category.
pub type Faults = BTreeMap<String, Vec<String>>;

const TABLES: [(&str, &str); 16] = [
    ("oracle_platform", "account TEXT PRIMARY KEY"),
    (
        "oracle_deliveries",
        "id TEXT PRIMARY KEY, acknowledged BIGINT",
    ),
    ("oracle_events", "id TEXT PRIMARY KEY, type TEXT"),
    // Sessions, and intents that are no session's.
    (
        "oracle_sessions",
        "id TEXT PRIMARY KEY, account TEXT, paid BIGINT, amount_total BIGINT, intent TEXT",
    ),
    // Those of sessions, too.
    (
        "oracle_intents",
        "id TEXT PRIMARY KEY, account TEXT, status TEXT, amount BIGINT, received BIGINT, capturable BIGINT, captures BIGINT",
    ),
    (
        "oracle_refunds",
        "id TEXT PRIMARY KEY, intent TEXT, amount BIGINT, status TEXT",
    ),
    (
        "oracle_fees",
        "id TEXT PRIMARY KEY, intent TEXT, amount BIGINT, amount_refunded BIGINT, currency TEXT, charge_amount BIGINT, \
         charge_back BIGINT",
    ),
    (
        "oracle_transactions",
        "id TEXT PRIMARY KEY, account TEXT, net BIGINT, kind TEXT, source TEXT",
    ),
    (
        "oracle_disputes",
        "id TEXT PRIMARY KEY, account TEXT, intent TEXT, amount BIGINT, status TEXT, refundable BIGINT, withdrawn BIGINT, \
         has_evidence BIGINT, submissions BIGINT, due_by BIGINT",
    ),
    (
        "oracle_balances",
        "account TEXT, currency TEXT, total BIGINT",
    ),
    ("asked_refunds", "key TEXT, order_id TEXT, refund TEXT"),
    // No amount: to be released.
    ("asked_of_holds", "intent TEXT, amount BIGINT"),
    (
        "oracle_subscriptions",
        "id TEXT PRIMARY KEY, account TEXT, status TEXT, ends BIGINT, period_start BIGINT, period_end BIGINT, ended_at BIGINT",
    ),
    // The times are seconds.
    (
        "oracle_invoices",
        "id TEXT PRIMARY KEY, account TEXT, subscription TEXT, status TEXT, reason TEXT, amount_paid BIGINT, period_start BIGINT",
    ),
    (
        "asked_ends",
        "subscription TEXT PRIMARY KEY, ends_at BIGINT",
    ),
    (
        "asked_access",
        "subscription TEXT PRIMARY KEY, entitled BIGINT, at BIGINT",
    ),
];

/// What buyers and sellers have done.
#[derive(Default)]
pub struct Done {
    /// How often each event was answered with 2xx.
    pub acknowledged: BTreeMap<String, u32>,
    /// The refunds that were asked for.
    pub refunds: BTreeMap<String, Asked>,
    /// What was asked to become of held money.
    pub holds: AskedOfHolds,
    /// When subscriptions were asked to end.
    pub ends: Ends,
    /// Whom their subscriptions entitle, as the shop says.
    pub access: Entitled,
}

/// Compares the books. Nobody may be writing. `only` are the rules to check; none given: all.
pub async fn check(
    db: &DatabaseConnection,
    oracle: &Value,
    done: &Done,
    only: Option<&[&str]>,
) -> Result<Faults, Failure> {
    write_down(db, oracle, &done.acknowledged).await?;
    let rows = done.refunds.iter().flat_map(|(key, asked)| {
        let row = |refund: Sql| vec![key.as_str().into(), asked.order.as_str().into(), refund];
        // One without an answer, too.
        let answered = asked.refunds.iter().map(|id| id.as_str().into());
        let rows = answered.chain(asked.refunds.is_empty().then_some(Sql::String(None)));
        rows.map(row).collect::<Vec<_>>()
    });
    insert(db, "asked_refunds", rows.collect()).await?;
    let rows = done.holds.iter().flat_map(|(intent, amounts)| {
        let row = |amount: &Option<i64>| vec![intent.as_str().into(), (*amount).into()];
        amounts.iter().map(row)
    });
    insert(db, "asked_of_holds", rows.collect()).await?;
    let rows = done.ends.iter();
    let rows = rows.map(|(subscription, at)| vec![subscription.as_str().into(), (*at).into()]);
    insert(db, "asked_ends", rows.collect()).await?;
    let rows = done.access.iter();
    let rows = rows.map(|(subscription, (entitled, at))| {
        vec![
            subscription.as_str().into(),
            i64::from(*entitled).into(),
            (*at).into(),
        ]
    });
    insert(db, "asked_access", rows.collect()).await?;
    let mut faults = Faults::new();
    let is_wanted = |check: &&Check| only.is_none_or(|only| only.contains(&check.category));
    for check in CHECKS.iter().filter(is_wanted) {
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
    let rows = acknowledged
        .iter()
        .map(|(id, times)| vec![id.as_str().into(), i64::from(*times).into()]);
    insert(db, "oracle_deliveries", rows.collect()).await?;
    insert(db, "oracle_platform", vec![vec![txt(oracle, "platform")]]).await?;
    let charges = charges(oracle);
    for (account, books) in oracle["accounts"].as_object().into_iter().flatten() {
        let list = |kind: &str| books[kind].as_array().cloned().unwrap_or_default();
        let events = list("events");
        let rows = events.iter().map(|e| vec![txt(e, "id"), txt(e, "type")]);
        insert(db, "oracle_events", rows.collect()).await?;
        let invoices = invoices(&list("invoices"), &list("invoice_payments"));
        let paid = paid_rows(
            account,
            &list("checkout_sessions"),
            &list("payment_intents"),
            &invoices,
        );
        insert(db, "oracle_sessions", paid).await?;
        let rows = invoices.iter().map(|invoice| invoice_row(account, invoice));
        insert(db, "oracle_invoices", rows.collect()).await?;
        let subscriptions = list("subscriptions");
        let rows = subscriptions.iter().map(|s| subscription_row(account, s));
        insert(db, "oracle_subscriptions", rows.collect()).await?;
        // Nothing is heard of those of an account that has left.
        if books["deauthorized"] != true {
            let captured: Vec<Value> = list("charges");
            let intents = list("payment_intents");
            let ours = intents.iter().filter(|intent| {
                is_own(intent) || is_of_session(intent, &list("checkout_sessions"))
            });
            let rows = ours.map(|intent| intent_row(account, intent, &captured));
            insert(db, "oracle_intents", rows.collect()).await?;
        }
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
        let rows = fees.iter().map(|fee| fee_row(fee, &charges));
        insert(db, "oracle_fees", rows.collect()).await?;
        let disputes = list("disputes");
        // Nothing is heard of those of an account that has left.
        let heard = disputes.iter().filter(|_| books["deauthorized"] != true);
        let rows = heard.map(|dispute| dispute_row(account, dispute));
        insert(db, "oracle_disputes", rows.collect()).await?;
        let transactions = list("balance_transactions");
        let rows = transactions.iter().map(|t| transaction_row(account, t));
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

/// Whether an intent is a payment's own: by its metadata, and not the seller's other business.
fn is_own(intent: &Value) -> bool {
    intent["metadata"]["souk_object"] == "payment_intent"
}

fn is_of_session(intent: &Value, sessions: &[Value]) -> bool {
    let id = &intent["id"];
    sessions
        .iter()
        .any(|session| session["payment_intent"] == *id)
}

/// An invoice, and the intent that paid it.
struct Invoice {
    object: Value,
    intent: Sql,
}

impl Invoice {
    fn subscription(&self) -> &Value {
        &self.object["parent"]["subscription_details"]["subscription"]
    }

    fn is_paid(&self) -> bool {
        self.object["status"] == "paid"
    }
}

fn invoices(invoices: &[Value], payments: &[Value]) -> Vec<Invoice> {
    let intents: BTreeMap<&str, Sql> = payments
        .iter()
        .filter(|payment| payment["status"] == "paid")
        .filter_map(|payment| {
            Some((
                payment["invoice"].as_str()?,
                txt(&payment["payment"], "payment_intent"),
            ))
        })
        .collect();
    let with_intent = |object: &Value| Invoice {
        intent: object["id"]
            .as_str()
            .and_then(|id| intents.get(id).cloned())
            .unwrap_or(Sql::String(None)),
        object: object.clone(),
    };
    invoices.iter().map(with_intent).collect()
}

fn invoice_row(account: &str, invoice: &Invoice) -> Vec<Sql> {
    let (object, line) = (&invoice.object, &invoice.object["lines"]["data"][0]);
    vec![
        txt(object, "id"),
        account.into(),
        invoice.subscription().as_str().into(),
        txt(object, "status"),
        txt(object, "billing_reason"),
        int(object, "amount_paid"),
        int(&line["period"], "start"),
    ]
}

fn subscription_row(account: &str, subscription: &Value) -> Vec<Sql> {
    let item = &subscription["items"]["data"][0];
    vec![
        txt(subscription, "id"),
        account.into(),
        txt(subscription, "status"),
        i64::from(subscription["cancel_at_period_end"] == true).into(),
        int(item, "current_period_start"),
        int(item, "current_period_end"),
        int(subscription, "ended_at"),
    ]
}

/// Of sessions and own intents: whether the money has come, and how much. What a session says isn't enough: its money may have
/// been captured later, or a part of it.
fn paid_rows(
    account: &str,
    sessions: &[Value],
    intents: &[Value],
    invoices: &[Invoice],
) -> Vec<Vec<Sql>> {
    let has_come = |intent: &Value| intent["status"] == "succeeded";
    let mut rows = Vec::new();
    for session in sessions {
        let of = |intent: &&Value| intent["id"] == session["payment_intent"];
        let paid = intents.iter().find(of).filter(|intent| has_come(intent));
        let is_free = session["payment_status"] == "no_payment_required";
        // A subscription's first period is paid by its invoice.
        let invoice = invoices
            .iter()
            .find(|invoice| invoice.object["id"] == session["invoice"] && invoice.is_paid());
        let has_paid = paid.is_some() || invoice.is_some() || is_free;
        let is_paid = session["status"] == "complete" && has_paid;
        let amount = match paid {
            Some(intent) => int(intent, "amount_received"),
            None => int(session, "amount_total"),
        };
        let intent = match invoice {
            Some(invoice) => invoice.intent.clone(),
            None => txt(session, "payment_intent"),
        };
        rows.push(vec![
            txt(session, "id"),
            account.into(),
            i64::from(is_paid).into(),
            amount,
            intent,
        ]);
    }
    for invoice in invoices.iter().filter(|invoice| is_period(invoice)) {
        rows.push(vec![
            txt(&invoice.object, "id"),
            account.into(),
            i64::from(invoice.is_paid()).into(),
            int(&invoice.object, "amount_paid"),
            invoice.intent.clone(),
        ]);
    }
    for intent in intents.iter().filter(|intent| is_own(intent)) {
        rows.push(vec![
            txt(intent, "id"),
            account.into(),
            i64::from(has_come(intent)).into(),
            int(intent, "amount_received"),
            txt(intent, "id"),
        ]);
    }
    rows
}

/// Whether an invoice is of a later period of a subscription, and bills something.
fn is_period(invoice: &Invoice) -> bool {
    let bills = invoice.object["total"].as_i64().unwrap_or(0) > 0;
    bills
        && invoice.subscription().is_string()
        && invoice.object["billing_reason"] != "subscription_create"
}

fn intent_row(account: &str, intent: &Value, charges: &[Value]) -> Vec<Sql> {
    let captures = charges
        .iter()
        .filter(|charge| charge["payment_intent"] == intent["id"] && charge["captured"] == true);
    vec![
        txt(intent, "id"),
        account.into(),
        txt(intent, "status"),
        int(intent, "amount"),
        int(intent, "amount_received"),
        int(intent, "amount_capturable"),
        captures.map(|_| 1_i64).sum::<i64>().into(),
    ]
}

fn fee_row(fee: &Value, charges: &BTreeMap<String, Charge>) -> Vec<Sql> {
    let charge = charges.get(fee["charge"].as_str().unwrap_or_default());
    let charge = charge.cloned().unwrap_or_default();
    vec![
        txt(fee, "id"),
        charge.intent.into(),
        int(fee, "amount"),
        int(fee, "amount_refunded"),
        txt(fee, "currency"),
        charge.captured.into(),
        charge.back.into(),
    ]
}

fn transaction_row(account: &str, transaction: &Value) -> Vec<Sql> {
    vec![
        txt(transaction, "id"),
        account.into(),
        int(transaction, "net"),
        txt(transaction, "type"),
        txt(transaction, "source"),
    ]
}

fn dispute_row(account: &str, dispute: &Value) -> Vec<Sql> {
    let details = &dispute["evidence_details"];
    let moved = dispute["balance_transactions"].as_array();
    let moved = moved
        .into_iter()
        .flatten()
        .filter_map(|t| t["amount"].as_i64());
    let flag = |is: bool| Sql::from(i64::from(is));
    vec![
        txt(dispute, "id"),
        account.into(),
        txt(dispute, "payment_intent"),
        int(dispute, "amount"),
        txt(dispute, "status"),
        flag(dispute["is_charge_refundable"] == true),
        flag(moved.sum::<i64>() < 0),
        flag(details["has_evidence"] == true),
        int(details, "submission_count"),
        int(details, "due_by"),
    ]
}

/// Of a charge what was collected, and what of that was refunded. What of a hold wasn't captured counts as refunded at Stripe.
#[derive(Clone, Default)]
struct Charge {
    intent: Option<String>,
    captured: i64,
    back: i64,
}

fn charges(oracle: &Value) -> BTreeMap<String, Charge> {
    let accounts = oracle["accounts"].as_object().into_iter().flatten();
    let charges =
        accounts.flat_map(|(_, books)| books["charges"].as_array().cloned().unwrap_or_default());
    let amount = |charge: &Value, name: &str| charge[name].as_i64().unwrap_or(0);
    charges
        .map(|c| {
            let captured = amount(&c, "amount_captured");
            let released = amount(&c, "amount") - captured;
            let charge = Charge {
                intent: c["payment_intent"].as_str().map(str::to_owned),
                captured,
                back: amount(&c, "amount_refunded") - released,
            };
            (c["id"].as_str().unwrap_or_default().to_owned(), charge)
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
