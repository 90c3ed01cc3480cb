//! The raw bound: the rows that a confirmed payment must leave, written by the same driver into the same kind of
//! database, with none of our code and no HTTP. It writes what the server writes and reads nothing, since a program
//! that is given the ids need not: nobody who commits these rows in these batches can be much faster.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait, Value,
};
use souk_simulator::API_VERSION;

use crate::Failure;
use crate::database::{Fresh, product};
use crate::events::{ACCOUNT, AMOUNT, Events, id, prefix};

/// Pays `orders` orders of a filled database, `batch` a transaction, and says how long that took.
pub async fn measure(fresh: &Fresh, orders: u32, batch: u32) -> Result<Duration, Failure> {
    let events = Events::new()?;
    let bodies: Vec<String> = (0..orders).map(|i| events.completed(i)).collect();
    let mut bodies = (0..orders).zip(bodies).peekable();
    let backend = fresh.db.get_database_backend();
    let start = Instant::now();
    while bodies.peek().is_some() {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let tx = fresh.db.begin_with_options(options).await?;
        for (i, body) in bodies.by_ref().take(usize::try_from(batch)?) {
            pay(&tx, backend, i, body).await?;
        }
        tx.commit().await?;
    }
    Ok(start.elapsed())
}

/// One event, as `webhooks::inbox` and `payments::confirm` write it.
async fn pay(
    tx: &DatabaseTransaction,
    backend: DbBackend,
    i: u32,
    body: String,
) -> Result<(), Failure> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    for (sql, values) in statements(i, body, now) {
        let done = tx
            .execute_raw(Statement::from_sql_and_values(backend, sql, values))
            .await?;
        if done.rows_affected() != 1 {
            return Err(format!("the bound changed {} rows by {sql}", done.rows_affected()).into());
        }
    }
    Ok(())
}

/// Placeholders are `$1`, which both databases understand.
fn statements(i: u32, body: String, now: i64) -> [(&'static str, Vec<Value>); 9] {
    let event = id(prefix::EVENT, i);
    let session = id(prefix::SESSION, i);
    let order = id(prefix::ORDER, i);
    let payment = id(prefix::PAYMENT, i);
    let paid = format!(r#"{{"amount_paid":{AMOUNT},"payment":"{payment}"}}"#);
    let job = |kind: &str, place: u32, key: &str, args: String| -> Vec<Value> {
        let id = id(prefix::JOB, i * 3 + place);
        let subject = key.split(':').next_back().unwrap_or_default();
        vec![
            id.into(),
            kind.into(),
            args.into(),
            format!("{kind}:{key}").into(),
            subject.into(),
            now.into(),
        ]
    };
    [
        (
            INBOX,
            vec![
                event.into(),
                ACCOUNT.into(),
                API_VERSION.into(),
                session.clone().into(),
                now.into(),
                body.into(),
            ],
        ),
        (
            PAYMENT,
            vec![
                AMOUNT.into(),
                id(prefix::INTENT, i).into(),
                now.into(),
                payment.clone().into(),
                ACCOUNT.into(),
                session.into(),
            ],
        ),
        (STOCK, vec![now.into(), product().into()]),
        (
            MOVEMENT,
            vec![
                id(prefix::MOVEMENT, i).into(),
                product().into(),
                order.clone().into(),
                id(prefix::LINE, i).into(),
                now.into(),
            ],
        ),
        (ORDER, vec![now.into(), order.clone().into()]),
        (
            TIMELINE,
            vec![
                id(&format!("{}p", prefix::ORDER_EVENT), i).into(),
                order.clone().into(),
                now.into(),
                paid.into(),
            ],
        ),
        (
            JOB,
            job(
                "mail",
                0,
                &format!("order_paid:{order}"),
                format!(r#"{{"kind":"mail","what":"order_paid","subject":"{order}"}}"#),
            ),
        ),
        (
            WAKE,
            job(
                "reread_payment",
                1,
                &payment,
                format!(r#"{{"kind":"reread_payment","payment":"{payment}"}}"#),
            ),
        ),
        (
            WAKE,
            job(
                "pull",
                2,
                ACCOUNT,
                format!(r#"{{"kind":"pull","account":"{ACCOUNT}","livemode":false}}"#),
            ),
        ),
    ]
}

const INBOX: &str = "INSERT INTO inbox_events (id, endpoint, kind, account, livemode, api_version, object, \
    stripe_created, payload, state, attempts, received_at, processed_at) \
    VALUES ($1, 'connect', 'checkout.session.completed', $2, false, $3, $4, $5, $6, 'processed', 1, $5, $5) \
    ON CONFLICT (id) DO NOTHING";

const PAYMENT: &str = "UPDATE payments SET status = 'paid', amount_paid = $1, amount_discount = 0, \
    payment_intent = $2, paid_at = $3, updated_at = $3 \
    WHERE id = $4 AND status IN ('pending', 'processing', 'expired', 'failed') AND charge_account = $5 \
    AND stripe_object = $6 AND livemode = false AND currency = 'eur' AND amount_subtotal = $1";

const STOCK: &str = "UPDATE products SET available = available - 1, updated_at = $1 \
    WHERE id = $2 AND available IS NOT NULL AND available - 1 >= 0";

const MOVEMENT: &str = "INSERT INTO stock_movements (id, product_id, delta, reason, order_id, order_line_id, actor, \
    created_at) VALUES ($1, $2, -1, 'sale', $3, $4, 'system', $5)";

const ORDER: &str = "UPDATE orders SET status = 'paid', paid_at = $1, updated_at = $1 \
    WHERE id = $2 AND status = 'pending'";

const TIMELINE: &str =
    "INSERT INTO order_events (id, order_id, at, kind, data) VALUES ($1, $2, $3, 'paid', $4)";

macro_rules! job {
    ($conflict:literal) => {
        concat!(
            "INSERT INTO jobs (id, kind, args, effect_key, subject, state, wanted_generation, done_generation, \
             attempts, run_at, created_at) VALUES ($1, $2, $3, $4, $5, 'ready', 1, 0, 0, $6, $6) \
             ON CONFLICT (effect_key) DO ",
            $conflict
        )
    };
}

const JOB: &str = job!("NOTHING");

const WAKE: &str = job!(
    "UPDATE SET wanted_generation = jobs.wanted_generation + 1, \
     attempts = CASE WHEN jobs.state IN ('done', 'dead') THEN 0 ELSE jobs.attempts END, \
     state = CASE WHEN jobs.state IN ('done', 'dead') THEN 'ready' ELSE jobs.state END, \
     run_at = CASE WHEN jobs.state IN ('done', 'dead') THEN excluded.run_at ELSE jobs.run_at END"
);
