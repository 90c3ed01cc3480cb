//! `souk-bench lists`: the lists of refunds and disputes, and a refund's preview, over a database of a million orders, beside
//! queries by hand for the same rows.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::Failure;
use crate::database::{Databases, Place, around_postgres, texts};
use crate::server::{self, Settings};

/// What to measure.
#[derive(clap::Args)]
pub struct Args {
    /// SQLite is a temporary file. PostgreSQL is a throw-away server, or the one at TEST_POSTGRES_URL.
    #[arg(long, value_enum, default_value_t = Databases::Both)]
    database: Databases,
    /// How many orders there are. One in ten has a refund of a line, one in fifty a dispute.
    #[arg(long, default_value_t = 1_000_000)]
    orders: u32,
}

const PASSWORD: &str = "correct horse battery";
/// A card whose payment is disputed at once, and one whose money is there at once (docs.stripe.com/testing).
const DISPUTED: &str = "4000000000000259";
const AVAILABLE: &str = "4000000000000077";
const PATIENCE: Duration = Duration::from_secs(30);
/// Requests and queries before those that count, and those.
const WARM: usize = 20;
const COUNTED: usize = 200;
/// A request may take so much longer than the request beside it and the query by hand together.
const LIMIT: f64 = 1.5;

/// Measures on each database, and prints each row as soon as it is known.
///
/// # Errors
/// When a request is slower than it may be.
pub async fn run(args: &Args) -> Result<(), Failure> {
    let folder = TempDir::with_prefix("souk-lists.")?;
    let Some(places) = args.database.places(folder.path()) else {
        folder.close()?;
        return around_postgres();
    };
    println!(
        "{:<9} {:<26} {:>8} {:>8} {:>8} {:>6}",
        "database", "request", "p50 ms", "beside", "by hand", "times"
    );
    let mut slow = 0;
    for place in &places {
        slow += measure(place, args.orders, folder.path()).await?;
    }
    match slow {
        0 => Ok(()),
        some => {
            Err(format!("{some} requests are slower than {LIMIT} times what they may be").into())
        }
    }
}

async fn measure(place: &Place, orders: u32, folder: &Path) -> Result<usize, Failure> {
    let folder = TempDir::new_in(folder)?;
    let fresh = place.fresh(folder.path()).await?;
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()?;
    let listeners = [
        TcpListener::bind("127.0.0.1:0").await?,
        TcpListener::bind("127.0.0.1:0").await?,
    ];
    let [shop, stripe] = [listeners[0].local_addr()?, listeners[1].local_addr()?];
    drop(listeners);
    let settings = Settings {
        binary: &server::binary()?,
        folder: folder.path(),
        database_url: &fresh.url,
        stripe: "",
        secrets: ("", ""),
        more: &[("JWT_SECRET", "one secret for the server of the lists")],
    };
    let server = settings.serve_simulated_at(shop, stripe, &http).await?;
    let market = Market {
        http,
        shop: format!("http://{shop}"),
        stripe: format!("http://{stripe}"),
        db: &fresh.db,
    };
    let slow = market.play(place.name(), orders).await;
    server.stop().await?;
    fresh.discard().await?;
    slow
}

struct Market<'a> {
    http: reqwest::Client,
    shop: String,
    stripe: String,
    db: &'a DatabaseConnection,
}

/// A request that is measured: its body, if it has one; the request beside it that does no work of its own; and the query by
/// hand.
struct Measured {
    path: String,
    body: Option<Value>,
    beside: String,
    sql: Vec<String>,
}

