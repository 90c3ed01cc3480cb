//! The copies of prices at Stripe: made once, and kept in step.

use futures_util::future::join_all;
use serde_json::{Value, json};
use souk::catalog::prices::{self, at_stripe};
use souk::error::{Error, Result};
use souk_simulator::FaultKind;

use super::{Fixture, body};
use crate::harness::{Has, text};

impl Fixture {
    /// As somebody who subscribes does.
    async fn ensure(&self, price: &str) -> Result<String> {
        let found = prices::find(&self.app.app.db.read, &price.into()).await?;
        let account = self.shop.account.as_str().into();
        at_stripe::ensure(&self.app.app, &found.expect("is there"), &account).await
    }

    /// The prices that the account has at Stripe, newest first.
    async fn at_stripe(&self) -> Vec<Value> {
        let path = "/prices?limit=100";
        let list = self.app.stripe_api("GET", path, &self.shop.account, &[]);
        list.await["data"].as_array().expect("a list").clone()
    }

    async fn product_at_stripe(&self) -> Value {
        let path = format!("/products/{}", self.tea);
        let read = self.app.stripe_api("GET", &path, &self.shop.account, &[]);
        read.await
    }

    /// Asks for the price while Stripe fails in this way at one path.
    async fn ensure_in_vain(&self, path: &str, kind: FaultKind) {
        println!("{path} {kind:?}");
        self.app.fault("POST", path, kind, None).await;
        let made = self.ensure(&self.price).await;
        self.app.simulator.clear_faults().await;
        assert!(
            matches!(made, Err(Error::StripeUnavailable(_))),
            "{path} {kind:?}"
        );
        assert_eq!(self.unknown().await, 1);
    }

    async fn unknown(&self) -> i64 {
        self.app
            .count("stripe_prices WHERE stripe_price IS NULL")
            .await
    }

    /// Expects that Stripe has one product and one price, which we know.
    async fn expect_made_once(&self, why: &str) {
        let there = self.at_stripe().await;
        assert_eq!(there.len(), 1, "{why}: {there:?}");
        assert_eq!(self.unknown().await, 0, "{why}");
        let known: String = self
            .app
            .query("SELECT stripe_price AS it FROM stripe_prices")
            .await;
        assert_eq!(known, text(&there[0], "id"), "{why}");
        there[0].has(json!({ "product": self.tea, "lookup_key": self.price, "unit_amount": 900, "active": true }));
    }
}

#[tokio::test]
async fn a_price_is_made_at_stripe_once_however_many_want_it_at_once() {
    let fixture = Fixture::new().await;
    let many = (0..20).map(|_| fixture.ensure(&fixture.price));
    let made: Vec<String> = join_all(many)
        .await
        .into_iter()
        .map(|made| made.expect("is made"))
        .collect();
    assert!(made.iter().all(|one| *one == made[0]), "{made:?}");
    fixture.expect_made_once("20 at once").await;
    let there = &fixture.at_stripe().await[0];
    assert_eq!(text(there, "id"), made[0]);
    there.has(json!({
        "currency": "usd", "recurring": { "interval": "month", "interval_count": 1 }, "metadata": { "souk_price": fixture.price },
    }));
    fixture
        .product_at_stripe()
        .await
        .has(json!({ "name": "Box of tea", "active": true }));
    // Another price is another of the same product.
    let yearly = json!({ "unit_amount": 9000, "recurring": { "interval": "year" } });
    let yearly = fixture.app.post("/v1/prices", body(&fixture.tea, yearly));
    let yearly = text(&yearly.by(&fixture.shop.owner).expect(201).await, "id");
    let second = fixture.ensure(&yearly).await.expect("is made");
    assert_ne!(second, made[0]);
    let there = fixture.at_stripe().await;
    assert_eq!(there.len(), 2);
    there[0]
        .has(json!({ "id": second, "product": fixture.tea, "recurring": { "interval": "year" } }));
    fixture.app.advance(20).await;
    fixture.app.settle().await;
    assert_eq!(fixture.at_stripe().await.len(), 2);
    // Stripe's price is found by its id, on its account alone.
    let db = &fixture.app.app.db.read;
    for (account, livemode, is) in [
        (fixture.shop.account.as_str(), false, Some(yearly.as_str())),
        (fixture.shop.account.as_str(), true, None),
        ("acct_another", false, None),
    ] {
        let found = at_stripe::by_stripe_id(db, (&account.into(), livemode), &second).await;
        let found = found
            .expect("is answered")
            .map(|price| price.id.to_string());
        assert_eq!(found.as_deref(), is, "{account} {livemode}");
    }
}

