//! Sellers: the life of a status, disconnection, requirements, dashboards, balances and fees.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Has, Shop, TestApp, User, accounts_api, accounts_path, event, reason, text};
use crate::onboarding::{browse, link};

/// A seller that isn't onboarded, and of which nothing is left to do here.
pub async fn new_seller(app: &TestApp) -> Shop {
    let shop = app.new_shop("mira", "US").await;
    app.settle().await;
    shop
}

/// The seller as its owner sees it.
pub async fn get_seller(app: &TestApp, shop: &Shop) -> Value {
    app.get(format!("/v1/sellers/{}", shop.id))
        .by(&shop.owner)
        .expect(200)
        .await
}

/// Does something to the account at Stripe, and lets its events come.
pub async fn change_account(app: &TestApp, shop: &Shop, what: &str, how: Value) {
    // An account whose events come more often is read every two seconds.
    app.advance(2).await;
    app.simulate(&format!("/accounts/{}/{what}", shop.account), how)
        .await;
    app.settle().await;
}

/// Expects what a seller's account tells once Stripe has rejected it.
async fn expect_rejected(app: &TestApp, shop: &Shop) {
    let rejected = get_seller(app, shop).await;
    if accounts_api() == "v1" {
        assert_eq!(rejected["status"], "rejected");
        let links = format!("/v1/sellers/{}/onboarding_links", shop.id);
        app.post(&links, json!({}))
            .by(&shop.owner)
            .refused(409, "seller_rejected")
            .await;
        return;
    }
    // v2 doesn't say more than that only Stripe can mend it.
    assert_eq!(rejected["status"], "restricted");
    let detail = &rejected["capabilities"]["card_payments"]["details"][0];
    detail.has(json!({ "code": "restricted_other", "resolution": "contact_stripe" }));
}

#[tokio::test]
async fn a_sellers_status_follows_the_account_through_its_whole_life() {
    let app = TestApp::start().await;
    let shop = new_seller(&app).await;
    let path = format!("/v1/sellers/{}", shop.id);
    assert_eq!(get_seller(&app, &shop).await["status"], "created");
    link(&app, &shop).await;
    assert_eq!(get_seller(&app, &shop).await["status"], "onboarding");
    change_account(
        &app,
        &shop,
        "onboard",
        json!({ "outcome": "pending_verification" }),
    )
    .await;
    let seller = get_seller(&app, &shop).await;
    seller.has(json!({ "status": "pending_verification", "details_submitted": true }));
    change_account(
        &app,
        &shop,
        "onboard",
        json!({ "outcome": "details_missing" }),
    )
    .await;
    assert_eq!(get_seller(&app, &shop).await["status"], "restricted");
    change_account(&app, &shop, "onboard", json!({})).await;
    let seller = get_seller(&app, &shop).await;
    seller.has(json!({ "status": "active", "charges_enabled": true }));
    change_account(
        &app,
        &shop,
        "restrict",
        json!({ "disabled_reason": "listed" }),
    )
    .await;
    assert_eq!(get_seller(&app, &shop).await["status"], "restricted");
    change_account(&app, &shop, "unrestrict", json!({})).await;
    assert_eq!(get_seller(&app, &shop).await["status"], "active");
    change_account(&app, &shop, "reject", json!({})).await;
    let links = format!("{path}/onboarding_links");
    expect_rejected(&app, &shop).await;
    change_account(&app, &shop, "deauthorize", json!({})).await;
    let seller = get_seller(&app, &shop).await;
    seller.has(json!({ "status": "deauthorized", "charges_enabled": false }));
    app.post(&links, json!({}))
        .by(&shop.owner)
        .refused(409, "seller_deauthorized")
        .await;
    app.get(format!("{path}/balance"))
        .by(&shop.owner)
        .refused(409, "seller_deauthorized")
        .await;
    app.post(format!("{path}/sync"), json!({}))
        .by(&shop.owner)
        .expect(200)
        .await;
    let list = app
        .get("/v1/sellers?status=deauthorized")
        .by(&shop.owner)
        .expect(200)
        .await;
    assert_eq!(list["data"][0]["id"], json!(shop.id));
}

