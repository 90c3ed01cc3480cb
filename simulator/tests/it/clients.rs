//! What a client sees: authentication, scoping, parameters, lists, idempotency.

use serde_json::{Value, json};

use crate::support::Stripe;

#[tokio::test]
async fn without_a_test_key_nothing_is_answered() {
    let s = Stripe::start().await;
    let none = s
        .http
        .get(s.url("/v1/balance"))
        .send()
        .await
        .expect("answer");
    assert_eq!(none.status(), 401);
    assert!(none.headers().contains_key("request-id"));
    let live = format!("Bearer {}_live_x", "sk");
    let refused = s
        .http
        .get(s.url("/v1/balance"))
        .header("Authorization", live)
        .send()
        .await
        .expect("answer");
    assert_eq!(refused.status(), 401);
    let basic = s
        .http
        .get(s.url("/v1/balance"))
        .basic_auth("sk_test_x", Some(""))
        .send()
        .await
        .expect("answer");
    assert_eq!(basic.status(), 200);
}

#[tokio::test]
async fn accounts_are_worlds_of_their_own() {
    let s = Stripe::start().await;
    let (a, b) = (s.seller().await, s.seller().await);
    let charge = s.sale(&a, 1000, 0).await;
    let path = format!("/v1/charges/{}", charge["id"].as_str().expect("id"));
    let across = s.send("GET", &path, "", &[("Stripe-Account", &b)]).await;
    assert_eq!(
        (across.status, across.error("code")),
        (404, "resource_missing")
    );
    assert_eq!(s.send("GET", &path, "", &[]).await.status, 404);
    let unknown = s
        .send(
            "GET",
            "/v1/balance",
            "",
            &[("Stripe-Account", "acct_1nobody")],
        )
        .await;
    assert_eq!(
        (unknown.status, unknown.error("code")),
        (403, "account_invalid")
    );
    s.post(&format!("/_simulator/accounts/{a}/deauthorize"), "")
        .await;
    let gone = s.send("GET", &path, "", &[("Stripe-Account", &a)]).await;
    assert_eq!((gone.status, gone.error("code")), (403, "account_invalid"));
    assert_eq!(
        s.send("GET", &format!("/v1/accounts/{a}"), "", &[])
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn an_unknown_parameter_or_route_is_named() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let unknown = s
        .send(
            "POST",
            "/v1/refunds",
            "charge=ch_x&colour=red",
            &[("Stripe-Account", &acct)],
        )
        .await;
    assert_eq!(
        (unknown.error("code"), unknown.error("param")),
        ("parameter_unknown", "colour")
    );
    assert_eq!(
        unknown.error("message"),
        "Received unknown parameter: colour"
    );
    let old = s
        .send(
            "POST",
            "/v1/promotion_codes",
            "coupon=x",
            &[("Stripe-Account", &acct)],
        )
        .await;
    assert_eq!(
        (old.error("code"), old.error("param")),
        ("parameter_unknown", "coupon")
    );
    let route = s.send("GET", "/v1/nonsense", "", &[]).await;
    assert_eq!(route.status, 404);
    assert!(
        route
            .error("message")
            .starts_with("Unrecognized request URL (GET: /v1/nonsense)")
    );
    assert_eq!(s.send("GET", "/v1/balance?", "", &[]).await.status, 200);
}

#[tokio::test]
async fn amounts_that_stripe_would_not_take_are_refused() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let body = |unit: &str, more: &str| {
        format!(
            "mode=payment&success_url=https://x.example&line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]={unit}&line_items[0][price_data][product_data][name]=T{more}"
        )
    };
    for (unit, more, code, param) in [
        ("49", "", "amount_too_small", "line_items"),
        (
            "-1",
            "",
            "parameter_invalid_integer",
            "line_items[0][price_data][unit_amount]",
        ),
        (
            "9999999999999",
            "",
            "parameter_invalid_integer",
            "line_items[0][price_data][unit_amount]",
        ),
        (
            "1000",
            "&payment_intent_data[application_fee_amount]=1001",
            "",
            "payment_intent_data[application_fee_amount]",
        ),
        ("1000", "&expires_at=1790000060", "", "expires_at"),
        (
            "1000",
            "&payment_method_types[0]=card",
            "parameter_unknown",
            "payment_method_types",
        ),
    ] {
        let answer = s
            .send(
                "POST",
                "/v1/checkout/sessions",
                &body(unit, more),
                &[("Stripe-Account", &acct)],
            )
            .await;
        assert_eq!(
            (answer.status, answer.error("code"), answer.error("param")),
            (400, code, param),
            "{}",
            answer.body
        );
    }
    let fresh = s.post("/v1/accounts", "").await;
    let id = fresh["id"].as_str().expect("id");
    let early = s
        .send(
            "POST",
            "/v1/checkout/sessions",
            &body("1000", ""),
            &[("Stripe-Account", id)],
        )
        .await;
    assert_eq!(
        early.status, 400,
        "an account that hasn't onboarded can't charge"
    );
}

