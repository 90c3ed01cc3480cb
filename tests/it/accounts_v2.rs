//! What only Accounts v2 brings: capabilities by status, requirements one by one, closing, and accounts that one of the two APIs
//! doesn't know.

use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder};
use serde_json::{Value, json};
use souk_entity::seller::{self, AccountsApi, ChargeProfile};
use souk_migration::{Migrator, MigratorTrait};

use crate::harness::{Between, Database, Has, Shop, TestApp, assumed, text};
use crate::sellers::{change_account, get_seller, new_seller};

async fn v2() -> TestApp {
    TestApp::with(&[("STRIPE_ACCOUNTS", "v2")]).await
}

/// Calls `/v2` at Stripe as the platform.
async fn at_stripe(app: &TestApp, method: &str, path: &str, body: Value) -> (u16, Value) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let request = client
        .request(
            method.parse().expect("a method"),
            format!("{}{path}", app.simulator.base_url()),
        )
        .bearer_auth("sk_test_suite")
        .header("stripe-version", souk::stripe::V2_API_VERSION);
    let request = match method {
        "GET" => request,
        _ => request
            .header("content-type", "application/json")
            .body(body.to_string()),
    };
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("a text");
    (status, serde_json::from_str(&text).expect("JSON"))
}

async fn sync(app: &TestApp, shop: &Shop) -> Value {
    let owner = app.login(&shop.owner).await;
    let path = format!("/v1/sellers/{}/sync", shop.id);
    app.post(path, json!({})).by(&owner).expect(200).await
}

#[tokio::test]
async fn a_capability_goes_and_comes_and_the_seller_is_told_by_when_and_why() {
    let app = v2().await;
    let shop = app.shop("mira").await;
    let seller = get_seller(&app, &shop).await;
    seller.has(json!({ "status": "active", "charges_enabled": true, "payouts_enabled": true }));
    assert_eq!(
        seller["capabilities"]["card_payments"],
        json!({ "status": "active", "details": [] })
    );
    let deadline = app.now() + 7 * 86_400;
    let due = json!({ "currently_due": ["external_account"], "current_deadline": deadline });
    change_account(&app, &shop, "restrict", due).await;
    let path = format!("/v1/sellers/{}/requirements", shop.id);
    let warned = app.get(&path).by(&shop.owner).expect(200).await;
    let entry = &warned["entries"][0];
    entry.has(json!({
        "code": "external_account", "awaiting_action_from": "user", "deadline_status": "currently_due",
        "deadline": "2026-11-25T11:06:40.000Z",
    }));
    let said = "Your bank account for payouts, by 25 November 2026, or you can't take payments any more and payouts stop.";
    assert_eq!(entry["message"], said);
    assert_eq!(
        get_seller(&app, &shop).await["status"],
        "active",
        "there is time until then"
    );
    assert_eq!(app.mails_called("Stripe needs something from you"), 1);
    change_account(
        &app,
        &shop,
        "restrict",
        json!({ "currently_due": ["external_account"] }),
    )
    .await;
    let seller = get_seller(&app, &shop).await;
    seller.has(json!({ "status": "restricted", "charges_enabled": false }));
    let details = json!([{ "code": "requirements_past_due", "resolution": "provide_info" }]);
    assert_eq!(seller["capabilities"]["card_payments"]["details"], details);
    assert_eq!(app.mails_called("You can't take payments at the moment"), 1);
    change_account(&app, &shop, "unrestrict", json!({})).await;
    let seller = get_seller(&app, &shop).await;
    seller.has(json!({ "status": "active", "charges_enabled": true, "requirements": { "entries": [], "disabled_reason": null } }));
}

#[tokio::test]
async fn what_comes_back_null_was_not_asked_for_and_changes_nothing() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    app.sql("UPDATE sellers SET accounts_api = 'v2'").await;
    let before = sync(&app, &shop).await;
    between.edit(|path, _, answer| {
        if path.starts_with("/v2/core/accounts/") {
            for name in ["configuration", "requirements", "identity", "defaults"] {
                answer[name] = Value::Null;
            }
        }
    });
    let after = sync(&app, &shop).await;
    for name in [
        "status",
        "charges_enabled",
        "payouts_enabled",
        "capabilities",
        "requirements",
        "dashboard",
    ] {
        assert_eq!(after[name], before[name], "{name}");
    }
    assert_eq!(after["status"], "active");
}