#[tokio::test]
async fn an_older_account_updated_after_a_newer_one_changes_nothing() {
    let app = TestApp::start().await;
    let shop = new_seller(&app).await;
    let change = |what: &str| format!("/accounts/{}/{what}", shop.account);
    app.simulate(&change("onboard"), json!({ "outcome": "details_missing" }))
        .await;
    let older = app.pending_one("account.updated").await;
    app.intercept().await;
    app.advance(1).await;
    app.simulate(&change("onboard"), json!({})).await;
    let newer = app.pending_one("account.updated").await;
    app.intercept().await;
    assert_eq!(older["data"]["object"]["charges_enabled"], false);
    app.deliver(&newer).await;
    app.run_jobs().await;
    assert_eq!(get_seller(&app, &shop).await["status"], "active");
    app.deliver(&older).await;
    app.settle().await;
    assert_eq!(get_seller(&app, &shop).await["status"], "active");
}

#[tokio::test]
async fn a_deauthorized_event_has_the_application_as_object_and_the_seller_as_account() {
    let app = TestApp::start().await;
    let (shop, other) = (app.shop("mira").await, app.shop("omar").await);
    let lamp = app.product(&shop, 2500, None).await;
    app.simulate(
        &format!("/accounts/{}/deauthorize", shop.account),
        json!({}),
    )
    .await;
    let gone = app.pending_one("account.application.deauthorized").await;
    gone.has(json!({ "account": shop.account, "data": { "object": { "object": "application" } } }));
    app.settle().await;
    assert_eq!(get_seller(&app, &shop).await["status"], "deauthorized");
    assert_eq!(get_seller(&app, &other).await["status"], "active");
    let body = json!({ "lines": [{ "product_id": lamp, "quantity": 1 }], "customer_email": "g@example.com" });
    app.post("/v1/checkout_sessions", body)
        .refused(409, "seller_not_active")
        .await;
    // A late update doesn't bring the account back.
    let late = json!({ "id": shop.account, "object": "account", "charges_enabled": true });
    app.deliver(&event("evt_late", "account.updated", &shop.account, late))
        .await;
    app.settle().await;
    assert_eq!(get_seller(&app, &shop).await["status"], "deauthorized");
    let unknown = event(
        "evt_x",
        "account.application.deauthorized",
        "acct_unknown",
        json!({ "object": "application" }),
    );
    assert_eq!(app.deliver(&unknown).await, "ignored");
}

#[tokio::test]
async fn a_disconnection_without_an_event_is_noticed_by_the_next_request() {
    let app = TestApp::start().await;
    for ask in ["onboarding_links", "sync", "balance"] {
        let shop = app.shop(ask.trim_end_matches('s')).await;
        app.simulate(
            &format!("/accounts/{}/deauthorize", shop.account),
            json!({}),
        )
        .await;
        app.intercept().await;
        let path = format!("/v1/sellers/{}/{ask}", shop.id);
        match ask {
            "sync" => {
                let seller = app.post(path, json!({})).by(&shop.owner).expect(200).await;
                assert_eq!(seller["status"], "deauthorized");
            }
            "balance" => drop(
                app.get(path)
                    .by(&shop.owner)
                    .refused(409, "seller_deauthorized")
                    .await,
            ),
            _ => drop(
                app.post(path, json!({}))
                    .by(&shop.owner)
                    .refused(409, "seller_deauthorized")
                    .await,
            ),
        }
        assert_eq!(
            get_seller(&app, &shop).await["status"],
            "deauthorized",
            "{ask}"
        );
    }
    app.run_jobs().await;
}

#[tokio::test]
async fn sync_reads_the_account_when_no_event_has_come() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let how = json!({ "disabled_reason": "under_review" });
    app.simulate(&format!("/accounts/{}/restrict", shop.account), how)
        .await;
    app.intercept().await;
    assert_eq!(get_seller(&app, &shop).await["status"], "active");
    let path = format!("/v1/sellers/{}/sync", shop.id);
    let seller = app.post(path, json!({})).by(&shop.owner).expect(200).await;
    let reason = reason("under_review");
    assert_eq!(seller["requirements"]["disabled_reason"], reason);
    assert_eq!(seller["charges_enabled"], false);
    assert_eq!(get_seller(&app, &shop).await, seller);
    app.run_jobs().await;
    assert_eq!(app.mails_called("You can't take payments at the moment"), 1);
}

