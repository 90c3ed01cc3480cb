//! Each object is created at Stripe once, even where an idempotency key is spoiled by a 500 or forgotten after a day.

use futures_util::future::join;
use serde_json::{Value, json};
use souk_entity::PaymentId;
use souk_simulator::FaultKind;

use crate::harness::{Answer, Shop, TestApp, accounts_api, accounts_path, text};

/// The objects that we create at Stripe, besides refunds.
#[derive(Clone, Copy, Debug)]
enum Object {
    Account,
    Coupon,
    Code,
    Session,
}
use Object::{Account, Code, Coupon, Session};

impl Object {
    const ALL: [Self; 4] = [Account, Coupon, Code, Session];

    fn path(self) -> &'static str {
        match self {
            Account => accounts_path(),
            Coupon => "/v1/coupons",
            Code => "/v1/promotion_codes",
            Session => "/v1/checkout/sessions",
        }
    }

    /// Our rows that don't know its id at Stripe.
    fn unknown(self) -> &'static str {
        match self {
            Account => "sellers WHERE stripe_account IS NULL",
            Coupon => "promotion_codes WHERE stripe_coupon IS NULL",
            Code => "promotion_codes WHERE stripe_promotion_code IS NULL",
            Session => "payments WHERE stripe_object IS NULL",
        }
    }
}

/// A shop, and what it sells.
struct Fixture {
    app: TestApp,
    shop: Shop,
    lamp: String,
}