#[tokio::test]
async fn a_price_whose_making_stripe_did_not_answer_is_made_once_by_the_next_or_by_the_job() {
    for path in ["/v1/products", "/v1/prices"] {
        for kind in [
            FaultKind::TimeoutBeforeCommit,
            FaultKind::CommitThenTimeout,
            FaultKind::Error500,
            FaultKind::CommitThenError500,
        ] {
            let fixture = Fixture::new().await;
            fixture.ensure_in_vain(path, kind).await;
            fixture.ensure(&fixture.price).await.expect("is made");
            fixture.expect_made_once(&format!("{path} {kind:?}")).await;
            fixture.app.advance(20).await;
            fixture.app.settle().await;
            fixture.expect_made_once("later").await;

            let fixture = Fixture::new().await;
            fixture.ensure_in_vain(path, kind).await;
            fixture.app.advance(20).await;
            fixture.app.settle().await;
            fixture
                .expect_made_once(&format!("{path} {kind:?}, by the job"))
                .await;
        }
    }
}

#[tokio::test]
async fn a_price_is_found_after_stripe_has_forgotten_the_key_and_a_copy_of_its_marks_is_not_it() {
    for kind in [FaultKind::CommitThenTimeout, FaultKind::TimeoutBeforeCommit] {
        let fixture = Fixture::new().await;
        fixture.ensure_in_vain("/v1/prices", kind).await;
        // The seller's own, with our marks and another amount.
        let form = [
            ("product", fixture.tea.as_str()),
            ("unit_amount", "1"),
            ("currency", "usd"),
            ("recurring[interval]", "month"),
            ("metadata[souk_price]", fixture.price.as_str()),
        ];
        let account = &fixture.shop.account;
        let own = fixture
            .app
            .stripe_api("POST", "/prices", account, &form)
            .await;
        fixture.app.advance(25 * 3600).await;
        fixture.app.settle().await;
        let known = fixture.ensure(&fixture.price).await.expect("is known");
        assert_ne!(known, text(&own, "id"));
        let there = fixture.at_stripe().await;
        assert_eq!(there.len(), 2, "{kind:?}");
        let ours = there.iter().find(|one| one["id"] == json!(known));
        ours.expect("is there")
            .has(json!({ "unit_amount": 900, "lookup_key": fixture.price }));
    }
}

#[tokio::test]
async fn what_stripe_refuses_is_asked_for_again_by_whoever_needs_it_next() {
    let fixture = Fixture::new().await;
    fixture
        .app
        .fault("POST", "/v1/prices", FaultKind::Error402, None)
        .await;
    for _ in 0..2 {
        let refused = fixture.ensure(&fixture.price).await;
        assert!(
            matches!(refused, Err(Error::StripeRefused(_))),
            "{refused:?}"
        );
    }
    // No job repeats what was refused.
    fixture.app.advance(20).await;
    fixture.app.settle().await;
    assert_eq!(fixture.unknown().await, 1);
    fixture.app.simulator.clear_faults().await;
    fixture.ensure(&fixture.price).await.expect("is made");
    fixture.app.settle().await;
    fixture.expect_made_once("after a refusal").await;
}

#[tokio::test]
async fn a_lookup_key_that_the_seller_has_given_to_another_price_is_not_taken_back() {
    let fixture = Fixture::new().await;
    fixture.ensure(&fixture.price).await.expect("is made");
    let account = &fixture.shop.account;
    let second = fixture.app.price(&fixture.shop, &fixture.tea, 700).await;
    let form = [
        ("product", fixture.tea.as_str()),
        ("unit_amount", "1"),
        ("currency", "usd"),
        ("recurring[interval]", "month"),
        ("lookup_key", second.as_str()),
    ];
    fixture
        .app
        .stripe_api("POST", "/prices", account, &form)
        .await;
    let refused = fixture.ensure(&second).await;
    assert!(
        matches!(refused, Err(Error::StripeRefused(_))),
        "{refused:?}"
    );
    fixture.app.settle().await;
    assert_eq!(fixture.at_stripe().await.len(), 2);
}

