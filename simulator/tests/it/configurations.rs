//! Payment method configurations: an account's own, a platform's parents and their children, and what payments offer by them.

use serde_json::{Value, json};

use crate::support::{Answer, Stripe};

const PATH: &str = "/v1/payment_method_configurations";
const TEA: &str = "&line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]=900&line_items[0][price_data][product_data][name]=Tea&line_items[0][quantity]=1";

fn id(value: &Value) -> String {
    value["id"].as_str().expect("id").to_owned()
}

async fn send(s: &Stripe, account: &str, path: &str, body: &str) -> Answer {
    s.send("POST", path, body, &[("Stripe-Account", account)])
        .await
}

/// The configurations of an account: its child of the platform's parent, and its own.
async fn listed(s: &Stripe, account: &str) -> (Value, Value) {
    let list = s.get_on(account, PATH).await;
    let all = list["data"].as_array().expect("a list").clone();
    assert_eq!(all.len(), 2, "{list}");
    let (child, own): (Vec<_>, Vec<_>) = all.into_iter().partition(|c| c["parent"].is_string());
    (child[0].clone(), own[0].clone())
}

fn preference(value: &Value, method: &str) -> Value {
    value[method]["display_preference"].clone()
}

/// What the platform sets in its Dashboard for the accounts that are connected to it.
async fn parent(s: &Stripe, body: Value) -> Value {
    let path = "/_simulator/payment_method_configurations";
    s.post(path, &body.to_string()).await
}

async fn intent(s: &Stripe, account: &str, more: &str) -> Value {
    let body = format!("amount=2000&currency=eur{more}");
    s.on(account, "/v1/payment_intents", &body).await
}