#[tokio::test]
async fn requirements_show_what_stripe_wants_until_when_and_why() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let path = format!("/v1/sellers/{}/requirements", shop.id);
    let none = app.get(&path).by(&shop.owner).expect(200).await;
    none.has(json!({ "currently_due": [], "disabled_reason": null }));
    let deadline = app.now() + 7 * 86_400;
    let due = json!({ "currently_due": ["external_account"], "current_deadline": deadline });
    change_account(&app, &shop, "restrict", due).await;
    let warned = app.get(&path).by(&shop.owner).expect(200).await;
    assert_eq!(warned["currently_due"], json!(["external_account"]));
    warned.has(json!({ "current_deadline": "2026-11-25T11:06:40.000Z", "disabled_reason": null }));
    assert_eq!(
        get_seller(&app, &shop).await["status"],
        "active",
        "there is time until then"
    );
    let held = json!({ "currently_due": ["external_account"], "disabled_reason": "requirements.past_due" });
    change_account(&app, &shop, "restrict", held).await;
    let wanted = app.get(&path).by(&shop.owner).expect(200).await;
    assert_eq!(wanted["past_due"], json!(["external_account"]));
    assert_eq!(wanted["disabled_reason"], reason("requirements.past_due"));
    let seller = get_seller(&app, &shop).await;
    assert_eq!(seller["requirements"], wanted);
    seller.has(json!({ "status": "restricted" }));
}

#[tokio::test]
async fn a_full_dashboard_has_no_links_and_an_express_one_opens() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    assert_eq!(get_seller(&app, &shop).await["dashboard"], "full");
    let path = format!("/v1/sellers/{}/dashboard_links", shop.id);
    app.post(path, json!({}))
        .by(&shop.owner)
        .refused(409, "dashboard_not_express")
        .await;
    let app = TestApp::with(&[("CHARGE_PROFILE", "direct_express")]).await;
    let shop = new_seller(&app).await;
    let path = format!("/v1/sellers/{}/dashboard_links", shop.id);
    // Stripe gives none before onboarding.
    app.post(&path, json!({}))
        .by(&shop.owner)
        .refused(409, "stripe_refused")
        .await;
    change_account(&app, &shop, "onboard", json!({})).await;
    assert_eq!(get_seller(&app, &shop).await["dashboard"], "express");
    let link = app.post(&path, json!({})).by(&shop.owner).expect(201).await;
    assert_eq!(browse(&text(&link, "url")).await.status(), 200);
    change_account(&app, &shop, "deauthorize", json!({})).await;
    app.post(&path, json!({}))
        .by(&shop.owner)
        .refused(409, "seller_deauthorized")
        .await;
}

#[tokio::test]
async fn a_balance_is_what_stripe_holds_at_this_moment() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let path = format!("/v1/sellers/{}/balance", shop.id);
    let lamp = app.product(&shop, 2500, None).await;
    app.sale(&lamp).await;
    let balance = app.get(&path).by(&shop.owner).expect(200).await;
    let books = app.stripe_books(&shop.account).await;
    let sum: i64 = ["available", "pending"]
        .iter()
        .flat_map(|part| balance[*part].as_array().expect("a list"))
        .map(|part| part["amount"].as_i64().expect("an amount"))
        .sum();
    let net = books["balance_transactions"]
        .as_array()
        .expect("a list")
        .iter();
    assert_eq!(
        sum,
        net.map(|txn| txn["net"].as_i64().expect("an amount"))
            .sum::<i64>(),
        "{books}"
    );
    assert!(sum > 0);
    assert_eq!(
        app.get(&path).by(&app.admin().await).expect(200).await,
        balance
    );
}

#[tokio::test]
async fn only_an_admin_sets_a_sellers_fee_and_it_counts_for_the_next_checkout() {
    let app = TestApp::start().await;
    let (shop, admin) = (app.shop("mira").await, app.admin().await);
    let path = format!("/v1/sellers/{}", shop.id);
    for fee in [
        json!({ "application_fee_bps": 0 }),
        json!({ "application_fee_fixed": null }),
    ] {
        app.patch(&path, fee)
            .by(&shop.owner)
            .refused(403, "forbidden")
            .await;
    }
    let lamp = app.product(&shop, 2500, None).await;
    let fee = async || {
        let body = json!({ "lines": [{ "product_id": lamp, "quantity": 1 }], "customer_email": "g@example.com" });
        app.post("/v1/checkout_sessions", body).expect(201).await["application_fee_amount"].clone()
    };
    assert_eq!(fee().await, 250, "the platform's ten per cent");
    let fixed = json!({ "usd": 7, "eur": 9 });
    let own = json!({ "application_fee_bps": 333, "application_fee_fixed": fixed });
    let seller = app.patch(&path, own).by(&admin).expect(200).await;
    assert_eq!(seller["application_fee_bps"], 333);
    assert_eq!(seller["application_fee_fixed"], fixed);
    // 3.33 % of 2500 is 83.25.
    assert_eq!(fee().await, 90);
    app.patch(
        &path,
        json!({ "application_fee_bps": null, "application_fee_fixed": null }),
    )
    .by(&admin)
    .expect(200)
    .await;
    assert_eq!(fee().await, 250);
    for (wrong, field) in [
        (
            json!({ "application_fee_bps": 10_001 }),
            "application_fee_bps",
        ),
        (json!({ "application_fee_bps": -1 }), "application_fee_bps"),
        (
            json!({ "application_fee_fixed": { "usd": 1_000_000_000_000_i64 } }),
            "application_fee_fixed.usd",
        ),
        (
            json!({ "application_fee_fixed": { "usd": 1.5 } }),
            "application_fee_fixed.usd",
        ),
        (
            json!({ "application_fee_fixed": { "isk": 150 } }),
            "application_fee_fixed.isk",
        ),
        (
            json!({ "application_fee_fixed": { "USD": 30 } }),
            "application_fee_fixed.USD",
        ),
        (
            json!({ "application_fee_fixed": 30 }),
            "application_fee_fixed",
        ),
        (json!({ "name": " " }), "name"),
        (json!({ "name": null }), "name"),
        (json!({ "stripe_account": "acct_other" }), "stripe_account"),
    ] {
        app.patch(&path, wrong)
            .by(&admin)
            .refuses_field(field)
            .await;
    }
}

