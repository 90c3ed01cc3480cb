//! Races about customers and saved cards: many tabs of one buyer, and many choices of a default.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use souk::customers;
use souk::error::Error;
use souk::identity::addresses::VerifiedAddress;
use souk::identity::{Buyer, Caller};
use souk_entity::user::{self, Role};
use souk_entity::{AccountId, SessionId, Timestamp, UserId};

use crate::harness::{Shop, TestApp, text};

/// How often something is done in all, and at a time.
const TIMES: usize = 10_000;
const AT_ONCE: usize = 200;
/// The tabs of a buyer.
const TABS: usize = 5;

/// A user who never logs in, or a guest.
async fn buyer(app: &TestApp, number: usize) -> Buyer {
    let id = format!("usr_{number}");
    let email = format!("{id}@example.com");
    if number % 2 == 1 {
        return Buyer::Guest(VerifiedAddress { email });
    }
    app.sql(&format!(
        "INSERT INTO users (id, email, name, password_hash, role, created_at, updated_at) \
         VALUES ('{id}', '{email}', 'Buyer', '', 'member', 1, 1)"
    ))
    .await;
    let user = user::Model {
        email,
        email_verified_at: None,
        id: UserId(id),
        name: "Buyer".to_owned(),
        password_hash: String::new(),
        role: Role::Member,
        created_at: Timestamp(1),
        updated_at: Timestamp(1),
    };
    Buyer::User(Caller {
        user,
        session: SessionId("ses_1".to_owned()),
    })
}

/// One of a buyer's tabs. None: Stripe was still at work for another one, and the buyer would ask again.
async fn tab(app: &TestApp, buyer: &Buyer, account: &AccountId) -> Option<String> {
    match customers::ensure(&app.app, buyer, account).await {
        Ok((_, customer)) => Some(customer),
        Err(Error::StripeUnavailable(_)) => None,
        Err(e) => panic!("{e}"),
    }
}

/// All customers of a shop's account.
async fn at_stripe(app: &TestApp, shop: &Shop) -> Vec<Value> {
    let mut all: Vec<Value> = vec![];
    loop {
        let after = all.last().map(|last| text(last, "id"));
        let after = after.map_or_else(String::new, |id| format!("&starting_after={id}"));
        let path = format!("/customers?limit=100{after}");
        let page = app.stripe_api("GET", &path, &shop.account, &[]).await;
        all.extend(page["data"].as_array().expect("a list").iter().cloned());
        if page["has_more"] == false {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_tabs_make_one_customer_for_each_buyer() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let account = AccountId(shop.account.clone());
    let mut made = BTreeSet::new();
    for batch in 0..TIMES / AT_ONCE {
        let first = batch * AT_ONCE / TABS;
        let mut buyers = vec![];
        for number in first..first + AT_ONCE / TABS {
            buyers.push(buyer(&app, number).await);
        }
        let tabs = (0..TABS).flat_map(|_| &buyers);
        let tabs = join_all(tabs.map(|buyer| tab(&app, buyer, &account))).await;
        for (at, buyer) in buyers.iter().enumerate() {
            let got = (0..TABS).filter_map(|round| tabs[round * buyers.len() + at].as_ref());
            let mut got: BTreeSet<String> = got.cloned().collect();
            got.extend(tab(&app, buyer, &account).await);
            assert_eq!(got.len(), 1, "{}: {got:?}", buyer.email());
            made.extend(got);
        }
    }
    let there = at_stripe(&app, &shop).await;
    let there: BTreeSet<String> = there.iter().map(|one| text(one, "id")).collect();
    assert_eq!(there.len(), TIMES / TABS);
    assert_eq!(made, there);
    assert_eq!(app.count("customers").await, there.len() as i64);
    app.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_ten_thousand_choices_of_a_default_stripe_has_the_same_as_we() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let sam = app.member("sam").await;
    for named in ["pm_card_visa", "pm_card_amex", "pm_card_mastercard"] {
        app.save_card(&sam, &shop, named).await;
    }
    let list = app.get("/v1/payment_methods").by(&sam).expect(200).await;
    let cards = list["data"].as_array().expect("a list").iter();
    let cards: Vec<String> = cards.map(|card| text(card, "id")).collect();
    let user = user::Entity::find_by_id(UserId(sam.id.clone()));
    let user = user.one(&app.app.db.read).await.expect("is answered");
    let caller = Buyer::User(Caller {
        user: user.expect("a row"),
        session: SessionId("ses_1".to_owned()),
    });
    for batch in 0..TIMES / AT_ONCE {
        let choices = (0..AT_ONCE).map(|at| {
            let card = &cards[(at * 7 + batch) % cards.len()];
            customers::methods::make_default(&app.app, &caller, card)
        });
        let (chosen, _) = join(join_all(choices), app.run_jobs()).await;
        assert!(chosen.iter().all(Result::is_ok));
        if batch % 10 == 9 {
            // Somebody chooses in the dashboard, too.
            let there = &at_stripe(&app, &shop).await[0];
            let path = format!("/customers/{}", text(there, "id"));
            let form = [(
                "invoice_settings[default_payment_method]",
                cards[0].as_str(),
            )];
            app.stripe_api("POST", &path, &shop.account, &form).await;
        }
        if batch % 5 == 4 {
            app.settle().await;
            let there = at_stripe(&app, &shop).await;
            let there = &there[0]["invoice_settings"]["default_payment_method"];
            let ours: String = app
                .query("SELECT default_payment_method AS it FROM customers")
                .await;
            assert_eq!(*there, json!(ours), "after {batch} batches");
        }
    }
    assert_eq!(app.count("customers WHERE unsent <> '[]'").await, 0);
    assert_eq!(app.open_findings().await, vec![]);
}
