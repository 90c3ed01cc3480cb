//! What Stripe's descriptions leave open about accounts, customers, payments and Checkout: each answer.

use serde_json::{Value, json};

use crate::support::{Receiver, Stripe, check_books};

const CARD: &str = "allowed_payment_method_types[]=card";

fn id(value: &Value) -> String {
    value["id"].as_str().expect("id").to_owned()
}

/// A session as it is now.
async fn again(stripe: &Stripe, seller: &str, session: &Value) -> Value {
    let path = format!("/v1/checkout/sessions/{}", id(session));
    stripe.get_on(seller, &path).await
}

/// The types of the platform's events, oldest first.
async fn told(stripe: &Stripe) -> Vec<String> {
    let list = stripe.get("/v1/events?limit=100").await;
    let data = list["data"].as_array().expect("list");
    let types = data.iter().rev().map(|e| e["type"].as_str().expect("type"));
    types.map(str::to_owned).collect()
}

fn place(types: &[String], name: &str) -> usize {
    let at = types.iter().position(|t| t == name);
    at.unwrap_or_else(|| panic!("no {name} in {types:?}"))
}

fn count(types: &[String], name: &str) -> usize {
    types.iter().filter(|t| *t == name).count()
}

async fn intent(stripe: &Stripe, more: &str) -> Value {
    let body = format!("amount=2000&currency=usd&{CARD}{more}");
    stripe.post("/v1/payment_intents", &body).await
}

#[tokio::test]
async fn what_changes_nothing_may_be_told_of() {
    for (how, events) in [("silent", 0), ("sent", 1)] {
        let s = Stripe::under("unchanged_updates", how).await;
        let customer = id(&s.post("/v1/customers", "name=Ann").await);
        let card = s
            .post(
                "/v1/payment_methods/pm_card_visa/attach",
                &format!("customer={customer}"),
            )
            .await;
        let more = format!(
            "&customer={customer}&payment_method={}&confirm=true",
            id(&card)
        );
        let paid = intent(&s, &more).await;
        let charge = paid["latest_charge"].as_str().expect("charge").to_owned();
        let seller = s.seller().await;
        let before = count(&s.event_types(&seller).await, "account.updated");
        for path in [
            format!("/v1/customers/{customer}"),
            format!("/v1/payment_methods/{}", id(&card)),
            format!("/v1/charges/{charge}"),
            format!("/v1/accounts/{seller}"),
        ] {
            s.post(&path, "").await;
        }
        let types = told(&s).await;
        for name in [
            "customer.updated",
            "payment_method.updated",
            "charge.updated",
        ] {
            assert_eq!(count(&types, name), events, "{how}: {name}");
        }
        let after = count(&s.event_types(&seller).await, "account.updated");
        assert_eq!(after - before, events, "{how}");
    }
}

