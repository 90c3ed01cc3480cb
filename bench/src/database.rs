//! Fresh databases: made, filled with orders that wait for their money, counted afterwards, thrown away.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};

use crate::Failure;
use crate::events::{ACCOUNT, AMOUNT, Way, number, prefix};

/// The name of our database on a PostgreSQL server. One that an interrupted run left is replaced.
const NAME: &str = "souk_bench";

/// Which databases.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Databases {
    Sqlite,
    Postgres,
    Both,
}

impl Databases {
    /// Where they are: files in a folder, and the server that TEST_POSTGRES_URL names. None: PostgreSQL is wanted, and no
    /// server is named.
    pub fn places(self, folder: &Path) -> Option<Vec<Place>> {
        let mut places = Vec::new();
        if self != Self::Postgres {
            places.push(Place::Sqlite(folder.to_owned()));
        }
        if self != Self::Sqlite {
            places.push(Place::Postgres(std::env::var("TEST_POSTGRES_URL").ok()?));
        }
        Some(places)
    }
}

/// Runs this program again inside `tests/postgres.sh`, which ends its PostgreSQL when we end.
pub fn around_postgres() -> Result<(), Failure> {
    use std::os::unix::process::CommandExt;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/postgres.sh");
    let failed = Command::new(&script)
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        // Commits are measured, so they must reach the disk.
        .env("SOUK_PG_FSYNC", "on")
        .exec();
    let script = script.display();
    Err(format!("{script}: {failed}. Set TEST_POSTGRES_URL to a server of your own, or choose --database sqlite.").into())
}

/// Where fresh databases come from.
pub enum Place {
    /// Files in a folder.
    Sqlite(PathBuf),
    /// A server, by the address of a database whose user may create others.
    Postgres(String),
}

impl Place {
    /// For the table.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// Whatever decides how fast its commits can be.
    pub async fn describe(&self) -> Result<String, Failure> {
        match self {
            Self::Sqlite(folder) => {
                let folder = folder.display();
                Ok(format!("{folder}, WAL, synchronous=FULL"))
            }
            Self::Postgres(url) => {
                let admin = connect(url).await?;
                let mut says = Vec::new();
                for name in ["server_version", "fsync", "synchronous_commit"] {
                    let value = one::<String>(&admin, &format!("SHOW {name}")).await?;
                    says.push(format!("{name}={value}"));
                }
                admin.close().await?;
                Ok(says.join(", "))
            }
        }
    }

    /// Makes an empty database. `folder` is new, and takes the file of an SQLite one.
    pub async fn fresh(&self, folder: &Path) -> Result<Fresh, Failure> {
        match self {
            Self::Sqlite(_) => {
                let url = format!(
                    "sqlite://{}?mode=rwc",
                    folder.join("bench.sqlite").display()
                );
                let db = connect(&url).await?;
                Ok(Fresh {
                    url,
                    db,
                    admin: None,
                })
            }
            Self::Postgres(address) => {
                let admin = connect(address).await?;
                drop_ours(&admin).await?;
                admin
                    .execute_unprepared(&format!("CREATE DATABASE {NAME}"))
                    .await?;
                let url = with_database(address)?;
                let db = connect(&url).await?;
                let admin = Some(admin);
                Ok(Fresh { url, db, admin })
            }
        }
    }
}

/// How many there must be after `n` orders, of what, and the query that counts them.
type Count = (fn(i64) -> i64, &'static str, &'static str);

/// What the database holds once all orders were paid.
const COUNTS: [Count; 14] = [
    (
        |n| n,
        "orders that are paid",
        "SELECT count(*) FROM orders WHERE status = 'paid'",
    ),
    (
        |n| n,
        "payments that are paid in full",
        "SELECT count(*) FROM payments WHERE status = 'paid' AND amount_paid = amount_subtotal",
    ),
    (
        |n| n,
        "units taken",
        "SELECT CAST(coalesce(-sum(delta), 0) AS BIGINT) FROM stock_movements WHERE reason = 'sale'",
    ),
    (
        |n| n,
        "order lines with a sale",
        "SELECT count(DISTINCT order_line_id) FROM stock_movements WHERE reason = 'sale' AND delta = -1",
    ),
    (
        |_| 0,
        "units left",
        "SELECT CAST(sum(available) AS BIGINT) FROM products",
    ),
    (
        |_| 0,
        "units that the movements leave",
        "SELECT CAST(sum(delta) AS BIGINT) FROM stock_movements",
    ),
    (
        |n| n,
        "timelines that say paid",
        "SELECT count(DISTINCT order_id) FROM order_events WHERE kind = 'paid'",
    ),
    (
        |n| n,
        "events processed",
        "SELECT count(*) FROM inbox_events WHERE state = 'processed'",
    ),
    (
        |n| n,
        "events in the inbox",
        "SELECT count(*) FROM inbox_events",
    ),
    (
        |n| 2 * n,
        "mails staged",
        "SELECT count(*) FROM jobs WHERE kind = 'mail'",
    ),
    (
        |n| n,
        "re-reads staged",
        "SELECT count(*) FROM jobs WHERE kind = 'reread_payment'",
    ),
    (
        |n| 3 * n,
        "jobs staged",
        "SELECT count(*) FROM jobs WHERE kind IN ('mail', 'reread_payment')",
    ),
    (
        |_| 0,
        "jobs that are dead",
        "SELECT count(*) FROM jobs WHERE state = 'dead'",
    ),
    (
        |_| 0,
        "jobs that have failed once",
        "SELECT count(*) FROM jobs WHERE last_error IS NOT NULL",
    ),
];

