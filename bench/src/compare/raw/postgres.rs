//! On PostgreSQL, where each statement is a round trip: a batch in nine of them, however many events it has.

use std::collections::{BTreeMap, HashMap, HashSet};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row, Statement, Transaction};

use super::{Delivery, jobs_of, new_id, now_ms, told};
use crate::Failure;

pub struct Store {
    client: Client,
    prepared: HashMap<&'static str, Statement>,
}

impl Store {
    pub async fn open(url: &str) -> Result<Self, Failure> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        let mut prepared = HashMap::new();
        for sql in [
            INBOX, PAYMENTS, PAY, LINES, STOCK, MOVEMENTS, ORDERS, TIMELINE, JOBS,
        ] {
            prepared.insert(sql, client.prepare(sql).await?);
        }
        Ok(Self { client, prepared })
    }

    pub async fn commit(&mut self, batch: &[Delivery]) -> Result<(), Failure> {
        let written = Batch {
            tx: self.client.transaction().await?,
            prepared: &self.prepared,
            now: now_ms(),
        };
        let fresh = written.insert(batch).await?;
        let sessions: Vec<&str> = fresh.keys().copied().collect();
        let found = written.query(PAYMENTS, &[&sessions]).await?;
        let (mut payments, mut orders) = (Vec::new(), Vec::new());
        let (mut amounts, mut intents, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
        for row in &found {
            let event = &fresh[row.get::<_, &str>(2)].event;
            payments.push(row.get::<_, &str>(0));
            orders.push(row.get::<_, &str>(1));
            amounts.push(event.data.object.amount_total);
            intents.push(event.data.object.payment_intent.as_str());
            accounts.push(event.account.as_str());
        }
        let now = &written.now;
        let paid = [&payments as Value<'_>, &amounts, &intents, &accounts, now];
        all(written.query(PAY, &paid).await?.len(), fresh.len())?;
        written.take_stock(&orders).await?;
        let advanced = written.query(ORDERS, &[&orders, now]).await?;
        all(advanced.len(), orders.len())?;
        let entries: Vec<String> = orders.iter().map(|_| new_id("oev")).collect();
        let data = payments.iter().zip(&amounts);
        let data: Vec<String> = data
            .map(|(payment, amount)| told(payment, *amount))
            .collect();
        let timeline = [&entries as Value<'_>, &orders, &data, now];
        written.query(TIMELINE, &timeline).await?;
        written.stage_jobs(&payments, &orders).await?;
        Ok(written.tx.commit().await?)
    }
}

type Value<'a> = &'a (dyn ToSql + Sync);

/// The transaction of a batch.
struct Batch<'a> {
    tx: Transaction<'a>,
    prepared: &'a HashMap<&'static str, Statement>,
    now: i64,
}

impl Batch<'_> {
    async fn query(&self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, Failure> {
        Ok(self.tx.query(&self.prepared[sql], values).await?)
    }

    /// Writes the events into the inbox. Those that were not there, by session.
    async fn insert<'b>(
        &self,
        batch: &'b [Delivery],
    ) -> Result<HashMap<&'b str, &'b Delivery>, Failure> {
        let column = |of: fn(&Delivery) -> &str| -> Vec<&str> { batch.iter().map(of).collect() };
        let created: Vec<i64> = batch.iter().map(|one| one.event.created * 1000).collect();
        let values: [Value<'_>; 6] = [
            &column(|one| &one.event.id),
            &column(|one| &one.event.account),
            &column(|one| &one.event.data.object.id),
            &created,
            &column(|one| &one.payload),
            &self.now,
        ];
        let inserted = self.query(INBOX, &values).await?;
        let inserted: HashSet<String> = inserted.iter().map(|row| row.get(0)).collect();
        let fresh = batch
            .iter()
            .filter(|one| inserted.contains(&one.event.id))
            .map(|one| (one.event.data.object.id.as_str(), one));
        Ok(fresh.collect())
    }

    /// Takes the stock of all lines of these orders, with a movement each.
    async fn take_stock(&self, orders: &[&str]) -> Result<(), Failure> {
        let lines = self.query(LINES, &[&orders]).await?;
        let mut taken: BTreeMap<&str, i64> = BTreeMap::new();
        let (mut of, mut ids, mut products, mut deltas, mut movements) =
            (vec![], vec![], vec![], vec![], vec![]);
        for row in &lines {
            let quantity: i64 = row.get(3);
            *taken.entry(row.get(2)).or_default() += quantity;
            ids.push(row.get::<_, &str>(0));
            of.push(row.get::<_, &str>(1));
            products.push(row.get::<_, &str>(2));
            deltas.push(-quantity);
            movements.push(new_id("stm"));
        }
        let (sold, units): (Vec<&str>, Vec<i64>) = taken.into_iter().unzip();
        let stock = self.query(STOCK, &[&sold, &units, &self.now]).await?;
        all(stock.len(), sold.len())?;
        let values: [Value<'_>; 6] = [&movements, &products, &deltas, &of, &ids, &self.now];
        self.query(MOVEMENTS, &values).await?;
        Ok(())
    }

    /// Stages the jobs that follow from the payments, the same job once.
    async fn stage_jobs(&self, payments: &[&str], orders: &[&str]) -> Result<(), Failure> {
        let mut jobs: BTreeMap<String, [String; 4]> = BTreeMap::new();
        for (at, payment) in payments.iter().enumerate() {
            for job in jobs_of(payment, orders[at]) {
                jobs.insert(job[1].clone(), job);
            }
        }
        let ids: Vec<String> = jobs.iter().map(|_| new_id("job")).collect();
        let field =
            |at: usize| -> Vec<&str> { jobs.values().map(|job| job[at].as_str()).collect() };
        let (kinds, keys, subjects, args) = (field(0), field(1), field(2), field(3));
        let values: [Value<'_>; 6] = [&ids, &kinds, &args, &keys, &subjects, &self.now];
        self.query(JOBS, &values).await?;
        Ok(())
    }
}

fn all(rows: usize, wanted: usize) -> Result<(), Failure> {
    match rows == wanted {
        true => Ok(()),
        false => Err(format!("{rows} rows were written instead of {wanted}").into()),
    }
}

const INBOX: &str = "INSERT INTO inbox_events (id, endpoint, source, kind, account, livemode, api_version, object, \
    stripe_created, payload, state, attempts, received_at, processed_at) \
    SELECT id, 'connect', 'webhook', 'checkout.session.completed', account, false, '2026-09-30.endive', object, \
    created, payload, 'processed', 1, $6::bigint, $6::bigint \
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[]) AS e(id, account, object, created, payload) \
    ON CONFLICT (id) DO NOTHING RETURNING id";
const PAYMENTS: &str = "SELECT p.id, o.order_id, p.stripe_object FROM payments p \
    JOIN payment_orders o ON o.payment_id = p.id WHERE p.stripe_object = ANY($1::text[]) ORDER BY p.id FOR UPDATE OF p";
const PAY: &str = "UPDATE payments SET status = 'paid', amount_paid = g.amount, amount_discount = 0, \
    payment_intent = g.intent, paid_at = $5::bigint, updated_at = $5::bigint \
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) AS g(id, amount, intent, account) \
    WHERE payments.id = g.id AND status IN ('pending', 'processing', 'expired', 'failed') \
    AND charge_account = g.account AND livemode = false AND currency = 'eur' AND amount_subtotal = g.amount \
    RETURNING payments.id";
const LINES: &str =
    "SELECT id, order_id, product_id, quantity FROM order_lines WHERE order_id = ANY($1::text[])";
const STOCK: &str = "UPDATE products SET available = available - g.units, updated_at = $3::bigint \
    FROM unnest($1::text[], $2::bigint[]) AS g(id, units) WHERE products.id = g.id AND available >= g.units \
    RETURNING products.id";
const MOVEMENTS: &str = "INSERT INTO stock_movements (id, product_id, delta, reason, order_id, order_line_id, actor, \
    created_at) SELECT id, product, delta, 'sale', orders, line, 'system', $6::bigint \
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[]) AS g(id, product, delta, orders, line)";
const ORDERS: &str = "UPDATE orders SET status = 'paid', paid_at = $2::bigint, updated_at = $2::bigint \
    WHERE id = ANY($1::text[]) AND status = 'pending' RETURNING id";
const TIMELINE: &str = "INSERT INTO order_events (id, order_id, at, kind, data) \
    SELECT id, orders, $4::bigint, 'paid', data FROM unnest($1::text[], $2::text[], $3::text[]) AS g(id, orders, data)";
const JOBS: &str = "INSERT INTO jobs (id, kind, args, effect_key, subject, state, wanted_generation, done_generation, \
    attempts, run_at, created_at) \
    SELECT id, kind, args, key, subject, 'ready', 1, 0, 0, $6::bigint, $6::bigint \
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS g(id, kind, args, key, subject) \
    ON CONFLICT (effect_key) DO UPDATE SET wanted_generation = jobs.wanted_generation + 1";
