//! Simulated time: days that pass at the simulator of a server pass at the server too.

use serde_json::{Value, json};
use souk::clock::Clock;
use souk_entity::Timestamp;

use super::{ask_simulator, at_simulator, login, paid, shop, simulated};
use crate::harness::{Database, Souk, text, until};

const DAY: i64 = 86_400;

/// Lets so many seconds pass, and says what time it is then.
async fn advance(stripe: &str, seconds: i64) -> i64 {
    let (status, told) =
        ask_simulator(stripe, "/clock/advance", json!({ "seconds": seconds })).await;
    assert_eq!(status, 200, "{told}");
    told["now"].as_i64().expect("a time")
}

/// A guest goes to a checkout that is open for half an hour.
async fn brief_checkout(souk: &Souk, product: &str) -> Value {
    let body = json!({
        "lines": [{ "product_id": product, "quantity": 1 }], "customer_email": "guest@example.com", "expires_in": 1800,
    });
    souk.client
        .post("/v1/checkout_sessions", body)
        .expect(201)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_and_sessions_expire_in_simulated_time_and_work_until_then() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::empty(folder.path()).await;
    let port = crate::harness::free_port().await;
    let stripe = format!("http://{port}");
    let settings = simulated(&database, folder.path(), port);
    let souk = Souk::serve(&settings).await;
    let (seller, product) = shop(&souk, &stripe).await;
    let now = advance(&stripe, 10 * DAY).await;

    let token = login(&souk, "/v1/auth/login").await;
    let code = |until: i64| {
        let body = json!({
            "seller_id": seller, "code": "SOON", "percent_off": 20, "expires_at": Timestamp::from_seconds(until),
        });
        let call = souk.client.post("/v1/promotion_codes", body);
        call.header("authorization", &token)
    };
    let today = Clock::System.now().seconds() + DAY;
    code(today).refuses_field("expires_at").await;
    code(now + DAY).expect(201).await;
    let session = brief_checkout(&souk, &product).await;
    let order = souk
        .client
        .get(format!("/v1/orders/{}", text(&session, "order_id")))
        .with_secret(&text(&session, "order_secret"))
        .expect(200)
        .await;
    let created = Timestamp::parse(&text(&order, "created_at")).expect("a time");
    assert!(created.seconds() >= now, "the order is of simulated time");
    let pay = async |session: &Value| {
        let path = format!("/checkout/sessions/{}/pay", text(session, "id"));
        ask_simulator(&stripe, &path, json!({ "promotion_code": "SOON" })).await
    };
    assert_eq!(pay(&session).await.0, 200);
    let bought = (text(&session, "order_id"), text(&session, "order_secret"));
    paid(&souk, &bought).await;

    let late = brief_checkout(&souk, &product).await;
    advance(&stripe, 31 * 60 + 1).await;
    until("the order is expired", async || {
        let order = souk
            .client
            .get(format!("/v1/orders/{}", text(&late, "order_id")))
            .with_secret(&text(&late, "order_secret"))
            .expect(200)
            .await;
        (order["status"] == "expired").then_some(())
    })
    .await;
    advance(&stripe, DAY).await;
    let (status, told) = pay(&brief_checkout(&souk, &product).await).await;
    assert_eq!(status, 400, "the code is expired: {told}");

    // The time is kept with the simulator's state.
    assert!(souk.stop().await.success());
    let souk = Souk::serve(&settings).await;
    let session = brief_checkout(&souk, &product).await;
    let path = format!("/checkout/sessions/{}/pay", text(&session, "id"));
    at_simulator(&stripe, &path).await;
    let bought = (text(&session, "order_id"), text(&session, "order_secret"));
    paid(&souk, &bought).await;
    assert!(souk.stop().await.success());
}