/// What it holds once a period of each subscription was renewed. Each had an order before.
const RENEWED: [Count; 9] = [
    (
        |n| 2 * n,
        "orders that are paid",
        "SELECT count(*) FROM orders WHERE status = 'paid'",
    ),
    (
        |n| n,
        "invoices that are paid in full",
        "SELECT count(*) FROM payments WHERE kind = 'invoice' AND status = 'paid' AND amount_paid = amount_subtotal",
    ),
    (
        |n| n,
        "subscriptions with a second order",
        "SELECT count(*) FROM (SELECT p.subscription FROM payments p JOIN payment_orders x ON x.payment_id = p.id
           GROUP BY p.subscription HAVING count(DISTINCT x.order_id) = 2) renewed",
    ),
    (
        |_| 0,
        "order lines with a sale",
        "SELECT count(*) FROM stock_movements WHERE reason = 'sale'",
    ),
    (
        |n| n,
        "timelines that say paid",
        "SELECT count(DISTINCT order_id) FROM order_events WHERE kind = 'paid'",
    ),
    (
        |n| n,
        "events processed",
        "SELECT count(*) FROM inbox_events WHERE state = 'processed'",
    ),
    (
        |n| 2 * n,
        "mails staged",
        "SELECT count(*) FROM jobs WHERE kind = 'mail'",
    ),
    (
        |_| 0,
        "jobs that are dead",
        "SELECT count(*) FROM jobs WHERE state = 'dead'",
    ),
    (
        |_| 0,
        "jobs that have failed once",
        "SELECT count(*) FROM jobs WHERE last_error IS NOT NULL",
    ),
];

/// A database of one measurement.
pub struct Fresh {
    /// Its `DATABASE_URL`.
    pub url: String,
    /// One connection to it, set as the server sets its own.
    pub db: DatabaseConnection,
    admin: Option<DatabaseConnection>,
}

impl Fresh {
    /// Writes a seller with `products` products, that have `orders` units together, and as many orders of one unit each,
    /// every one waiting with its session or intent stored, or the first of a subscription. `products` divides `orders`.
    pub async fn fill(&self, way: Way, orders: u32, products: u32) -> Result<(), Failure> {
        for sql in fixtures(way, orders, products)? {
            self.db.execute_unprepared(&sql).await?;
        }
        if way == Way::Renewal {
            for sql in subscribed(orders)? {
                self.db.execute_unprepared(&sql).await?;
            }
        }
        self.db.execute_unprepared("ANALYZE").await?;
        Ok(())
    }

    /// Checks that exactly these orders were paid, once, with everything that follows from it.
    pub async fn check(&self, way: Way, orders: u32) -> Result<(), Failure> {
        let mut faults = Vec::new();
        let counts = match way {
            Way::Renewal => RENEWED.as_slice(),
            Way::Session | Way::Intent => COUNTS.as_slice(),
        };
        for (wanted, what, sql) in counts {
            let wanted = wanted(i64::from(orders));
            let found = one::<i64>(&self.db, sql).await?;
            if found != wanted {
                faults.push(format!("{what}: {found}, but should be {wanted}"));
            }
        }
        let failed =
            "SELECT kind || ': ' || last_error FROM jobs WHERE last_error IS NOT NULL LIMIT 1";
        let statement = Statement::from_string(self.db.get_database_backend(), failed);
        if let Some(row) = self.db.query_one_raw(statement).await? {
            faults.push(row.try_get_by_index(0)?);
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(format!(
                "the database is not as it should be:\n  {}",
                faults.join("\n  ")
            )
            .into())
        }
    }

    /// Drops it. (An SQLite file goes with its folder.)
    pub async fn discard(self) -> Result<(), Failure> {
        self.db.close().await?;
        if let Some(admin) = self.admin {
            drop_ours(&admin).await?;
            admin.close().await?;
        }
        Ok(())
    }
}

