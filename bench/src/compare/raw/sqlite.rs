//! On SQLite, where a statement costs no round trip: each row by a prepared statement, all in one transaction.

use rusqlite::{Connection, params};

use super::{Delivery, jobs_of, new_id, now_ms, told};
use crate::Failure;

pub struct Store(Connection);

impl Store {
    pub fn open(url: &str) -> Result<Self, Failure> {
        let path = url.trim_start_matches("sqlite://");
        let path = path.split('?').next().unwrap_or(path);
        let connection = Connection::open(path)?;
        for (name, value) in [
            ("journal_mode", "WAL"),
            ("synchronous", "FULL"),
            ("foreign_keys", "ON"),
        ] {
            connection.pragma_update(None, name, value)?;
        }
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self(connection))
    }

    pub fn commit(&mut self, batch: &[Delivery]) -> Result<(), Failure> {
        let now = now_ms();
        let behavior = rusqlite::TransactionBehavior::Immediate;
        let tx = self.0.transaction_with_behavior(behavior)?;
        for Delivery { event, payload, .. } in batch {
            let session = &event.data.object;
            let mut insert = tx.prepare_cached(INBOX)?;
            let created = event.created * 1000;
            let row = params![event.id, event.account, session.id, created, payload, now];
            if insert.execute(row)? == 0 {
                continue;
            }
            let mut find = tx.prepare_cached(PAYMENT)?;
            let found = find.query_row([&session.id], |row| Ok((row.get(0)?, row.get(1)?)));
            let (payment, order): (String, String) = found?;
            let mut pay = tx.prepare_cached(PAY)?;
            let (amount, intent) = (session.amount_total, &session.payment_intent);
            one(pay.execute(params![amount, intent, now, payment, event.account])?)?;
            let mut lines = tx.prepare_cached(LINES)?;
            let lines =
                lines.query_map([&order], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            let lines: Vec<(String, String, i64)> = lines.collect::<Result<_, _>>()?;
            for (line, product, quantity) in lines {
                one(tx
                    .prepare_cached(STOCK)?
                    .execute(params![quantity, now, product])?)?;
                let id = new_id("stm");
                let row = params![id, product, -quantity, order, line, now];
                one(tx.prepare_cached(MOVEMENT)?.execute(row)?)?;
            }
            one(tx.prepare_cached(ORDER)?.execute(params![now, order])?)?;
            let row = params![new_id("oev"), order, now, told(&payment, amount)];
            one(tx.prepare_cached(TIMELINE)?.execute(row)?)?;
            for [kind, key, subject, args] in jobs_of(&payment, &order) {
                let row = params![new_id("job"), kind, args, key, subject, now];
                tx.prepare_cached(JOB)?.execute(row)?;
            }
        }
        Ok(tx.commit()?)
    }
}

fn one(rows: usize) -> Result<(), Failure> {
    match rows {
        1 => Ok(()),
        rows => Err(format!("{rows} rows were written instead of one").into()),
    }
}

const INBOX: &str = "INSERT INTO inbox_events (id, endpoint, source, kind, account, livemode, api_version, object, \
    stripe_created, payload, state, attempts, received_at, processed_at) \
    VALUES (?1, 'connect', 'webhook', 'checkout.session.completed', ?2, false, '2026-09-30.endive', ?3, ?4, ?5, \
    'processed', 1, ?6, ?6) ON CONFLICT (id) DO NOTHING";
const PAYMENT: &str = "SELECT p.id, o.order_id FROM payments p JOIN payment_orders o ON o.payment_id = p.id \
    WHERE p.stripe_object = ?1";
const PAY: &str = "UPDATE payments SET status = 'paid', amount_paid = ?1, amount_discount = 0, payment_intent = ?2, \
    paid_at = ?3, updated_at = ?3 WHERE id = ?4 AND status IN ('pending', 'processing', 'expired', 'failed') \
    AND charge_account = ?5 AND livemode = false AND currency = 'eur' AND amount_subtotal = ?1";
const LINES: &str = "SELECT id, product_id, quantity FROM order_lines WHERE order_id = ?1";
const STOCK: &str = "UPDATE products SET available = available - ?1, updated_at = ?2 \
    WHERE id = ?3 AND available >= ?1";
const MOVEMENT: &str = "INSERT INTO stock_movements (id, product_id, delta, reason, order_id, order_line_id, actor, \
    created_at) VALUES (?1, ?2, ?3, 'sale', ?4, ?5, 'system', ?6)";
const ORDER: &str = "UPDATE orders SET status = 'paid', paid_at = ?1, updated_at = ?1 \
    WHERE id = ?2 AND status = 'pending'";
const TIMELINE: &str =
    "INSERT INTO order_events (id, order_id, at, kind, data) VALUES (?1, ?2, ?3, 'paid', ?4)";
const JOB: &str = "INSERT INTO jobs (id, kind, args, effect_key, subject, state, wanted_generation, done_generation, \
    attempts, run_at, created_at) VALUES (?1, ?2, ?3, ?4, ?5, 'ready', 1, 0, 0, ?6, ?6) \
    ON CONFLICT (effect_key) DO UPDATE SET wanted_generation = wanted_generation + 1";