#[tokio::test]
async fn what_is_archived_here_is_archived_at_stripe_and_brought_back_with_it() {
    let fixture = Fixture::new().await;
    let dearer = fixture.app.price(&fixture.shop, &fixture.tea, 1100).await;
    for price in [&fixture.price, &dearer] {
        fixture.ensure(price).await.expect("is made");
    }
    fixture.app.settle().await;
    let (path, product) = (
        format!("/v1/prices/{}", fixture.price),
        format!("/v1/products/{}", fixture.tea),
    );
    // The product, the dearer price and the first one.
    for (path, change, expected) in [
        (&path, json!({ "active": false }), [true, true, false]),
        (
            &product,
            json!({ "status": "archived" }),
            [false, false, false],
        ),
        (&path, json!({ "active": true }), [false, false, false]),
        (&product, json!({ "status": "active" }), [true, true, true]),
        (
            &path,
            json!({ "active": false, "nickname": "Old" }),
            [true, true, false],
        ),
        (&path, json!({ "nickname": "Older" }), [true, true, false]),
    ] {
        fixture.patch(path, change.clone()).await;
        fixture.app.settle().await;
        let there = fixture.at_stripe().await;
        let product = fixture.product_at_stripe().await;
        let is = [&product, &there[0], &there[1]].map(|one| one["active"] == json!(true));
        assert_eq!(is, expected, "{change}");
        there[1].has(json!({ "lookup_key": fixture.price, "unit_amount": 900 }));
    }
    fixture
        .patch(&product, json!({ "name": "Tin of tea" }))
        .await;
    fixture.app.settle().await;
    fixture
        .product_at_stripe()
        .await
        .has(json!({ "name": "Tin of tea", "active": true }));
}

#[tokio::test]
async fn stripe_is_told_again_where_it_did_not_answer_that_a_price_is_archived() {
    let fixture = Fixture::new().await;
    let known = fixture.ensure(&fixture.price).await.expect("is made");
    fixture.app.settle().await;
    let path = format!("/v1/prices/{}", fixture.price);
    let there = format!("/v1/prices/{known}");
    for (kind, active) in [
        (FaultKind::CommitThenTimeout, false),
        (FaultKind::TimeoutBeforeCommit, true),
    ] {
        fixture.app.fault("POST", &there, kind, None).await;
        fixture.patch(&path, json!({ "active": active })).await;
        fixture.app.run_jobs().await;
        // Meanwhile the seller thinks otherwise, and then again.
        fixture.patch(&path, json!({ "active": !active })).await;
        fixture.patch(&path, json!({ "active": active })).await;
        fixture.app.simulator.clear_faults().await;
        fixture.app.advance(120).await;
        fixture.app.settle().await;
        assert_eq!(
            fixture.at_stripe().await[0]["active"],
            json!(active),
            "{kind:?}"
        );
    }
    // Back before Stripe has answered that it was archived there.
    fixture
        .app
        .fault("POST", &there, FaultKind::CommitThenTimeout, None)
        .await;
    fixture.patch(&path, json!({ "active": false })).await;
    fixture.app.run_jobs().await;
    assert_eq!(fixture.at_stripe().await[0]["active"], json!(false));
    fixture.patch(&path, json!({ "active": true })).await;
    fixture.app.simulator.clear_faults().await;
    fixture.app.advance(120).await;
    fixture.app.settle().await;
    assert_eq!(fixture.at_stripe().await[0]["active"], json!(true));
}

#[tokio::test]
async fn what_changes_while_stripe_makes_a_price_is_told_afterwards() {
    let fixture = Fixture::new().await;
    // Made there, and nobody has heard of it.
    fixture
        .ensure_in_vain("/v1/prices", FaultKind::CommitThenTimeout)
        .await;
    let product = format!("/v1/products/{}", fixture.tea);
    fixture
        .patch(&product, json!({ "name": "Tin of tea" }))
        .await;
    let path = format!("/v1/prices/{}", fixture.price);
    fixture.patch(&path, json!({ "active": false })).await;
    fixture.app.advance(20).await;
    fixture.app.settle().await;
    assert_eq!(fixture.unknown().await, 0);
    let there = fixture.at_stripe().await;
    assert_eq!(there.len(), 1);
    assert_eq!(there[0]["active"], json!(false));
    fixture
        .product_at_stripe()
        .await
        .has(json!({ "name": "Tin of tea" }));
}