#[tokio::test]
async fn an_account_has_its_own_default_and_a_child_of_its_platforms() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let (child, own) = listed(&s, &seller).await;
    let platforms = s.get(PATH).await;
    assert_eq!(platforms["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&own["parent"], &own["application"]),
        (&Value::Null, &Value::Null)
    );
    assert!(
        child["application"]
            .as_str()
            .is_some_and(|a| a.starts_with("ca_")),
        "{child}"
    );
    for one in [&child, &own] {
        assert_eq!(
            (&one["is_default"], &one["active"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(one["card"]["available"], true);
        assert_eq!(one["klarna"]["available"], false);
        assert_eq!(one.get("apple_pay_later"), None);
    }
    let card = json!({ "overridable": true, "preference": "none", "value": "on" });
    assert_eq!(preference(&child, "card"), card);
    let card = json!({ "overridable": null, "preference": "none", "value": "on" });
    assert_eq!(preference(&own, "card"), card);
    // Lists are filtered, and there is one of each however often they are read.
    for (query, ids) in [
        (
            format!(
                "?application={}",
                child["application"].as_str().expect("id")
            ),
            vec![id(&child)],
        ),
        ("?application=".to_owned(), vec![id(&own)]),
        ("?active=false".to_owned(), vec![]),
    ] {
        let list = s.get_on(&seller, &format!("{PATH}{query}")).await;
        let found: Vec<_> = list["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(id)
            .collect();
        assert_eq!(found, ids, "{query}");
    }
    let again = s.get_on(&seller, &format!("{PATH}/{}", id(&child))).await;
    assert_eq!(again, child);
    // The parent isn't there, though its id is known.
    let parent = child["parent"].as_str().expect("id");
    for account in [None, Some(seller.as_str())] {
        let headers: Vec<_> = account.map(|a| ("Stripe-Account", a)).into_iter().collect();
        let found = s
            .send("GET", &format!("{PATH}/{parent}"), "", &headers)
            .await;
        assert_eq!(
            (found.status, found.error("code")),
            (404, "resource_missing")
        );
    }
}

#[tokio::test]
async fn an_accounts_preference_counts_unless_its_platform_blocks_the_method() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let (child, _) = listed(&s, &seller).await;
    let path = format!("{PATH}/{}", id(&child));
    let body = "klarna[display_preference][preference]=on&sepa_debit[display_preference][preference]=off&name=Mine";
    let changed = s.on(&seller, &path, body).await;
    assert_eq!(changed["name"], "Mine");
    let own = |preference: &str, value: &str| json!({ "overridable": true, "preference": preference, "value": value });
    assert_eq!(preference(&changed, "klarna"), own("on", "on"));
    assert_eq!(preference(&changed, "sepa_debit"), own("off", "off"));
    let methods = json!({ "klarna": "blocked", "sepa_debit": "on", "ideal": "on" });
    parent(&s, json!({ "id": "default", "methods": methods })).await;
    let now = s.get_on(&seller, &path).await;
    let blocked = json!({ "overridable": false, "preference": "on", "value": "off" });
    assert_eq!(preference(&now, "klarna"), blocked);
    assert_eq!(now["klarna"]["available"], false);
    assert_eq!(preference(&now, "sepa_debit"), own("off", "off"));
    assert_eq!(preference(&now, "ideal"), own("none", "on"));
    // Wallets hand over cards.
    let refused = send(
        &s,
        &seller,
        &path,
        "card[display_preference][preference]=off",
    )
    .await;
    assert_eq!(
        (refused.status, refused.error("message")),
        (
            400,
            "Invalid configuration. Apple Pay and Google Pay require Card to be enabled."
        )
    );
    let off = ["card", "apple_pay", "google_pay"]
        .map(|m| format!("{m}[display_preference][preference]=off"));
    let cardless = s.on(&seller, &path, &off.join("&")).await;
    assert_eq!(cardless["card"]["available"], false);
    let odd = send(
        &s,
        &seller,
        &path,
        "card[display_preference][preference]=perhaps",
    )
    .await;
    assert_eq!(odd.status, 400);
}

#[tokio::test]
async fn a_child_is_made_of_a_parent_and_an_intent_may_name_either() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let parent = id(&parent(
        &s,
        json!({ "name": "Big", "methods": { "ideal": "on", "sepa_debit": "off" } }),
    )
    .await);
    let body = format!("parent={parent}&bancontact[display_preference][preference]=off");
    let made = s.on(&seller, PATH, &body).await;
    assert_eq!(
        (&made["name"], &made["is_default"], &made["parent"]),
        (&json!("Big"), &json!(false), &json!(parent))
    );
    for (named, types) in [
        (id(&made), json!(["card", "ideal"])),
        (parent.clone(), json!(["card", "bancontact", "ideal"])),
    ] {
        let paid = intent(
            &s,
            &seller,
            &format!("&payment_method_configuration={named}"),
        )
        .await;
        assert_eq!(paid["payment_method_types"], types, "{paid}");
        let details = &paid["payment_method_configuration_details"];
        assert_eq!(details["parent"], parent);
        assert!(details["id"] != parent.as_str(), "{details}");
    }
    // A parent belongs to a platform, and only its connected accounts have children.
    for (account, body) in [
        (Some(&seller), "parent=pmc_none"),
        (None, &*format!("parent={parent}")),
    ] {
        let headers: Vec<_> = account
            .map(|a| ("Stripe-Account", a.as_str()))
            .into_iter()
            .collect();
        let refused = s.send("POST", PATH, body, &headers).await;
        assert_eq!(
            (refused.error("code"), refused.error("param")),
            ("resource_missing", "parent")
        );
    }
}

#[tokio::test]
async fn what_an_intent_offers_follows_its_configuration_and_nothing_else_pays_it() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let (child, own) = listed(&s, &seller).await;
    let open = intent(&s, &seller, "").await;
    assert_eq!(
        open["payment_method_types"],
        json!(["card", "bancontact", "sepa_debit"])
    );
    let details = json!({ "id": child["id"], "parent": child["parent"] });
    assert_eq!(open["payment_method_configuration_details"], details);
    let stays = intent(
        &s,
        &seller,
        "&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never",
    )
    .await;
    assert_eq!(stays["payment_method_types"], json!(["card", "sepa_debit"]));
    let without = intent(&s, &seller, "&excluded_payment_method_types[]=bancontact").await;
    assert_eq!(
        without["payment_method_types"],
        json!(["card", "sepa_debit"])
    );
    assert_eq!(
        without["excluded_payment_method_types"],
        json!(["bancontact"])
    );
    let given = intent(&s, &seller, "&allowed_payment_method_types[]=card").await;
    assert_eq!(given["payment_method_configuration_details"], Value::Null);
    let path = format!("{PATH}/{}", id(&own));
    s.on(
        &seller,
        &path,
        "sepa_debit[display_preference][preference]=off",
    )
    .await;
    let named = format!("&payment_method_configuration={}", id(&own));
    let cards = intent(&s, &seller, &named).await;
    assert_eq!(cards["payment_method_types"], json!(["card", "bancontact"]));
    let debit = "payment_method_data[type]=sepa_debit&payment_method_data[sepa_debit][iban]=DE89370400440532013000&payment_method_data[billing_details][name]=Ann&payment_method_data[billing_details][email]=ann@example.com&return_url=https://shop.example/back";
    let confirm = format!("/v1/payment_intents/{}/confirm", id(&cards));
    let refused = send(&s, &seller, &confirm, debit).await;
    assert_eq!(
        (refused.status, refused.error("param")),
        (400, "payment_method")
    );
    let confirm = format!("/v1/payment_intents/{}/confirm", id(&open));
    let paid = s.on(&seller, &confirm, debit).await;
    assert_eq!(paid["status"], "processing");
    // An update takes another configuration, and keeps its own when the currency changes.
    let update = format!("/v1/payment_intents/{}", id(&cards));
    let changed = s.on(&seller, &update, "currency=usd&amount=2000").await;
    assert_eq!(
        changed["payment_method_types"],
        json!(["card", "us_bank_account"])
    );
    assert_eq!(
        changed["payment_method_configuration_details"]["id"],
        own["id"]
    );
    let changed = s
        .on(
            &seller,
            &update,
            &format!("payment_method_configuration={}", id(&child)),
        )
        .await;
    assert_eq!(
        changed["payment_method_configuration_details"]["id"],
        child["id"]
    );
}

#[tokio::test]
async fn setup_intents_and_sessions_follow_a_configuration_too() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let (child, own) = listed(&s, &seller).await;
    let setup = s.on(&seller, "/v1/setup_intents", "").await;
    assert_eq!(
        setup["payment_method_configuration_details"]["id"],
        child["id"]
    );
    assert_eq!(
        setup["payment_method_types"],
        json!(["card", "bancontact", "sepa_debit"])
    );
    let named = format!("payment_method_configuration={}", id(&own));
    let setup = s
        .on(
            &seller,
            &format!("/v1/setup_intents/{}", id(&setup)),
            &named,
        )
        .await;
    assert_eq!(
        setup["payment_method_configuration_details"]["id"],
        own["id"]
    );
    let path = format!("{PATH}/{}", id(&own));
    s.on(
        &seller,
        &path,
        "sepa_debit[display_preference][preference]=off",
    )
    .await;
    let session = s.session(&seller, 900, &format!("&{named}")).await;
    assert_eq!(session["payment_method_types"], json!(["card"]));
    let details = json!({ "id": own["id"], "parent": null });
    assert_eq!(session["payment_method_configuration_details"], details);
    let refused = s
        .send(
            "POST",
            &format!("/_simulator/checkout/sessions/{}/pay", id(&session)),
            &json!({ "method": "sepa_debit" }).to_string(),
            &[],
        )
        .await;
    assert_eq!((refused.status, refused.error("param")), (400, "method"));
    let session = s.session(&seller, 900, "").await;
    assert_eq!(
        session["payment_method_types"],
        json!(["card", "sepa_debit"])
    );
    assert_eq!(
        session["payment_method_configuration_details"]["id"],
        child["id"]
    );
}