#[tokio::test]
async fn unknown_words_of_stripes_are_shown_as_they_came() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    app.sql("UPDATE sellers SET accounts_api = 'v2'").await;
    between.edit(|path, _, answer| {
        if path.starts_with("/v2/core/accounts/") {
            let merchant = &mut answer["configuration"]["merchant"]["capabilities"];
            merchant["card_payments"] = json!({ "status": "half_open", "status_details": [{ "code": "a_new_code", "resolution": "a_new_way" }] });
            merchant["a_new_capability"] = json!({ "status": "odd" });
            answer["requirements"]["entries"] = json!([{ "description": "a.new.thing", "awaiting_action_from": "a_new_party", "minimum_deadline": { "status": "some_day" } }]);
        }
    });
    let seller = sync(&app, &shop).await;
    assert_eq!(seller["charges_enabled"], false);
    let capability = &seller["capabilities"]["card_payments"];
    assert_eq!(
        capability,
        &json!({ "status": "half_open", "details": [{ "code": "a_new_code", "resolution": "a_new_way" }] })
    );
    assert_eq!(seller["capabilities"]["a_new_capability"]["status"], "odd");
    let entry = &seller["requirements"]["entries"][0];
    entry.has(json!({ "code": "a.new.thing", "awaiting_action_from": "a_new_party", "deadline_status": "some_day" }));
    assert!(text(entry, "message").contains("a.new.thing"));
    app.run_jobs().await;
}

#[tokio::test]
async fn a_closed_account_ends_its_seller_and_nothing_is_asked_of_it() {
    let app = v2().await;
    let shop = new_seller(&app).await;
    let close = format!("/v2/core/accounts/{}/close", shop.account);
    let (status, closed) = at_stripe(
        &app,
        "POST",
        &close,
        json!({ "applied_configurations": ["merchant"] }),
    )
    .await;
    if assumed("account_deletion") == "live_rules" {
        assert_eq!(status, 400, "{closed}");
        return;
    }
    assert_eq!((status, &closed["closed"]), (200, &json!(true)), "{closed}");
    app.settle().await;
    let seller = sync(&app, &shop).await;
    seller.has(json!({ "status": "closed", "charges_enabled": false, "payouts_enabled": false }));
    for (what, body) in [
        ("onboarding_links", json!({})),
        ("account_sessions", json!({ "components": ["payouts"] })),
    ] {
        let path = format!("/v1/sellers/{}/{what}", shop.id);
        app.post(path, body)
            .by(&shop.owner)
            .refused(409, "seller_closed")
            .await;
    }
    app.run_jobs().await;
}

#[tokio::test]
async fn an_account_that_v2_does_not_know_yet_is_read_by_v1_meanwhile() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    app.sql("UPDATE sellers SET accounts_api = 'v2'").await;
    let refuse = |code: &'static str, status: u16| {
        between.edit(move |path, answered, answer| {
            if path.starts_with("/v2/core/accounts/") {
                *answered = status;
                *answer = json!({ "error": { "code": code, "message": "no", "type": "invalid_request_error" } });
            }
        });
    };
    refuse("account_not_yet_compatible_with_v2", 400);
    let seller = sync(&app, &shop).await;
    seller.has(json!({ "status": "active", "accounts_api": "v2" }));
    // Where v2 will never know it, the row says so.
    refuse("v1_account_instead_of_v2_account", 400);
    let seller = sync(&app, &shop).await;
    seller.has(json!({ "status": "active", "accounts_api": "v1" }));
    between.be_honest();
    assert_eq!(sync(&app, &shop).await["accounts_api"], "v1");
}

#[tokio::test]
async fn an_account_that_neither_api_knows_has_left() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    between.edit(|path, status, answer| {
        if path.contains("/accounts/") {
            *status = 404;
            *answer = json!({ "error": { "code": "not_found", "message": "No such account.", "type": "invalid_request_error" } });
        }
    });
    assert_eq!(sync(&app, &shop).await["status"], "deauthorized");
    app.run_jobs().await;
}

#[tokio::test]
async fn a_404_that_is_not_stripes_own_disconnects_no_seller() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    between.edit(|path, status, answer| {
        if path.contains("/accounts/") {
            *status = 404;
            *answer = json!({ "message": "no Route matched with those values" });
        }
    });
    let tx = app.app.db.begin_write().await.expect("begins");
    let seller = souk_entity::SellerId::from(shop.id.as_str());
    let job = souk::jobs::Job::SyncAccount { seller };
    souk::jobs::stage(&tx, &job).await.expect("stages");
    tx.commit().await.expect("commits");
    app.run_jobs().await;
    let active = "sellers WHERE deauthorized_at IS NULL AND charges_enabled";
    assert_eq!(app.count(active).await, 1);
    app.post(format!("/v1/sellers/{}/sync", shop.id), json!({}))
        .by(&shop.owner)
        .refused(503, "stripe_unavailable")
        .await;
    app.allow_unfinished_work();
}