impl Market<'_> {
    /// One refunded and one disputed sale, so many copies of both, and the measurement. How many are too slow.
    async fn play(&self, database: &str, orders: u32) -> Result<usize, Failure> {
        let owner = self.register("mira@example.com").await?;
        self.register("ada@example.com").await?;
        self.sql("UPDATE users SET role = 'admin' WHERE email = 'ada@example.com'")
            .await?;
        let admin = self.log_in("ada@example.com").await?;
        let new = json!({ "name": "Mira", "country": "US" });
        let seller = self.ask("/v1/sellers", &new, &owner).await?;
        let (account, seller) = (text(&seller, "stripe_account")?, text(&seller, "id")?);
        self.control(&format!("/accounts/{account}/onboard"), &json!({}))
            .await?;
        let sync = format!("/v1/sellers/{seller}/sync");
        self.until(async || {
            let synced = self.ask(&sync, &json!({}), &owner).await?;
            Ok(synced["status"] == "active")
        })
        .await?;
        let new = json!({
            "seller_id": seller, "name": "Lamp", "unit_amount": 2500, "currency": "usd", "stock": 10,
        });
        let lamp = text(&self.ask("/v1/products", &new, &owner).await?, "id")?;
        let refunded = self.sell(&lamp, json!({ "card": AVAILABLE })).await?;
        // Covers what Stripe keeps.
        self.sell(&lamp, json!({ "card": AVAILABLE })).await?;
        let line = format!("SELECT id FROM order_lines WHERE order_id = '{refunded}'");
        let lines = json!([{ "order_line_id": self.one(&line).await?, "quantity": 1 }]);
        let new = json!({ "order_id": refunded, "lines": lines });
        let refund = text(&self.ask("/v1/refunds", &new, &owner).await?, "id")?;
        let done = format!("SELECT id FROM refunds WHERE id = '{refund}' AND status = 'succeeded'");
        self.until(async || Ok(!texts(self.db, &done).await?.is_empty()))
            .await?;
        let disputed = self.sell(&lamp, json!({ "card": DISPUTED })).await?;
        let seen = "SELECT id FROM disputes";
        self.until(async || Ok(!texts(self.db, seen).await?.is_empty()))
            .await?;
        let began = Instant::now();
        self.multiply(&refunded, &disputed, &refund, orders).await?;
        let took = began.elapsed().as_secs();
        println!("{database:<9} {orders} orders were written in {took} s");
        let mut slow = 0;
        let kept = format!("ord_copy_{}", orders / 2 + 1);
        for one in measured(&seller, &kept, orders) {
            let times = self.times(database, &one, &admin).await?;
            slow += usize::from(times > LIMIT);
        }
        Ok(slow)
    }

    /// Copies both sales: orders with a line, payments and shares; one in ten refunded, one in fifty disputed.
    async fn multiply(
        &self,
        refunded: &str,
        disputed: &str,
        refund: &str,
        orders: u32,
    ) -> Result<(), Failure> {
        let of = |table: &str, order: &str| format!("{table} WHERE order_id = '{order}'");
        let payment = self
            .one(&format!(
                "SELECT payment_id FROM {}",
                of("payment_orders", disputed)
            ))
            .await?;
        let (order, line, pay) = (id("ord"), id("oln"), id("pay"));
        let whole = format!("orders WHERE id = '{disputed}'");
        let created = ("created_at", "created_at + n".to_owned());
        self.copy(
            "orders",
            &whole,
            orders,
            1,
            &[("id", order.clone()), created.clone()],
        )
        .await?;
        let ours = [("id", line), ("order_id", order.clone())];
        self.copy(
            "order_lines",
            &of("order_lines", disputed),
            orders,
            1,
            &ours,
        )
        .await?;
        let mut ours = vec![("id", pay.clone()), ("attempt", id("session")), created];
        for column in ["stripe_object", "payment_intent", "charge", "stripe_fee"] {
            ours.push((column, id(column)));
        }
        let whole = format!("payments WHERE id = '{payment}'");
        self.copy("payments", &whole, orders, 1, &ours).await?;
        let ours = [("payment_id", pay.clone()), ("order_id", order.clone())];
        self.copy(
            "payment_orders",
            &of("payment_orders", disputed),
            orders,
            1,
            &ours,
        )
        .await?;
        self.copy_refunds(refunded, refund, orders).await?;
        let ours = [
            ("id", id("du")),
            ("payment_id", pay),
            ("order_id", order),
            ("stripe_created", "stripe_created + n".to_owned()),
        ];
        self.copy("disputes", &of("disputes", disputed), orders, 50, &ours)
            .await?;
        self.sql("ANALYZE").await
    }

    async fn copy_refunds(&self, refunded: &str, refund: &str, orders: u32) -> Result<(), Failure> {
        let of = |table: &str| format!("{table} WHERE order_id = '{refunded}'");
        let ours = [
            ("id", id("rfd")),
            ("payment_id", id("pay")),
            ("order_id", id("ord")),
            ("stripe_refund", id("re")),
        ];
        self.copy("refunds", &of("refunds"), orders, 10, &ours)
            .await?;
        let ours = [("refund_id", id("rfd")), ("order_id", id("ord"))];
        self.copy("refund_orders", &of("refund_orders"), orders, 10, &ours)
            .await?;
        let ours = [("refund_id", id("rfd")), ("order_line_id", id("oln"))];
        let whole = format!("refund_lines WHERE refund_id = '{refund}'");
        self.copy("refund_lines", &whole, orders, 10, &ours).await
    }

    /// Writes copies of a row, one for each number that `each` divides, with other values in some columns.
    async fn copy(
        &self,
        table: &str,
        row: &str,
        orders: u32,
        each: u32,
        other: &[(&str, String)],
    ) -> Result<(), Failure> {
        let postgres = self.db.get_database_backend() == sea_orm::DbBackend::Postgres;
        let columns = match postgres {
            true => format!(
                "SELECT column_name::text FROM information_schema.columns WHERE table_name = '{table}'"
            ),
            false => format!("SELECT name FROM pragma_table_info('{table}')"),
        };
        let numbers = match postgres {
            true => format!("generate_series(1, {orders}) AS t (n)"),
            false => format!(
                "(WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {orders}) SELECT n FROM t)"
            ),
        };
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for column in texts(self.db, &columns).await? {
            let given = other.iter().find(|(name, _)| *name == column);
            values.push(given.map_or_else(|| column.clone(), |(_, value)| value.clone()));
            names.push(column);
        }
        let (names, values) = (names.join(", "), values.join(", "));
        let row = row.replacen(" WHERE ", &format!(" CROSS JOIN {numbers} WHERE "), 1);
        let sql =
            format!("INSERT INTO {table} ({names}) SELECT {values} FROM {row} AND n % {each} = 0");
        self.sql(&sql).await
    }

    /// Prints how a request compares, and answers how many times longer it takes.
    async fn times(&self, database: &str, one: &Measured, token: &str) -> Result<f64, Failure> {
        let path = format!("{}{}", self.shop, one.path);
        let request = || {
            let asked = match &one.body {
                Some(body) => self.json(Method::POST, &path, body),
                None => self.http.get(&path),
            };
            asked.bearer_auth(token)
        };
        let beside = format!("{}{}", self.shop, one.beside);
        let asked = p50(async || send(request()).await.map(drop)).await?;
        let nothing = p50(async || {
            send(self.http.get(&beside).bearer_auth(token))
                .await
                .map(drop)
        })
        .await?;
        let by_hand = p50(async || {
            for sql in &one.sql {
                let query = Statement::from_string(self.db.get_database_backend(), sql.as_str());
                self.db.query_all_raw(query).await?;
            }
            Ok(())
        })
        .await?;
        let times = asked / (nothing + by_hand);
        let path = one
            .path
            .split("=sel_")
            .flat_map(|part| part.split("=ord_"))
            .next()
            .unwrap_or_default();
        println!(
            "{database:<9} {path:<26} {asked:>8.2} {nothing:>8.2} {by_hand:>8.2} {times:>6.2}"
        );
        Ok(times)
    }

    async fn sell(&self, product: &str, how: Value) -> Result<String, Failure> {
        let lines = json!([{ "product_id": product, "quantity": 1 }]);
        let new = json!({ "lines": lines, "customer_email": "buyer@example.com" });
        let session = self.ask("/v1/checkout_sessions", &new, "").await?;
        let path = format!("/checkout/sessions/{}/pay", text(&session, "id")?);
        self.control(&path, &how).await?;
        let order = text(&session, "order_id")?;
        let paid = format!("SELECT id FROM orders WHERE id = '{order}' AND status = 'paid'");
        self.until(async || Ok(!texts(self.db, &paid).await?.is_empty()))
            .await?;
        Ok(order)
    }

    async fn until(
        &self,
        mut is: impl AsyncFnMut() -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        while !is().await? {
            if began.elapsed() > PATIENCE {
                return Err("a sale, a refund or a dispute was never seen".into());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn one(&self, sql: &str) -> Result<String, Failure> {
        let found = texts(self.db, sql).await?.into_iter().next();
        found.ok_or_else(|| format!("{sql}: nothing").into())
    }

    async fn sql(&self, sql: &str) -> Result<(), Failure> {
        let done = self.db.execute_unprepared(sql).await;
        done.map(drop).map_err(|e| format!("{sql}: {e}").into())
    }

    async fn register(&self, email: &str) -> Result<String, Failure> {
        let new = json!({ "email": email, "password": PASSWORD, "name": email });
        text(
            &self.ask("/v1/auth/register", &new, "").await?,
            "access_token",
        )
    }

    async fn log_in(&self, email: &str) -> Result<String, Failure> {
        let known = json!({ "email": email, "password": PASSWORD });
        text(
            &self.ask("/v1/auth/login", &known, "").await?,
            "access_token",
        )
    }

    async fn ask(&self, path: &str, body: &Value, token: &str) -> Result<Value, Failure> {
        let request = self.json(Method::POST, &format!("{}{path}", self.shop), body);
        let request = match token {
            "" => request,
            token => request.bearer_auth(token),
        };
        send(request).await
    }

    async fn control(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let url = format!("{}/_simulator{path}", self.stripe);
        send(self.http.post(url).body(body.to_string())).await
    }

    fn json(&self, method: Method, url: &str, body: &Value) -> RequestBuilder {
        let request = self.http.request(method, url);
        request
            .header("content-type", "application/json")
            .body(body.to_string())
    }
}

/// The id of the copy with the number `n`.
fn id(prefix: &str) -> String {
    format!("'{prefix}_copy_' || n")
}

/// A page of refunds with their lines.
fn refunds(filter: &str) -> Vec<String> {
    let page = format!("SELECT * FROM refunds {filter} ORDER BY id DESC LIMIT 21");
    let lines =
        format!("SELECT * FROM refund_lines WHERE refund_id IN (SELECT id FROM ({page}) AS page)");
    vec![page, lines]
}

/// A page of disputes with what was submitted.
fn disputes(filter: &str) -> Vec<String> {
    let page =
        format!("SELECT * FROM disputes {filter} ORDER BY stripe_created DESC, id DESC LIMIT 21");
    let submissions = format!(
        "SELECT * FROM dispute_submissions WHERE dispute_id IN (SELECT id FROM ({page}) AS page)"
    );
    vec![page, submissions]
}

/// What a preview must know of an order.
fn preview(order: &str) -> Vec<String> {
    let of_payment = |table: &str, key: &str| {
        format!(
            "SELECT * FROM payment_orders x JOIN {table} t ON t.{key} = x.payment_id WHERE x.order_id = '{order}'"
        )
    };
    vec![
        format!("SELECT * FROM orders WHERE id = '{order}'"),
        format!("SELECT * FROM order_lines WHERE order_id = '{order}'"),
        of_payment("payments", "id"),
        of_payment("refunds", "payment_id"),
        of_payment("disputes", "payment_id"),
    ]
}

/// What is measured: of a seller who has nearly all of it, and of one order.
fn measured(seller: &str, order: &str, orders: u32) -> Vec<Measured> {
    let me = "/v1/users/me".to_owned();
    let list = |path: String, sql: Vec<String>| Measured {
        path,
        body: None,
        beside: me.clone(),
        sql,
    };
    let of_seller = format!("WHERE seller_id = '{seller}'");
    let refunded = format!("ord_copy_{}", orders / 20 * 10);
    let disputed = format!("ord_copy_{}", orders / 100 * 50);
    let of_order =
        format!("WHERE id IN (SELECT refund_id FROM refund_orders WHERE order_id = '{refunded}')");
    let of_disputed = format!(
        "WHERE payment_id IN (SELECT payment_id FROM payment_orders WHERE order_id = '{disputed}')"
    );
    vec![
        list("/v1/refunds".to_owned(), refunds("")),
        list(
            format!("/v1/refunds?seller_id={seller}"),
            refunds(&of_seller),
        ),
        list(
            "/v1/refunds?status=succeeded".to_owned(),
            refunds("WHERE status = 'succeeded'"),
        ),
        // There is none.
        list(
            "/v1/refunds?status=failed".to_owned(),
            refunds("WHERE status = 'failed'"),
        ),
        list(
            "/v1/disputes?status=lost".to_owned(),
            disputes("WHERE status = 'lost'"),
        ),
        list(
            format!("/v1/refunds?order_id={refunded}"),
            refunds(&of_order),
        ),
        list("/v1/disputes".to_owned(), disputes("")),
        list(
            format!("/v1/disputes?seller_id={seller}"),
            disputes(&of_seller),
        ),
        list(
            format!("/v1/disputes?order_id={disputed}"),
            disputes(&of_disputed),
        ),
        Measured {
            path: "/v1/refunds/preview".to_owned(),
            body: Some(json!({ "order_id": order, "amount": 100 })),
            // It asks Stripe for the balance, too.
            beside: format!("/v1/sellers/{seller}/balance"),
            sql: preview(order),
        },
    ]
}

/// The median in ms.
async fn p50(work: impl AsyncFn() -> Result<(), Failure>) -> Result<f64, Failure> {
    for _ in 0..WARM {
        work().await?;
    }
    let mut took = Vec::with_capacity(COUNTED);
    for _ in 0..COUNTED {
        let began = Instant::now();
        work().await?;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    Ok(took[COUNTED / 2].as_secs_f64() * 1000.0)
}

async fn send(request: RequestBuilder) -> Result<Value, Failure> {
    let answer = request.send().await?;
    let (status, url) = (answer.status(), answer.url().path().to_owned());
    let text = answer.text().await?;
    match status.is_success() {
        true => Ok(serde_json::from_str(&text)?),
        false => Err(format!("{url}: {status} {text}").into()),
    }
}

fn text(value: &Value, name: &str) -> Result<String, Failure> {
    let found = value[name].as_str().map(str::to_owned);
    found.ok_or_else(|| format!("no {name} in {value}").into())
}