#[tokio::test]
async fn a_page_without_cards_asks_for_none_and_without_anything_there_is_no_session() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let (child, _) = listed(&s, &seller).await;
    let off = ["card", "apple_pay", "google_pay"]
        .map(|m| format!("{m}[display_preference][preference]=off"));
    let path = format!("{PATH}/{}", id(&child));
    s.on(&seller, &path, &off.join("&")).await;
    let session = s.session(&seller, 900, "").await;
    assert_eq!(session["payment_method_types"], json!(["sepa_debit"]));
    let page = s.get(&format!("/c/pay/{}", id(&session))).await;
    let page = page.as_str().expect("a page");
    assert!(
        page.contains("sepa_debit") && !page.contains("Card number"),
        "{page}"
    );
    let card = json!({ "card": "4242424242424242" }).to_string();
    let path = format!("/_simulator/checkout/sessions/{}/pay", id(&session));
    assert_eq!(
        s.send("POST", &path, &card, &[]).await.error("param"),
        "method"
    );
    s.on(
        &seller,
        &format!("{PATH}/{}", id(&child)),
        "sepa_debit[display_preference][preference]=off",
    )
    .await;
    let url = format!("mode=payment&success_url=https://shop.example/ok{TEA}");
    let refused = send(&s, &seller, "/v1/checkout/sessions", &url).await;
    assert!(
        refused
            .error("message")
            .starts_with("No valid payment method types for this Checkout Session."),
        "{}",
        refused.body
    );
}

