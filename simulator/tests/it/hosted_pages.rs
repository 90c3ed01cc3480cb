//! What people do: onboarding and paying, on the pages and through the control API.

use serde_json::json;

use crate::support::{DAY, Stripe, check_books};

#[tokio::test]
async fn a_new_account_wants_everything_and_the_hosted_form_satisfies_it() {
    let s = Stripe::start().await;
    let account = s
        .post("/v1/accounts", "country=DE&email=a%2Bb@x.example")
        .await;
    assert_eq!(account["email"], "a+b@x.example");
    assert_eq!(
        account["requirements"]["disabled_reason"],
        "requirements.past_due"
    );
    assert_ne!(account["requirements"]["currently_due"], json!([]));
    let id = account["id"].as_str().expect("id");
    let link = s.post("/v1/account_links", &format!("account={id}&type=account_onboarding&refresh_url=https://p.example/refresh&return_url=https://p.example/return")).await;
    let open = s
        .http
        .get(link["url"].as_str().expect("url"))
        .send()
        .await
        .expect("page");
    assert_eq!(open.status(), 303);
    let form = s.url(open.headers()["location"].to_str().expect("text"));
    let page = s
        .http
        .get(&form)
        .send()
        .await
        .expect("form")
        .text()
        .await
        .expect("text");
    assert!(page.contains("SIMULATED") && page.contains("IBAN"));
    let sent = s.http.post(&form).header("Content-Type", "application/x-www-form-urlencoded").body("business_type=individual&first_name=J&last_name=R&bank_account=DE89370400440532013000&tos=yes&outcome=complete").send().await.expect("sent");
    assert_eq!(sent.headers()["location"], "https://p.example/return");
    let account = s.get(&format!("/v1/accounts/{id}")).await;
    assert_eq!(
        (&account["charges_enabled"], &account["payouts_enabled"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(account["external_accounts"]["data"][0]["last4"], "3000");
    assert!(
        s.event_types(id)
            .await
            .contains(&"account.updated".to_owned())
    );
}

#[tokio::test]
async fn an_account_link_works_once_and_for_five_minutes() {
    let s = Stripe::start().await;
    let account = s.post("/v1/accounts", "country=DE").await;
    let body = format!(
        "account={}&type=account_onboarding&refresh_url=https://p.example/refresh&return_url=https://p.example/return",
        account["id"].as_str().expect("id")
    );
    let link = s.post("/v1/account_links", &body).await;
    let url = link["url"].as_str().expect("url");
    s.http.get(url).send().await.expect("first");
    let second = s.http.get(url).send().await.expect("second");
    assert_eq!(second.headers()["location"], "https://p.example/refresh");
    let link = s.post("/v1/account_links", &body).await;
    s.simulator.advance(301).await;
    let late = s
        .http
        .get(link["url"].as_str().expect("url"))
        .send()
        .await
        .expect("late");
    assert_eq!(late.headers()["location"], "https://p.example/refresh");
    let update = s
        .send(
            "POST",
            "/v1/account_links",
            &body.replace("account_onboarding", "account_update"),
            &[],
        )
        .await;
    assert_eq!((update.status, update.error("param")), (400, "type"));
}

#[tokio::test]
async fn only_express_accounts_get_a_login_link() {
    let s = Stripe::start().await;
    let full = s.seller().await;
    assert_eq!(
        s.send("POST", &format!("/v1/accounts/{full}/login_links"), "", &[])
            .await
            .status,
        400
    );
    let express = s.post("/v1/accounts", "type=express").await;
    let id = express["id"].as_str().expect("id");
    s.post(&format!("/_simulator/accounts/{id}/onboard"), "")
        .await;
    let link = s.post(&format!("/v1/accounts/{id}/login_links"), "").await;
    let page = s
        .http
        .get(link["url"].as_str().expect("url"))
        .send()
        .await
        .expect("page");
    assert!(page.text().await.expect("text").contains("Balance"));
}

#[tokio::test]
async fn a_declined_card_leaves_the_session_open_and_the_next_one_pays_it() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let session = s.session(&acct, 1000, "").await;
    let url = session["url"].as_str().expect("url");
    let page = s
        .http
        .get(url)
        .send()
        .await
        .expect("page")
        .text()
        .await
        .expect("text");
    assert!(page.contains("10.00 EUR") && page.contains("Tea") && page.contains("SIMULATED"));
    let form = |card: &str| {
        s.http
            .post(url)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("email=b@x.example&card={card}"))
    };
    let declined = form("4000000000009995")
        .send()
        .await
        .expect("answer")
        .text()
        .await
        .expect("text");
    assert!(declined.contains("insufficient funds"));
    let paid = form("4242424242424242").send().await.expect("answer");
    let id = session["id"].as_str().expect("id");
    assert_eq!(
        paid.headers()["location"],
        format!("https://shop.example/ok?s={id}")
    );
    let types = s.event_types(&acct).await;
    let tail: Vec<_> = types
        .iter()
        .skip_while(|t| *t != "payment_intent.created")
        .collect();
    assert_eq!(
        tail,
        [
            "payment_intent.created",
            "charge.failed",
            "payment_intent.payment_failed",
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.completed"
        ]
    );
    let session = s
        .get_on(&acct, &format!("/v1/checkout/sessions/{id}"))
        .await;
    assert_eq!(
        (&session["status"], &session["payment_status"]),
        (&json!("complete"), &json!("paid"))
    );
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn three_d_secure_can_fail_and_then_succeed_on_one_session() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let session = s.session(&acct, 1000, "").await;
    let failed = s
        .pay(
            &session,
            json!({"card": "4000002500003155", "challenge": "fail"}),
        )
        .await;
    assert_eq!(
        failed["error"]["code"],
        "payment_intent_authentication_failure"
    );
    assert_eq!(failed["status"], "open");
    let asked = s.pay(&session, json!({"card": "4000002760003184"})).await;
    let challenge = asked["redirect"].as_str().expect("redirect");
    let answer = s
        .http
        .post(challenge)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("outcome=complete")
        .send()
        .await
        .expect("answer");
    assert!(
        answer.headers()["location"]
            .to_str()
            .expect("text")
            .starts_with("https://shop.example/ok")
    );
}

#[tokio::test]
async fn a_twenty_percent_code_changes_the_total_and_never_the_subtotal() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let coupon = s
        .on(&acct, "/v1/coupons", "percent_off=20&duration=once")
        .await;
    let code = format!(
        "promotion[type]=coupon&promotion[coupon]={}&code=SAVE20&max_redemptions=1",
        coupon["id"].as_str().expect("id")
    );
    let code = s.on(&acct, "/v1/promotion_codes", &code).await;
    let more = "&allow_promotion_codes=true&payment_intent_data[application_fee_amount]=900";
    let session = s.session(&acct, 1000, more).await;
    s.pay(&session, json!({"promotion_code": "save20"})).await;
    let id = session["id"].as_str().expect("id");
    let paid = s
        .get_on(&acct, &format!("/v1/checkout/sessions/{id}"))
        .await;
    assert_eq!(
        (&paid["amount_subtotal"], &paid["amount_total"]),
        (&json!(1000), &json!(800))
    );
    assert_eq!(paid["total_details"]["amount_discount"], 200);
    let charge = s.charge_of(&acct, &session).await;
    assert_eq!(
        charge["application_fee_amount"], 800,
        "the fee is capped at what was paid"
    );
    let path = format!("/v1/promotion_codes/{}", code["id"].as_str().expect("id"));
    assert_eq!(s.get_on(&acct, &path).await["times_redeemed"], 1);
    let second = s.session(&acct, 1000, more).await;
    let path = format!(
        "/_simulator/checkout/sessions/{}/pay",
        second["id"].as_str().expect("id")
    );
    assert_eq!(
        s.send("POST", &path, r#"{"promotion_code":"SAVE20"}"#, &[])
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_free_session_completes_without_a_card_or_an_intent() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let coupon = s.on(&acct, "/v1/coupons", "percent_off=100").await;
    let body = format!(
        "promotion[type]=coupon&promotion[coupon]={}&code=FREE",
        coupon["id"].as_str().expect("id")
    );
    s.on(&acct, "/v1/promotion_codes", &body).await;
    let session = s.session(&acct, 1000, "&allow_promotion_codes=true").await;
    let id = session["id"].as_str().expect("id");
    let apply = s
        .http
        .post(s.url(&format!("/c/pay/{id}/promotion_code")))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("code=free")
        .send()
        .await
        .expect("applied");
    assert_eq!(apply.status(), 303);
    let page = s
        .http
        .get(s.url(&format!("/c/pay/{id}")))
        .send()
        .await
        .expect("page")
        .text()
        .await
        .expect("text");
    assert!(page.contains("no card is needed"));
    let paid = s.pay(&session, json!({})).await;
    assert_eq!(paid["payment_status"], "no_payment_required");
    let session = s
        .get_on(&acct, &format!("/v1/checkout/sessions/{id}"))
        .await;
    assert_eq!(
        (&session["amount_total"], &session["payment_intent"]),
        (&json!(0), &json!(null))
    );
}

#[tokio::test]
async fn a_debit_is_unpaid_at_first_and_may_succeed_or_fail() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    for (outcome, event, status) in [
        (
            "succeed",
            "checkout.session.async_payment_succeeded",
            "paid",
        ),
        ("fail", "checkout.session.async_payment_failed", "unpaid"),
    ] {
        let session = s
            .session(
                &acct,
                1000,
                "&payment_intent_data[application_fee_amount]=10",
            )
            .await;
        let paid = s.pay(&session, json!({"method": "sepa_debit"})).await;
        assert_eq!(
            (&paid["status"], &paid["payment_status"]),
            (&json!("complete"), &json!("unpaid"))
        );
        let path = format!(
            "/_simulator/checkout/sessions/{}/settle",
            session["id"].as_str().expect("id")
        );
        let settled = s
            .post(&path, &json!({"outcome": outcome}).to_string())
            .await;
        assert_eq!(settled["payment_status"], status);
        assert_eq!(
            s.event_types(&acct).await.last().map(String::as_str),
            Some(event)
        );
        assert_eq!(
            s.send("POST", &path, r#"{"outcome":"fail"}"#, &[])
                .await
                .status,
            400
        );
    }
    let left = s.session(&acct, 1000, "").await;
    s.pay(&left, json!({"method": "sepa_debit"})).await;
    s.simulator.advance(6 * DAY).await;
    let path = format!("/v1/checkout/sessions/{}", left["id"].as_str().expect("id"));
    assert_eq!(s.get_on(&acct, &path).await["payment_status"], "paid");
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_session_expires_by_itself_or_when_asked_and_then_takes_no_money() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let session = s.session(&acct, 1000, "").await;
    s.simulator.advance(DAY + 1).await;
    let path = format!(
        "/v1/checkout/sessions/{}",
        session["id"].as_str().expect("id")
    );
    assert_eq!(s.get_on(&acct, &path).await["status"], "expired");
    assert_eq!(
        s.event_types(&acct).await.last().map(String::as_str),
        Some("checkout.session.expired")
    );
    let again = s
        .send(
            "POST",
            &format!("{path}/expire"),
            "",
            &[("Stripe-Account", &acct)],
        )
        .await;
    assert_eq!(again.status, 400);
    let path = format!(
        "/_simulator/checkout/sessions/{}/pay",
        session["id"].as_str().expect("id")
    );
    assert_eq!(s.send("POST", &path, "{}", &[]).await.status, 400);
}