async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .sqlx_logging_level(log::LevelFilter::Trace)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(5))
        });
    Database::connect(options).await
}

async fn drop_ours(admin: &DatabaseConnection) -> Result<(), DbErr> {
    let sql = format!("DROP DATABASE IF EXISTS {NAME} WITH (FORCE)");
    admin.execute_unprepared(&sql).await.map(drop)
}

/// The one number that a query selects.
pub async fn count(db: &DatabaseConnection, sql: &str) -> Result<i64, Failure> {
    one(db, sql).await
}

/// The texts that a query selects.
pub async fn texts(db: &DatabaseConnection, sql: &str) -> Result<HashSet<String>, Failure> {
    let query = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(query).await?;
    let texts = rows.iter().map(|row| row.try_get_by_index(0));
    Ok(texts.collect::<Result<_, _>>()?)
}

/// The first column of the one row of a query.
async fn one<T: sea_orm::TryGetable>(db: &DatabaseConnection, sql: &str) -> Result<T, Failure> {
    let query = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(query).await?;
    Ok(row.ok_or("a count gave no row")?.try_get_by_index(0)?)
}

/// The same address with our database in it.
fn with_database(address: &str) -> Result<String, Failure> {
    let wrong = "TEST_POSTGRES_URL must be like postgres://user@host/database";
    let (scheme, rest) = address.split_once("://").ok_or(wrong)?;
    let (place, options) = match rest.split_once('?') {
        Some((place, options)) => (place, format!("?{options}")),
        None => (rest, String::new()),
    };
    let host = place.split('/').next().unwrap_or_default();
    Ok(format!("{scheme}://{host}/{NAME}{options}"))
}

/// A stored create request, about as long as a real one.
const REQUEST: &str = r#"{"path":"/v1/checkout/sessions","account":"acct_1Bench0000000000","version":"2026-09-30.endive","body":"mode=payment&line_items[0][quantity]=1&line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]=2500&line_items[0][price_data][product_data][name]=Bench&payment_intent_data[application_fee_amount]=250&adaptive_pricing[enabled]=false&automatic_tax[enabled]=false&allow_promotion_codes=true&success_url=https://shop.example/checkout/success?session_id={CHECKOUT_SESSION_ID}&cancel_url=https://shop.example/checkout/cancelled"}"#;