#[tokio::test]
async fn a_capability_may_be_pending_before_it_is_active() {
    let path = |seller: &str| format!("/v1/accounts/{seller}/capabilities/sepa_debit_payments");
    for (how, steps) in [
        ("active_at_once", vec!["active"]),
        ("pending_first", vec!["pending", "active"]),
    ] {
        let s = Stripe::under("capabilities", how).await;
        let seller = s.seller().await;
        let asked = s.post(&path(&seller), "requested=true").await;
        assert_eq!(asked["status"], "active", "{asked}");
        let account = s.get(&format!("/v1/accounts/{seller}")).await;
        assert_eq!(account["charges_enabled"], true);
        let list = s.get_on(&seller, "/v1/events?limit=100").await;
        let mut seen = Vec::new();
        let mut enabled = Vec::new();
        for event in list["data"].as_array().expect("list").iter().rev() {
            let object = &event["data"]["object"];
            if object["id"] == "sepa_debit_payments" {
                seen.push(object["status"].as_str().expect("status").to_owned());
            }
            if event["type"] == "account.updated" {
                enabled.push(object["charges_enabled"] == true);
            }
        }
        assert_eq!(seen, steps, "{how}");
        // Onboarding comes first: what it enables comes with what is active.
        assert_eq!(enabled[0], how == "active_at_once", "{how}: {enabled:?}");
        s.sale(&seller, 1000, 100).await;
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn what_an_account_is_made_with_may_go_untold() {
    for (how, events) in [("sent", 1), ("silent", 0)] {
        let s = Stripe::under("new_capabilities", how).await;
        let made = s
            .post(
                "/v1/accounts",
                "type=express&capabilities[transfers][requested]=true",
            )
            .await;
        let types = s.event_types(&id(&made)).await;
        assert_eq!(count(&types, "capability.updated"), events, "{how}");
    }
}

#[tokio::test]
async fn an_account_session_lives_as_long_as_is_assumed() {
    for (how, life) in [("hour", 3600), ("five_minutes", 300)] {
        let s = Stripe::under("account_session_life", how).await;
        let seller = s.seller().await;
        let body = format!("account={seller}&components[payments][enabled]=true");
        let session = s.post("/v1/account_sessions", &body).await;
        assert_eq!(session["expires_at"], crate::support::START + life, "{how}");
    }
}

#[tokio::test]
async fn customers_follow_what_is_assumed_of_them() {
    for how in ["before", "after"] {
        let s = Stripe::under("deleted_customer_methods", how).await;
        let made = s.post("/v1/customers", "payment_method=pm_card_visa").await;
        let path = format!("/v1/customers/{}", id(&made));
        assert_eq!(s.send("DELETE", &path, "", &[]).await.status, 200);
        let types = told(&s).await;
        let detached = place(&types, "payment_method.detached");
        let deleted = place(&types, "customer.deleted");
        assert_eq!(detached < deleted, how == "before", "{types:?}");
    }
    for (how, status) in [("account", 200), ("refused", 400)] {
        let s = Stripe::under("balance_currency", how).await;
        let answer = s.send("POST", "/v1/customers", "balance=-500", &[]).await;
        assert_eq!(answer.status, status, "{how}: {}", answer.body);
    }
    for (how, status) in [("rising", 400), ("any", 200)] {
        let s = Stripe::under("invoice_sequence", how).await;
        let made = s.post("/v1/customers", "next_invoice_sequence=7").await;
        let path = format!("/v1/customers/{}", id(&made));
        let answer = s.send("POST", &path, "next_invoice_sequence=3", &[]).await;
        assert_eq!(answer.status, status, "{how}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_a_customer_is_called_is_unset_by_an_empty_text() {
    let s = Stripe::start().await;
    let made = s
        .post(
            "/v1/customers",
            "name=Ann&email=ann@shop.example&phone=&description=x",
        )
        .await;
    assert_eq!(made["phone"], Value::Null);
    let path = format!("/v1/customers/{}", id(&made));
    let emptied = s.post(&path, "name=&email=&phone=&description=").await;
    for name in ["name", "email", "phone", "description"] {
        assert_eq!(emptied[name], Value::Null, "{name}");
    }
    let other = s.send("POST", &path, "balance=", &[]).await;
    assert_eq!(other.error("code"), "parameter_invalid_empty");
}

#[tokio::test]
async fn search_answers_in_the_order_that_is_assumed() {
    for (how, names) in [
        ("newest_first", ["3", "2", "1"]),
        ("oldest_first", ["1", "2", "3"]),
    ] {
        let s = Stripe::under("search_order", how).await;
        for n in 1..=3 {
            s.post("/v1/customers", &format!("email=a@b.example&name={n}"))
                .await;
        }
        let path = "/v1/customers/search?query=email:'a@b.example'&limit=2";
        let first = s.get(path).await;
        let next = first["next_page"].as_str().expect("page");
        let second = s.get(&format!("{path}&page={next}")).await;
        let got: Vec<_> = [&first, &second]
            .into_iter()
            .flat_map(|page| page["data"].as_array().expect("list"))
            .map(|c| c["name"].as_str().expect("name"))
            .collect();
        assert_eq!(got, names, "{how}");
    }
}

#[tokio::test]
async fn setups_follow_what_is_assumed_of_them() {
    for how in ["before", "after"] {
        let s = Stripe::under("attached_event", how).await;
        let customer = id(&s.post("/v1/customers", "name=Ann").await);
        let body = format!("{CARD}&customer={customer}&payment_method=pm_card_visa&confirm=true");
        let setup = s.post("/v1/setup_intents", &body).await;
        let card = setup["payment_method"].as_str().expect("card");
        let card = s.get(&format!("/v1/payment_methods/{card}")).await;
        assert_eq!(card["customer"], customer.as_str());
        let types = told(&s).await;
        let attached = place(&types, "payment_method.attached");
        let done = place(&types, "setup_intent.succeeded");
        assert_eq!(attached < done, how == "before", "{types:?}");
    }
    for (how, status) in [("unasked", "succeeded"), ("asked", "requires_action")] {
        let s = Stripe::under("set_up_card", how).await;
        let card = "type=card&card[number]=4000003800000446&card[exp_month]=12&card[exp_year]=34";
        let card = id(&s.post("/v1/payment_methods", card).await);
        let body = format!("{CARD}&payment_method={card}&confirm=true");
        let setup = s.post("/v1/setup_intents", &body).await;
        assert_eq!(setup["status"], status, "{how}");
    }
}

#[tokio::test]
async fn challenges_follow_what_is_assumed_of_them() {
    for code in ["authentication_required", "card_declined"] {
        let s = Stripe::under("unhandled_challenge", code).await;
        let body = format!(
            "amount=2000&currency=usd&{CARD}&confirm=true&error_on_requires_action=true&payment_method=pm_card_authenticationRequired"
        );
        let refused = s.send("POST", "/v1/payment_intents", &body, &[]).await;
        assert_eq!((refused.status, refused.error("code")), (402, code));
        assert_eq!(refused.error("decline_code"), "authentication_not_handled");
    }
    for (how, status) in [("obeyed", "requires_action"), ("ignored", "succeeded")] {
        let s = Stripe::under("challenge_wish", how).await;
        let more = "&confirm=true&payment_method=pm_card_visa&payment_method_options[card][request_three_d_secure]=challenge";
        assert_eq!(intent(&s, more).await["status"], status, "{how}");
        check_books(&s.simulator.oracle().await);
    }
}

const DEBIT: &str = "amount=2000&currency=eur&allowed_payment_method_types[]=sepa_debit&confirm=true&payment_method_data[type]=sepa_debit&payment_method_data[billing_details][name]=Ann&payment_method_data[billing_details][email]=a@b.example&payment_method_data[sepa_debit][iban]=";

#[tokio::test]
async fn what_takes_time_takes_as_long_as_is_assumed() {
    for (how, debit, topup) in [
        ("usual", 5, 86_400),
        ("long", 15, 259_200),
        ("short", 1, 28_800),
    ] {
        let s = Stripe::under("waits", how).await;
        let body = format!("{DEBIT}DE89370400440532013000");
        let made = s.post("/v1/payment_intents", &body).await;
        let intent = format!("/v1/payment_intents/{}", id(&made));
        let made = s.post("/v1/topups", "amount=1000&currency=usd").await;
        let made = format!("/v1/topups/{}", id(&made));
        s.simulator.advance(debit - 1).await;
        assert_eq!(s.get(&intent).await["status"], "processing", "{how}");
        s.simulator.advance(1).await;
        assert_eq!(s.get(&intent).await["status"], "succeeded", "{how}");
        s.simulator.advance(topup - debit - 1).await;
        assert_eq!(s.get(&made).await["status"], "pending", "{how}");
        s.simulator.advance(1).await;
        assert_eq!(s.get(&made).await["status"], "succeeded", "{how}");
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn debits_follow_what_is_assumed_of_them() {
    for how in ["same", "attempt_failed"] {
        let s = Stripe::under("failed_debit_code", how).await;
        let body = format!("{DEBIT}DE62370400440532013001");
        let made = s.post("/v1/payment_intents", &body).await;
        s.simulator.advance(crate::support::DAY).await;
        let path = format!("/v1/payment_intents/{}?expand[]=latest_charge", id(&made));
        let failed = s.get(&path).await;
        assert_eq!(failed["status"], "requires_payment_method", "{failed}");
        let own = &failed["latest_charge"]["failure_code"];
        let code = &failed["last_payment_error"]["code"];
        assert!(own.is_string());
        match how {
            "same" => assert_eq!(code, own),
            _ => assert_eq!(code, "payment_intent_payment_attempt_failed"),
        }
    }
    for how in ["failed", "pending"] {
        let s = Stripe::under("canceled_debit", how).await;
        let body = format!("{DEBIT}DE89370400440532013000");
        let made = s.post("/v1/payment_intents", &body).await;
        let path = format!("/v1/payment_intents/{}/cancel", id(&made));
        s.post(&path, "").await;
        s.simulator.advance(crate::support::DAY).await;
        let charge = made["latest_charge"].as_str().expect("charge");
        let charge = s.get(&format!("/v1/charges/{charge}")).await;
        assert_eq!(charge["status"], how);
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn a_captured_session_is_paid_or_not() {
    for how in ["paid", "unpaid"] {
        let s = Stripe::under("captured_session", how).await;
        let seller = s.seller().await;
        let more = "&payment_intent_data[capture_method]=manual&payment_intent_data[application_fee_amount]=100";
        let session = s.session(&seller, 2000, more).await;
        s.pay(&session, json!({})).await;
        let done = again(&s, &seller, &session).await;
        assert_eq!(done["payment_status"], "unpaid");
        let intent = done["payment_intent"].as_str().expect("intent");
        s.on(
            &seller,
            &format!("/v1/payment_intents/{intent}/capture"),
            "",
        )
        .await;
        for _ in 0..2 {
            let now = again(&s, &seller, &session).await;
            assert_eq!(now["payment_status"], how);
            s.simulator.advance(9 * crate::support::DAY).await;
        }
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn checkout_makes_its_intents_early_or_late() {
    for (how, payment, setup) in [
        ("payment_later", false, true),
        ("with_session", true, true),
        ("at_payment", false, false),
    ] {
        let s = Stripe::under("checkout_intent", how).await;
        let seller = s.seller().await;
        let more = "&customer_creation=always&allow_promotion_codes=true&payment_intent_data[application_fee_amount]=100";
        let session = s.session(&seller, 2000, more).await;
        assert_eq!(session["payment_intent"].is_string(), payment, "{how}");
        let declined = s.pay(&session, json!({ "card": "4000000000000002" })).await;
        assert_eq!(declined["payment_status"], "unpaid", "{declined}");
        s.pay(&session, json!({})).await;
        let paid = again(&s, &seller, &session).await;
        assert_eq!(paid["payment_status"], "paid", "{paid}");
        let types = s.event_types(&seller).await;
        assert_eq!(count(&types, "payment_intent.created"), 1, "{types:?}");
        let customer = place(&types, "customer.created");
        assert_eq!(
            customer > place(&types, "payment_intent.created"),
            payment,
            "{how}"
        );
        let charge = s.charge_of(&seller, &session).await;
        assert_eq!(charge["customer"], paid["customer"]);

        // What is free in the end is paid by no intent.
        let coupon = s.on(&seller, "/v1/coupons", "percent_off=100").await;
        let code = format!(
            "promotion[type]=coupon&promotion[coupon]={}&code=FREE",
            id(&coupon)
        );
        s.on(&seller, "/v1/promotion_codes", &code).await;
        let session = s.session(&seller, 2000, more).await;
        s.pay(&session, json!({ "promotion_code": "FREE" })).await;
        let free = again(&s, &seller, &session).await;
        assert_eq!(free["status"], "complete", "{free}");
        assert_eq!(free["payment_intent"], Value::Null);
        let canceled = count(&s.event_types(&seller).await, "payment_intent.canceled");
        assert_eq!(canceled, usize::from(payment), "{how}");

        let body = "mode=setup&currency=eur&success_url=https://shop.example/ok";
        let session = s.on(&seller, "/v1/checkout/sessions", body).await;
        assert_eq!(session["setup_intent"].is_string(), setup, "{how}");
        s.pay(&session, json!({})).await;
        let saved = again(&s, &seller, &session).await;
        assert_eq!(saved["status"], "complete", "{saved}");
        assert!(saved["setup_intent"].is_string());
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn a_discount_may_reach_the_shipping() {
    for (how, total, sent) in [("items_only", 1500, 500), ("shipping_too", 1250, 250)] {
        let s = Stripe::under("shipping_discount", how).await;
        let seller = s.seller().await;
        let coupon = s.on(&seller, "/v1/coupons", "percent_off=50").await;
        let more = format!(
            "&discounts[0][coupon]={}&shipping_options[0][shipping_rate_data][display_name]=Post&shipping_options[0][shipping_rate_data][type]=fixed_amount&shipping_options[0][shipping_rate_data][fixed_amount][amount]=500&shipping_options[0][shipping_rate_data][fixed_amount][currency]=eur",
            id(&coupon)
        );
        let session = s.session(&seller, 2000, &more).await;
        assert_eq!(session["amount_total"], total, "{how}");
        assert_eq!(session["shipping_cost"]["amount_total"], sent);
        assert_eq!(session["total_details"]["amount_discount"], 2500 - total);
        s.pay(&session, json!({})).await;
        let charge = s.charge_of(&seller, &session).await;
        assert_eq!(charge["amount"], total);
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn an_unanswered_delivery_is_given_up_when_it_is_assumed() {
    for (how, left) in [("three_days", 1), ("few_hours", 0)] {
        let s = Stripe::under("webhook_retries", how).await;
        let receiver = Receiver::start().await;
        *receiver.answer.lock().expect("lock") = 500;
        let body = format!("url={}&enabled_events[]=customer.created", receiver.url);
        s.post("/v1/webhook_endpoints", &body).await;
        s.post("/v1/customers", "name=Ann").await;
        for _ in 0..4 {
            s.simulator.deliver_pending().await;
            s.simulator.advance(crate::support::DAY).await;
        }
        let waiting = s.simulator.pending_events().await.len();
        assert_eq!(waiting, left, "{how}");
    }
}

#[tokio::test]
async fn quantities_are_changed_on_the_page() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let more = "&line_items[0][adjustable_quantity][enabled]=true&line_items[0][adjustable_quantity][minimum]=1&line_items[0][adjustable_quantity][maximum]=5";
    let session = s.session(&seller, 2000, more).await;
    let path = format!("/c/pay/{}", id(&session));
    let lines = format!("/v1/checkout/sessions/{}/line_items", id(&session));
    let line = id(&s.get_on(&seller, &lines).await["data"][0]);
    let page = s.get(&path).await.to_string();
    assert!(page.contains("min=\\\"1\\\" max=\\\"5\\\""), "{page}");
    for wrong in ["6", "0", "x", "-1", "99999999999999999999"] {
        let refused = s
            .send(
                "POST",
                &format!("{path}/quantities"),
                &format!("{line}={wrong}"),
                &[],
            )
            .await;
        assert_eq!(refused.status, 422, "{wrong}");
        assert!(
            refused.body.to_string().contains("The quantity of"),
            "{wrong}"
        );
    }
    let changed = s
        .send(
            "POST",
            &format!("{path}/quantities"),
            &format!("{line}=3"),
            &[],
        )
        .await;
    assert_eq!(changed.status, 303);
    let now = s
        .get_on(&seller, &format!("/v1/checkout/sessions/{}", id(&session)))
        .await;
    assert_eq!(now["amount_total"], 6000);
    s.pay(&session, json!({})).await;
    assert_eq!(s.charge_of(&seller, &session).await["amount"], 6000);
}