#[tokio::test]
async fn sellers_are_listed_to_their_owner_and_to_admins() {
    let app = TestApp::start().await;
    let (mira, omar, admin) = (
        app.shop("mira").await,
        app.new_shop("omar", "DE").await,
        app.admin().await,
    );
    app.settle().await;
    let list = async |query: &str, who: &User| {
        let list = app
            .get(format!("/v1/sellers{query}"))
            .by(who)
            .expect(200)
            .await;
        list["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| text(row, "id"))
            .collect::<Vec<_>>()
    };
    assert_eq!(list("", &mira.owner).await, [mira.id.as_str()]);
    assert_eq!(list("", &admin).await, [omar.id.as_str(), &mira.id]);
    assert_eq!(list("?status=created", &admin).await, [omar.id.as_str()]);
    assert_eq!(
        list(&format!("?owner_id={}", mira.owner.id), &admin).await,
        [mira.id.as_str()]
    );
    assert!(list("?status=rejected", &admin).await.is_empty());
    app.get(format!("/v1/sellers?owner_id={}", mira.owner.id))
        .by(&omar.owner)
        .refused(403, "forbidden")
        .await;
    app.get("/v1/sellers?status=open")
        .by(&admin)
        .refuses_field("status")
        .await;
}

#[tokio::test]
async fn every_wrong_field_of_a_new_seller_is_named_and_nothing_is_made() {
    let app = TestApp::start().await;
    let mira = app.member("mira").await;
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("x".repeat(201))),
        ("country", json!("us")),
        ("country", json!("USA")),
        ("country", json!("XX")),
        ("email", json!("nobody")),
        ("email", json!(null)),
        ("business_type", json!("charity")),
        ("metadata", json!([1])),
        ("owner_id", json!("usr_other")),
        ("application_fee_bps", json!(0)),
    ] {
        let mut body = json!({ "name": "Mira's Lamps", "country": "US" });
        body[field] = value;
        app.post("/v1/sellers", body)
            .by(&mira)
            .refuses_field(field)
            .await;
    }
    app.post("/v1/sellers", json!({ "name": "Mira" }))
        .by(&mira)
        .refuses_field("country")
        .await;
    // A country that Stripe doesn't serve.
    let body = json!({ "name": "Mira", "country": "AQ" });
    app.post("/v1/sellers", body)
        .by(&mira)
        .refused(422, "country_unsupported")
        .await;
    assert_eq!(app.count("sellers").await, 0);
    app.run_jobs().await;
}

#[tokio::test]
async fn a_country_that_stripe_refuses_after_all_is_named_and_leaves_no_seller() {
    let app = TestApp::start().await;
    let mira = app.member("mira").await;
    let (method, path) = ("POST", accounts_path());
    app.fault(method, path, FaultKind::TimeoutBeforeCommit, Some(3))
        .await;
    let body = json!({ "name": "Mira", "country": "US" });
    let ask = || {
        app.post("/v1/sellers", body.clone())
            .by(&mira)
            .keyed("once")
    };
    ask().refused(503, "stripe_unavailable").await;
    // Stripe has left the country since.
    app.sql("UPDATE sellers SET country = 'KP'").await;
    let problem = ask().refused(422, "country_unsupported").await;
    assert_eq!(problem["param"], "country");
    assert_eq!(app.count("sellers").await, 0);
    app.run_jobs().await;
}