impl Fixture {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let shop = app.shop("mira").await;
        let lamp = app.product(&shop, 2500, None).await;
        Self { app, shop, lamp }
    }

    /// Asks us for it, always under the same key.
    async fn create(&self, object: Object) -> Answer {
        let (path, body) = match object {
            Account => ("/v1/sellers", json!({ "name": "Second", "country": "US" })),
            Coupon | Code => (
                "/v1/promotion_codes",
                json!({ "seller_id": self.shop.id, "code": "WELCOME20", "percent_off": 20 }),
            ),
            Session => (
                "/v1/checkout_sessions",
                json!({ "lines": [{ "product_id": self.lamp, "quantity": 1 }], "customer_email": "guest@example.com" }),
            ),
        };
        let call = self.app.post(path, body).keyed("once");
        match object {
            Session => call.await,
            _ => call.by(&self.shop.owner).await,
        }
    }

    /// Asks us for it while Stripe fails in this way; the events about it are lost.
    async fn create_in_vain(&self, object: Object, kind: FaultKind) {
        println!("{object:?} {kind:?}");
        self.app.fault("POST", object.path(), kind, None).await;
        let answer = self.create(object).await;
        self.app.simulator.clear_faults().await;
        self.app.intercept().await;
        // v2 doesn't replay a failure: what was done behind it is found by the same key at once.
        let replays_500 = !matches!(object, Account) || accounts_api() == "v1";
        if !replays_500 && matches!(kind, FaultKind::CommitThenError500) {
            answer.expect(201);
            return;
        }
        answer.refused(503, "stripe_unavailable");
        assert_eq!(self.app.count(object.unknown()).await, 1);
    }

    /// All objects of the kind at Stripe.
    async fn objects_at_stripe(&self, object: Object) -> Vec<Value> {
        let books = self.app.simulator.oracle().await["accounts"].clone();
        let made = match object {
            Account => {
                let all = books.as_object().expect("accounts").values();
                let seconds = all.filter(|account| {
                    let marked = &account["account"]["metadata"]["souk_seller"];
                    marked.is_string() && *marked != json!(self.shop.id)
                });
                return seconds.map(|account| account["account"].clone()).collect();
            }
            Coupon => "coupons",
            Code => "promotion_codes",
            Session => "checkout_sessions",
        };
        let made = books[&self.shop.account][made].as_array();
        made.expect("a list").clone()
    }

    /// Expects that there is one of it, and that we know its id.
    async fn expect_created_once(&self, object: Object, why: &str) {
        assert_eq!(
            self.app.count(object.unknown()).await,
            0,
            "{object:?} {why}"
        );
        let made = self.objects_at_stripe(object).await;
        assert_eq!(made.len(), 1, "{object:?} {why}: {made:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_repeated_after_a_500_saved_under_its_key_creates_the_object_once() {
    for object in Object::ALL {
        for (kind, there) in [(FaultKind::Error500, 0), (FaultKind::CommitThenError500, 1)] {
            let fixture = Fixture::new().await;
            fixture.create_in_vain(object, kind).await;
            assert_eq!(fixture.objects_at_stripe(object).await.len(), there);
            let answer = fixture.create(object).await;
            assert_eq!(answer.status, 201, "{object:?} {kind:?}: {}", answer.text);
            fixture
                .expect_created_once(object, &format!("{kind:?}"))
                .await;
            fixture.app.settle().await;
        }
    }
}

#[tokio::test]
async fn the_job_creates_the_object_once_after_a_500_saved_under_its_key() {
    for object in Object::ALL {
        for kind in [FaultKind::Error500, FaultKind::CommitThenError500] {
            let fixture = Fixture::new().await;
            fixture.create_in_vain(object, kind).await;
            fixture.app.advance(20).await;
            fixture.app.settle().await;
            fixture
                .expect_created_once(object, &format!("{kind:?}"))
                .await;
        }
    }
}

#[tokio::test]
async fn an_object_created_without_an_answer_is_found_after_stripe_has_forgotten_the_key() {
    for object in Object::ALL {
        for kind in [FaultKind::CommitThenTimeout, FaultKind::TimeoutBeforeCommit] {
            let fixture = Fixture::new().await;
            fixture.create_in_vain(object, kind).await;
            fixture.app.advance(25 * 3600).await;
            fixture.app.settle().await;
            fixture
                .expect_created_once(object, &format!("{kind:?}"))
                .await;
        }
    }
}

#[tokio::test]
async fn a_session_that_is_found_expired_ends_its_order() {
    let fixture = Fixture::new().await;
    fixture
        .create_in_vain(Session, FaultKind::CommitThenTimeout)
        .await;
    fixture.app.advance(25 * 3600).await;
    fixture.app.intercept().await;
    fixture.app.settle().await;
    fixture.expect_created_once(Session, "over").await;
    let status: String = fixture.app.query("SELECT status AS it FROM orders").await;
    assert_eq!(status, "expired");
}

#[tokio::test]
async fn a_stored_request_that_is_outdated_by_its_next_try_fails_as_stripe_says() {
    let fixture = Fixture::new().await;
    let (app, path) = (&fixture.app, "/v1/checkout/sessions");
    app.fault("POST", path, FaultKind::Error500, None).await;
    let body = json!({
        "lines": [{ "product_id": fixture.lamp, "quantity": 1 }], "customer_email": "guest@example.com", "expires_in": 1800,
    });
    app.post("/v1/checkout_sessions", body)
        .refused(503, "stripe_unavailable")
        .await;
    app.simulator.clear_faults().await;
    app.advance(3600).await;
    app.settle().await;
    let status: String = app.query("SELECT status AS it FROM orders").await;
    assert_eq!(status, "failed");
    assert!(fixture.objects_at_stripe(Session).await.is_empty());
}

#[tokio::test]
async fn two_searches_at_the_same_moment_go_on_to_the_same_key() {
    let fixture = Fixture::new().await;
    fixture.create_in_vain(Session, FaultKind::Error500).await;
    let app = &fixture.app;
    // Both have searched before either goes on.
    let slow = FaultKind::Slow { ms: 400 };
    app.fault("GET", "/v1/checkout/sessions", slow, None).await;
    let payment: PaymentId = app
        .query::<String>("SELECT id AS it FROM payments")
        .await
        .into();
    let make = || souk::payments::checkout::object::make(&app.app, &payment);
    let (one, two) = join(make(), make()).await;
    app.simulator.clear_faults().await;
    // The slower of two under one key may be told that it is in use.
    assert!(one.is_ok() || two.is_ok(), "{one:?} {two:?}");
    fixture.expect_created_once(Session, "at once").await;
    assert_eq!(app.count("payments WHERE key_number = 2").await, 1);
    app.settle().await;
}

#[tokio::test]
async fn a_search_that_stripe_refuses_or_does_not_answer_is_only_a_failed_try() {
    let fixture = Fixture::new().await;
    let app = &fixture.app;
    fixture
        .create_in_vain(Session, FaultKind::CommitThenError500)
        .await;
    app.fault("GET", "/v1/checkout/sessions", FaultKind::Reset, None)
        .await;
    let unanswered = fixture.create(Session).await;
    assert_eq!(unanswered.code(), "stripe_unavailable");
    app.simulator.clear_faults().await;
    // The account has left the platform, and no event has told us.
    let leave = format!("/accounts/{}/deauthorize", fixture.shop.account);
    app.simulate(&leave, json!({})).await;
    app.intercept().await;
    let refused = fixture.create(Session).await;
    assert_eq!(refused.code(), "seller_not_active", "{}", refused.text);
    assert_eq!(
        app.count("payments WHERE status = 'pending' AND key_number = 1")
            .await,
        1
    );
    assert_eq!(fixture.objects_at_stripe(Session).await.len(), 1);
    app.allow_unfinished_work();
}

#[tokio::test]
async fn a_switch_and_an_expiry_work_again_after_a_500_saved_under_their_key() {
    let fixture = Fixture::new().await;
    let app = &fixture.app;
    let checkout = app.checkout(&fixture.lamp).await;
    let code = fixture.create(Code).await;
    let expire = format!("/v1/checkout_sessions/{}/expire", checkout.id);
    let expire = || {
        let secret = checkout.secret.as_deref().expect("a guest's");
        app.post(&expire, json!({})).with_secret(secret)
    };
    let switch = format!("/v1/promotion_codes/{}", text(&code.body, "id"));
    let switch = || {
        app.patch(&switch, json!({ "active": false }))
            .by(&fixture.shop.owner)
    };
    app.fault("POST", "/v1", FaultKind::Error500, None).await;
    expire().refused(503, "stripe_unavailable").await;
    switch().refused(503, "stripe_unavailable").await;
    app.simulator.clear_faults().await;
    assert_eq!(expire().expect(200).await["status"], "expired");
    assert_eq!(switch().expect(200).await["active"], false);
    app.settle().await;
}

#[tokio::test]
async fn a_session_is_found_behind_a_hundred_others_and_only_if_it_is_what_was_asked_for() {
    for (kind, made) in [(FaultKind::CommitThenError500, 1), (FaultKind::Error500, 0)] {
        let fixture = Fixture::new().await;
        let app = &fixture.app;
        fixture.create_in_vain(Session, kind).await;
        let payment: String = app.query("SELECT id AS it FROM payments").await;
        // The seller's own, one of which names our payment at another price.
        for n in 0..101 {
            let marked = match n {
                0 => payment.as_str(),
                _ => "",
            };
            let form = [
                ("mode", "payment"),
                ("success_url", "https://mira.example/thanks"),
                ("line_items[0][quantity]", "1"),
                ("line_items[0][price_data][currency]", "usd"),
                ("line_items[0][price_data][unit_amount]", "2400"),
                ("line_items[0][price_data][product_data][name]", "Lamp"),
                ("metadata[souk_payment]", marked),
            ];
            app.stripe_api("POST", "/checkout/sessions", &fixture.shop.account, &form)
                .await;
        }
        let session = fixture.create(Session).await;
        assert_eq!(session.status, 201, "{kind:?}: {}", session.text);
        let all = fixture.objects_at_stripe(Session).await;
        assert_eq!(all.len(), 102, "{kind:?}");
        // Oldest first.
        let ours = &all[if made == 1 { 0 } else { 101 }];
        assert_eq!(session.body["id"], ours["id"], "{kind:?}");
        assert_eq!(ours["amount_subtotal"], 2500);
        app.settle().await;
    }
}

#[tokio::test]
async fn an_account_of_another_seller_or_country_is_never_adopted() {
    let fixture = Fixture::new().await;
    let app = &fixture.app;
    fixture.create_in_vain(Account, FaultKind::Error500).await;
    let seller: String = app
        .query("SELECT id AS it FROM sellers WHERE stripe_account IS NULL")
        .await;
    // Mira's own account says that it is the new seller's, and so does one of another country.
    let platform = text(&app.simulator.oracle().await, "platform");
    let mark = ("metadata[souk_seller]", seller.as_str());
    let hers = format!("/accounts/{}", fixture.shop.account);
    app.stripe_api("POST", &hers, &platform, &[mark]).await;
    let full = ("controller[stripe_dashboard][type]", "full");
    let foreign = [("country", "DE"), full, mark];
    let foreign = app
        .stripe_api("POST", "/accounts", &platform, &foreign)
        .await;
    app.intercept().await;
    let made = fixture.create(Account).await;
    made.expect(201);
    for other in [&json!(fixture.shop.account), &foreign["id"]] {
        assert_ne!(&made.body["stripe_account"], other);
    }
    assert_eq!(fixture.objects_at_stripe(Account).await.len(), 3);
    app.settle().await;
}

#[tokio::test]
async fn no_seller_is_made_while_another_request_has_the_key() {
    let app = TestApp::start().await;
    let owner = app.member("mira").await;
    let body = json!({ "country": "US", "name": "Mira's Lamps" });
    let hash = souk::ids::sha256_hex(body.to_string().as_bytes());
    let (scope, now) = (format!("{} /v1/sellers", owner.id), app.app.clock.now().0);
    app.sql(&format!(
        "INSERT INTO idempotency_keys (id, scope, key, request_hash, resource_id, status, lease_until, created_at)
         VALUES ('idk_1', '{scope}', 'busy', '{hash}', 'sel_resumed', NULL, {}, {now})",
        now + 60_000
    ))
    .await;
    let make = || {
        app.post("/v1/sellers", body.clone())
            .by(&owner)
            .keyed("busy")
    };
    make().refused(409, "idempotency_in_flight").await;
    assert_eq!(app.count("sellers").await, 0);
    app.advance(61).await;
    let made = make().expect(201).await;
    assert_eq!(made["id"], "sel_resumed");
    app.run_jobs().await;
}