#[tokio::test]
async fn bad_ids_inactive_ones_and_contradictions_are_refused() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let elsewhere = s.seller().await;
    let (child, _) = listed(&s, &seller).await;
    let made = s.on(&seller, PATH, "name=Other").await;
    assert_eq!(
        (&made["parent"], &made["is_default"]),
        (&Value::Null, &json!(false))
    );
    let param = "payment_method_configuration";
    let bodies = |id: &str| {
        [
            (
                "/v1/payment_intents",
                format!("amount=2000&currency=eur&{param}={id}"),
            ),
            ("/v1/setup_intents", format!("{param}={id}")),
            (
                "/v1/checkout/sessions",
                format!("mode=payment&success_url=https://shop.example/ok{TEA}&{param}={id}"),
            ),
        ]
    };
    for (account, named) in [(&seller, "pmc_none".to_owned()), (&elsewhere, id(&made))] {
        for (path, body) in bodies(&named) {
            let refused = send(&s, account, path, &body).await;
            assert_eq!(
                (refused.error("code"), refused.error("param")),
                ("resource_missing", param),
                "{path}"
            );
            assert_eq!(
                refused.error("message"),
                format!("No such payment_method_configuration: '{named}'")
            );
        }
    }
    for (path, body) in bodies(&id(&made)) {
        let both = format!("{body}&allowed_payment_method_types[]=card");
        let refused = send(&s, &seller, path, &both).await;
        assert_eq!(
            (refused.status, refused.error("param")),
            (400, param),
            "{path}: {}",
            refused.body
        );
    }
    let off = s
        .on(&seller, &format!("{PATH}/{}", id(&made)), "active=false")
        .await;
    assert_eq!(off["active"], false);
    for (path, body) in bodies(&id(&made)) {
        assert_eq!(
            send(&s, &seller, path, &body).await.error("param"),
            param,
            "{path}"
        );
    }
    let default = format!("{PATH}/{}", id(&child));
    assert_eq!(
        send(&s, &seller, &default, "active=false")
            .await
            .error("param"),
        "active"
    );
    let s = Stripe::under("default_configuration", "deactivatable").await;
    let list = s.get(PATH).await;
    let path = format!("{PATH}/{}", id(&list["data"][0]));
    assert_eq!(s.post(&path, "active=false").await["active"], false);
}

#[tokio::test]
async fn a_payment_on_behalf_of_an_account_offers_what_that_account_has() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let (child, _) = listed(&s, &seller).await;
    let path = format!("{PATH}/{}", id(&child));
    s.on(
        &seller,
        &path,
        "bancontact[display_preference][preference]=off",
    )
    .await;
    let body = format!(
        "amount=2000&currency=eur&on_behalf_of={seller}&transfer_data[destination]={seller}"
    );
    let made = s.post("/v1/payment_intents", &body).await;
    assert_eq!(made["payment_method_types"], json!(["card", "sepa_debit"]));
    assert_eq!(
        made["payment_method_configuration_details"]["id"],
        child["id"]
    );
    let made = s
        .post("/v1/payment_intents", "amount=2000&currency=eur")
        .await;
    assert_eq!(
        made["payment_method_configuration_details"]["parent"],
        Value::Null
    );
}