#[tokio::test]
async fn a_seller_from_before_the_upgrade_goes_on_by_v1_and_new_ones_are_made_by_v2() {
    let app = TestApp::with(&[("STRIPE_ACCOUNTS", "v1")]).await;
    let old = app.shop("mira").await;
    assert_eq!(get_seller(&app, &old).await["accounts_api"], "v1");
    // The row as an older version left it.
    app.sql("UPDATE sellers SET requirements = '{\"currently_due\":[\"external_account\"],\"past_due\":[],\"eventually_due\":[],\"pending_verification\":[],\"disabled_reason\":null,\"current_deadline\":null}', capabilities = '{}'").await;
    let path = format!("/v1/sellers/{}/requirements", old.id);
    let before = app.get(&path).by(&old.owner).expect(200).await;
    before.has(json!({ "currently_due": ["external_account"], "entries": [] }));
    let after = sync(&app, &old).await;
    after.has(json!({ "accounts_api": "v1", "charge_profile": "direct", "requirements": { "currently_due": [] } }));
    assert_eq!(after["capabilities"]["card_payments"]["status"], "active");
}

#[tokio::test]
async fn sellers_of_an_older_database_are_read_by_v1_and_keep_the_profile_of_their_dashboard() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_database, db) = Database::before(folder.path(), "m20261129_000026_thin_events").await;
    let mut rows = vec![
        "INSERT INTO users (id, email, name, password_hash, role, created_at, updated_at)
           VALUES ('usr_1', 'mira@example.com', 'Mira', '', 'member', 1, 1)"
            .to_owned(),
    ];
    let requirements = r#"{"currently_due":["external_account"],"past_due":[],"eventually_due":[],"pending_verification":[],"disabled_reason":null,"current_deadline":null}"#;
    for (id, account, dashboard) in [
        ("sel_1", "'acct_1'", "full"),
        ("sel_2", "'acct_2'", "express"),
        ("sel_3", "NULL", "full"),
    ] {
        rows.push(format!(
            "INSERT INTO sellers (id, owner_id, name, email, country, stripe_account, livemode, dashboard, status,
               charges_enabled, payouts_enabled, details_submitted, requirements, metadata, created_at, updated_at)
             VALUES ('{id}', 'usr_1', 'Shop', 'mira@example.com', 'US', {account}, FALSE, '{dashboard}', 'active',
               TRUE, TRUE, TRUE, '{requirements}', '{{}}', 1, 1)"
        ));
    }
    for row in rows {
        db.execute_unprepared(&row).await.expect("a row");
    }
    Migrator::up(&db, None).await.expect("migrates");
    let sellers = seller::Entity::find().order_by_asc(seller::Column::Id);
    let sellers = sellers.all(&db).await.expect("is answered");
    let kept: Vec<_> = sellers
        .iter()
        .map(|row| (row.accounts_api, row.charge_profile))
        .collect();
    let by_v1 = |profile| (AccountsApi::V1, profile);
    assert_eq!(
        kept,
        [
            by_v1(ChargeProfile::Direct),
            by_v1(ChargeProfile::DirectExpress),
            // Its account isn't made yet: the one who made the row asked v1 for it, perhaps without an answer.
            by_v1(ChargeProfile::Direct),
        ]
    );
    assert!(
        sellers
            .iter()
            .all(|row| row.charges_enabled && row.closed_at.is_none())
    );
    db.close().await.expect("closes");
}

#[tokio::test]
async fn a_name_that_only_the_seller_may_change_is_told_to_the_seller() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    between.edit(|path, status, answer| {
        if path.ends_with("/accounts/acct") || path.contains("/accounts/acct_") && !path.contains("include") {
            *status = 400;
            *answer = json!({ "error": { "code": "immutable_identity_param", "message": "no", "type": "invalid_request_error" } });
        }
    });
    let path = format!("/v1/sellers/{}", shop.id);
    app.patch(path, json!({ "name": "Mira's Lamps" }))
        .by(&shop.owner)
        .expect(200)
        .await;
    app.run_jobs().await;
    assert_eq!(app.mails_called("Stripe keeps your old name"), 1);
    assert_eq!(
        app.count("audit_log WHERE action = 'seller.account_rename_refused'")
            .await,
        1
    );
}