#[tokio::test]
async fn pages_of_a_list_are_complete_and_stable_while_it_grows() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    for _ in 0..7 {
        s.sale(&acct, 1000, 0).await;
    }
    let mut seen: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = s
            .get_on(&acct, &format!("/v1/charges?limit=3{cursor}"))
            .await;
        let data = page["data"].as_array().expect("list");
        seen.extend(data.iter().map(|c| c["id"].clone()));
        s.sale(&acct, 1000, 0).await;
        if page["has_more"] == false {
            break;
        }
        cursor = format!(
            "&starting_after={}",
            data.last().expect("last")["id"].as_str().expect("id")
        );
    }
    assert_eq!(seen.len(), 7);
    let before = format!(
        "/v1/charges?limit=2&ending_before={}",
        seen[6].as_str().expect("id")
    );
    let page = s.get_on(&acct, &before).await;
    let ids: Vec<_> = page["data"]
        .as_array()
        .expect("list")
        .iter()
        .map(|c| c["id"].clone())
        .collect();
    assert_eq!(ids, [seen[4].clone(), seen[5].clone()]);
    let over = s
        .send(
            "GET",
            "/v1/charges?limit=101",
            "",
            &[("Stripe-Account", &acct)],
        )
        .await;
    assert_eq!((over.status, over.error("param")), (400, "limit"));
    let none = s
        .get_on(&acct, "/v1/balance_transactions?created[gte]=1890000000")
        .await;
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn a_key_replays_its_answer_and_refuses_another_body() {
    let s = Stripe::start().await;
    let key = [("Idempotency-Key", "k1")];
    let first = s.send("POST", "/v1/accounts", "country=DE", &key).await;
    let second = s.send("POST", "/v1/accounts", "country=DE", &key).await;
    assert_eq!(first.body, second.body);
    assert_eq!(second.headers["idempotent-replayed"], "true");
    let other = s.send("POST", "/v1/accounts", "country=FR", &key).await;
    assert_eq!(
        (other.status, other.error("type")),
        (400, "idempotency_error")
    );
    assert_eq!(
        s.get("/v1/accounts").await["data"].as_array().map(Vec::len),
        Some(1)
    );
    let refused = s
        .send(
            "POST",
            "/v1/accounts",
            "colour=red",
            &[("Idempotency-Key", "k2")],
        )
        .await;
    assert_eq!(refused.status, 400);
    let mended = s
        .send(
            "POST",
            "/v1/accounts",
            "country=DE",
            &[("Idempotency-Key", "k2")],
        )
        .await;
    assert_eq!(mended.status, 200, "what failed validation isn't saved");
}

#[tokio::test]
async fn metadata_merges_and_an_empty_string_unsets() {
    let s = Stripe::start().await;
    let account = s.post("/v1/accounts", "metadata[a]=1&metadata[b]=2").await;
    let path = format!("/v1/accounts/{}", account["id"].as_str().expect("id"));
    let account = s.post(&path, "metadata[a]=&metadata[c]=3").await;
    assert_eq!(account["metadata"], json!({"b": "2", "c": "3"}));
    assert_eq!(s.post(&path, "metadata=").await["metadata"], json!({}));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes() {
    let mut told = Vec::new();
    for _ in 0..2 {
        let s = Stripe::start().await;
        let acct = s.seller().await;
        let charge = s.sale(&acct, 1000, 0).await;
        told.push((
            acct,
            charge["id"].clone(),
            charge["balance_transaction"].clone(),
        ));
    }
    assert_eq!(told[0], told[1]);
}