/// The rows before anybody has paid, a statement a table, in SQL that both databases understand.
fn fixtures(way: Way, orders: u32, products: u32) -> Result<Vec<String>, Failure> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let now = i64::try_from(since_1970.as_millis())?;
    let tomorrow = now + 86_400_000;
    let (user, seller) = ("usr_bench", "sel_bench");
    let units = orders / products;
    // `i` counts the orders, as the numbers in their ids do.
    let (from, to) = (number(0), number(orders));
    let upto = |to: u32, table: &str, row: &str| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {to})
             INSERT INTO {table} SELECT {row} FROM n"
        )
    };
    let each = |table: &str, row: &str| upto(to, table, row);
    let of_products = |table: &str, row: &str| upto(number(products), table, row);
    let product = format!("'{}' || i", prefix::PRODUCT);
    let bought = format!(
        "'{}' || ({from} + (i - {from}) % {products})",
        prefix::PRODUCT
    );
    let id = |prefix: &str| format!("'{prefix}' || i");
    let (order, line, payment) = (id(prefix::ORDER), id(prefix::LINE), id(prefix::PAYMENT));
    // A subscription begins with a session.
    let (kind, object) = match way {
        Way::Session | Way::Renewal => ("session", id(prefix::SESSION)),
        Way::Intent => ("intent", id(prefix::INTENT)),
    };
    let opened = id(&format!("{}c", prefix::ORDER_EVENT));
    Ok(vec![
        format!("INSERT INTO users (id, email, name, password_hash, role, created_at, updated_at)
            VALUES ('{user}', 'seller@example.com', 'Bench', '-', 'member', {now}, {now})"),
        format!("INSERT INTO sellers (id, owner_id, name, email, country, stripe_account, livemode, dashboard, status,
                charges_enabled, payouts_enabled, details_submitted, requirements, metadata, created_at, updated_at)
            VALUES ('{seller}', '{user}', 'Bench', 'seller@example.com', 'DE', '{ACCOUNT}', false, 'full', 'active',
                true, true, true, '{{\"currently_due\":[],\"past_due\":[],\"eventually_due\":[],\"pending_verification\":[],\"disabled_reason\":null,\"current_deadline\":null}}',
                '{{}}', {now}, {now})"),
        of_products(
            "products (id, seller_id, name, unit_amount, currency, available, status, metadata, created_at, updated_at)",
            &format!("{product}, '{seller}', 'Bench', {AMOUNT}, 'eur', {units}, 'active', '{{}}', {now}, {now}"),
        ),
        of_products(
            "stock_movements (id, product_id, delta, reason, actor, created_at)",
            &format!("'stm_bench' || i, {product}, {units}, 'initial', '{user}', {now}"),
        ),
        each(
            "orders (id, seller_id, email, status, livemode, currency, amount_subtotal, secret_hash, metadata, created_at, updated_at)",
            &format!("{order}, '{seller}', 'buyer@example.com', 'pending', false, 'eur', {AMOUNT},
                '0000000000000000000000000000000000000000000000000000000000000000', '{{}}', {now}, {now}"),
        ),
        each(
            "order_lines (id, order_id, position, product_id, name, unit_amount, quantity, amount)",
            &format!("{line}, {order}, 0, {bought}, 'Bench', {AMOUNT}, 1, {AMOUNT}"),
        ),
        each(
            "order_events (id, order_id, at, kind, data)",
            &format!("{opened}, {order}, {now}, 'created', '{{}}'"),
        ),
        each(
            "payments (id, charge_account, livemode, kind, stripe_object, status, currency, amount_subtotal, amount_refunded,
                application_fee, allow_discounts, attempt, request, success_url, cancel_url, expires_at, created_at, updated_at)",
            &format!("{payment}, '{ACCOUNT}', false, '{kind}', {object}, 'pending', 'eur', {AMOUNT}, 0,
                250, true, '{kind}:' || {payment}, '{REQUEST}', 'https://shop.example/checkout/success',
                'https://shop.example/checkout/cancelled', {tomorrow}, {now}, {now}"),
        ),
        each(
            "payment_orders (payment_id, order_id, amount_subtotal, application_fee)",
            &format!("{payment}, {order}, {AMOUNT}, 250"),
        ),
    ])
}

/// As many subscriptions of one buyer, each begun by one of the orders, which is paid.
fn subscribed(orders: u32) -> Result<Vec<String>, Failure> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let now = i64::try_from(since_1970.as_millis())?;
    let next_month = now + 30 * 86_400_000;
    let (from, to) = (number(0), number(orders));
    let each = |table: &str, row: &str| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {to})
             INSERT INTO {table} SELECT {row} FROM n"
        )
    };
    let one = |prefix: &str| format!("'{prefix}{from}'");
    let (price, product) = (one(prefix::PRICE), one(prefix::PRODUCT));
    let own = |prefix: &str| format!("'{prefix}' || i");
    let (id, subscription, order) = (
        own(prefix::SUBSCRIBED),
        own(prefix::SUBSCRIPTION),
        own(prefix::ORDER),
    );
    let sessions = prefix::SESSION.len() + 1;
    Ok(vec![
        format!("INSERT INTO prices (id, product_id, unit_amount, \"interval\", interval_count, active, created_at, updated_at)
            VALUES ({price}, {product}, {AMOUNT}, 'month', 1, true, {now}, {now})"),
        format!("INSERT INTO stripe_prices (id, price_id, stripe_account, livemode, stripe_product, stripe_price, active, key_number,
                key_until, created_at, updated_at)
            VALUES ('spr_bench', {price}, '{ACCOUNT}', false, {product}, 'price_1Bench0000000000', true, 1, 0, {now}, {now})"),
        format!("INSERT INTO customers (id, user_id, stripe_account, livemode, stripe_customer, email, metadata, unsent, revision,
                key_number, key_until, created_at, updated_at)
            VALUES ('cst_bench', 'usr_bench', '{ACCOUNT}', false, 'cus_Bench000000000', 'buyer@example.com', '{{}}', '[]', 0, 1, 0,
                {now}, {now})"),
        "UPDATE orders SET status = 'paid'".to_owned(),
        format!("UPDATE payments SET status = 'paid', amount_paid = {AMOUNT}, customer = 'cus_Bench000000000', fee_bps = 1000,
                subscription = '{}' || substr(stripe_object, {sessions})", prefix::SUBSCRIPTION),
        format!("UPDATE payment_orders SET amount_paid = {AMOUNT}"),
        each(
            "subscriptions (id, stripe_subscription, stripe_account, livemode, seller_id, customer_id, order_id, status, currency,
                current_period_start, current_period_end, cancel_at_period_end, asked_at, created_at, updated_at)",
            &format!("{id}, {subscription}, '{ACCOUNT}', false, 'sel_bench', 'cst_bench', {order}, 'active', 'eur', {now},
                {next_month}, false, {now}, {now}, {now}"),
        ),
        each(
            "subscription_items (subscription_id, stripe_item, stripe_price, price_id, product_id, unit_amount, quantity)",
            &format!("{id}, 'si_Bench' || i, 'price_1Bench0000000000', {price}, {product}, {AMOUNT}, 1"),
        ),
    ])
}
