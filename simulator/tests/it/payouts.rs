//! Payouts: when they are made, where they go, and how they come back.

use serde_json::{Value, json};

use crate::support::{DAY, START, Stripe, check_books};

async fn seller(s: &Stripe, country: &str, bank: &str, schedule: &str) -> String {
    let body = format!(
        "country={country}&controller[fees][payer]=account&controller[losses][payments]=stripe&controller[stripe_dashboard][type]=full"
    );
    let account = s.post("/v1/accounts", &body).await;
    let id = account["id"].as_str().expect("id").to_owned();
    if !schedule.is_empty() {
        let parts: Vec<_> = schedule
            .split('&')
            .map(|part| format!("settings[payouts][schedule]{part}"))
            .collect();
        s.post(&format!("/v1/accounts/{id}"), &parts.join("&"))
            .await;
    }
    let how = json!({ "bank_account": bank }).to_string();
    s.post(&format!("/_simulator/accounts/{id}/onboard"), &how)
        .await;
    id
}

async fn sale_in(s: &Stripe, acct: &str, currency: &str, amount: i64) {
    let body = format!(
        "mode=payment&success_url=https://shop.example/ok&line_items[0][price_data][currency]={currency}&line_items[0][price_data][unit_amount]={amount}&line_items[0][price_data][product_data][name]=Tea&line_items[0][quantity]=1"
    );
    let session = s.on(acct, "/v1/checkout/sessions", &body).await;
    let paid = s.pay(&session, json!({})).await;
    assert_eq!(paid["payment_status"], "paid", "{paid}");
}

async fn payouts(s: &Stripe, acct: &str) -> Vec<Value> {
    let list = s.get_on(acct, "/v1/payouts?limit=100").await;
    let mut list = list["data"].as_array().expect("list").clone();
    list.reverse();
    list
}

/// `2026-09-21` and its weekday.
fn date(payout: &Value) -> String {
    let at = payout["created"].as_i64().expect("created");
    assert_eq!(at % DAY, 0, "payouts are made at midnight");
    let date = time::OffsetDateTime::from_unix_timestamp(at).expect("time");
    format!("{} {}", date.date(), date.weekday())
}

async fn refused(s: &Stripe, acct: &str, path: &str, body: &str) -> (String, String) {
    let answer = s
        .send("POST", path, body, &[("Stripe-Account", acct)])
        .await;
    assert_eq!(answer.status, 400, "{path} {body}: {}", answer.body);
    (
        answer.error("code").to_owned(),
        answer.error("param").to_owned(),
    )
}

#[tokio::test]
async fn a_weekly_schedule_pays_on_its_days_only() {
    let s = Stripe::start().await;
    // START is a Monday.
    let anchor = seller(
        &s,
        "DE",
        "12345678",
        "[interval]=weekly&[weekly_anchor]=friday",
    )
    .await;
    let days = seller(
        &s,
        "DE",
        "12345678",
        "[interval]=weekly&[weekly_payout_days][0]=tuesday&[weekly_payout_days][1]=thursday",
    )
    .await;
    for _ in 0..14 {
        s.sale(&anchor, 1000, 0).await;
        s.sale(&days, 1000, 0).await;
        s.simulator.advance(DAY).await;
    }
    let dates: Vec<_> = payouts(&s, &anchor).await.iter().map(date).collect();
    assert_eq!(dates, ["2026-09-25 Friday", "2026-10-02 Friday"]);
    let dates: Vec<_> = payouts(&s, &days).await.iter().map(date).collect();
    assert_eq!(
        dates,
        [
            "2026-09-24 Thursday",
            "2026-09-29 Tuesday",
            "2026-10-01 Thursday"
        ]
    );
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_monthly_schedule_pays_on_the_last_day_of_short_months() {
    let s = Stripe::start().await;
    let acct = seller(
        &s,
        "DE",
        "12345678",
        "[interval]=monthly&[monthly_anchor]=31",
    )
    .await;
    let shown = s.get(&format!("/v1/accounts/{acct}")).await;
    assert_eq!(
        shown["settings"]["payouts"]["schedule"]["monthly_anchor"],
        31
    );
    for _ in 0..24 {
        s.sale(&acct, 1000, 0).await;
        s.simulator.advance(7 * DAY).await;
    }
    let dates: Vec<_> = payouts(&s, &acct).await.iter().map(date).collect();
    assert_eq!(
        dates,
        [
            "2026-09-30 Wednesday",
            "2026-10-31 Saturday",
            "2026-11-30 Monday",
            "2026-12-31 Thursday",
            "2027-01-31 Sunday",
            "2027-02-28 Sunday"
        ]
    );
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn delay_days_say_when_money_is_available_and_a_new_schedule_counts_at_once() {
    let s = Stripe::start().await;
    let acct = seller(&s, "DE", "12345678", "[interval]=manual&[delay_days]=7").await;
    let charge = s.sale(&acct, 1000, 0).await;
    let id = charge["balance_transaction"].as_str().expect("id");
    let txn = s
        .get_on(&acct, &format!("/v1/balance_transactions/{id}"))
        .await;
    assert_eq!(txn["available_on"], (START + 7 * DAY) / DAY * DAY);
    s.simulator.advance(20 * DAY).await;
    assert_eq!(payouts(&s, &acct).await, Vec::<Value>::new());
    let body = "settings[payouts][schedule][interval]=daily";
    s.post(&format!("/v1/accounts/{acct}"), body).await;
    s.simulator.advance(DAY).await;
    assert_eq!(payouts(&s, &acct).await.len(), 1);
    let body = "settings[payouts][schedule][interval]=weekly&settings[payouts][schedule][weekly_anchor]=monday";
    s.sale(&acct, 1000, 0).await;
    s.simulator.advance(8 * DAY - 3600).await;
    s.post(&format!("/v1/accounts/{acct}"), body).await;
    s.simulator.advance(7 * DAY).await;
    let made = payouts(&s, &acct).await;
    assert!(made.len() <= 2, "{made:?}");
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn each_currency_is_a_payout_of_its_own() {
    let s = Stripe::start().await;
    let acct = seller(&s, "DE", "12345678", "").await;
    for (currency, amount) in [("eur", 2000), ("usd", 3000), ("jpy", 900)] {
        sale_in(&s, &acct, currency, amount).await;
    }
    s.simulator.advance(5 * DAY).await;
    let mut made: Vec<_> = payouts(&s, &acct)
        .await
        .iter()
        .map(|p| {
            (
                p["currency"].to_string(),
                p["amount"].as_i64().expect("amount"),
            )
        })
        .collect();
    made.sort();
    let expected = [("\"eur\"", 1912), ("\"jpy\"", 844), ("\"usd\"", 2883)];
    assert_eq!(made, expected.map(|(c, a)| (c.to_owned(), a)));
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_negative_balance_is_debited_from_the_bank_where_the_account_allows_it() {
    for allowed in [true, false] {
        let s = Stripe::start().await;
        let acct = seller(&s, "DE", "12345678", "").await;
        let body = format!("settings[payouts][debit_negative_balances]={allowed}");
        s.post(&format!("/v1/accounts/{acct}"), &body).await;
        let charge = s.sale(&acct, 1000, 0).await;
        s.simulator.advance(5 * DAY).await;
        let id = charge["id"].as_str().expect("id");
        s.post(&format!("/_simulator/charges/{id}/dispute"), "")
            .await;
        s.simulator.advance(3 * DAY).await;
        let made = payouts(&s, &acct).await;
        let balance = s.get_on(&acct, "/v1/balance").await["available"][0]["amount"].clone();
        if allowed {
            let debit = made.last().expect("payout");
            assert_eq!(
                (&debit["amount"], &debit["status"]),
                (&json!(-3000), &json!("paid"))
            );
            assert_eq!(debit["automatic"], true);
            assert_eq!(balance, 0);
        } else {
            assert_eq!((made.len(), balance), (1, json!(-3000)));
        }
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn stripes_test_bank_accounts_fail_and_get_no_more_until_they_are_mended() {
    let s = Stripe::start().await;
    for (number, code) in [
        ("000111111116", "no_account"),
        ("000111111113", "account_closed"),
        ("DE89370400440532013004", "debit_not_authorized"),
    ] {
        let acct = seller(&s, "US", number, "").await;
        s.sale(&acct, 1000, 0).await;
        s.simulator.advance(5 * DAY).await;
        let made = payouts(&s, &acct).await;
        assert_eq!(made.len(), 1);
        assert_eq!(
            (&made[0]["status"], &made[0]["failure_code"]),
            (&json!("failed"), &json!(code))
        );
        assert_eq!(made[0]["trace_id"]["status"], "unsupported");
        let account = s.get(&format!("/v1/accounts/{acct}")).await;
        assert_eq!(account["external_accounts"]["data"][0]["status"], "errored");
        let types = s.event_types(&acct).await;
        assert!(types.contains(&"payout.failed".to_owned()));
        assert!(types.contains(&"account.external_account.updated".to_owned()));
        s.simulator.advance(10 * DAY).await;
        assert_eq!(payouts(&s, &acct).await.len(), 1);
        let bank = account["external_accounts"]["data"][0]["id"].as_str();
        let bank = format!("external_accounts/{}", bank.expect("id"));
        let mended = match code {
            "no_account" => format!("/v1/accounts/{acct}/{bank}"),
            _ => format!("/_simulator/accounts/{acct}/mend_payouts"),
        };
        s.post(&mended, "").await;
        s.simulator.advance(2 * DAY).await;
        assert_eq!(payouts(&s, &acct).await.len(), 2);
    }
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn payouts_by_hand_are_refused_for_every_reason_stripe_has() {
    let s = Stripe::start().await;
    let acct = seller(&s, "DE", "12345678", "[interval]=manual").await;
    s.sale(&acct, 5000, 0).await;
    s.simulator.advance(3 * DAY).await;
    let make = "/v1/payouts";
    for (body, code, param) in [
        (
            "amount=0&currency=eur",
            "parameter_invalid_integer",
            "amount",
        ),
        ("amount=5000&currency=eur", "balance_insufficient", ""),
        (
            "amount=10&currency=eur&source_type=bank_account",
            "balance_insufficient",
            "",
        ),
        ("amount=10&currency=usd", "", ""),
        ("amount=10&currency=xxx", "", "currency"),
        (
            "amount=10&currency=eur&method=instant",
            "instant_payouts_unsupported",
            "method",
        ),
        (
            "amount=10&currency=eur&statement_descriptor=12345678901234567890123",
            "",
            "statement_descriptor",
        ),
    ] {
        let seen = refused(&s, &acct, make, body).await;
        assert_eq!(seen, (code.to_owned(), param.to_owned()), "{body}");
    }
    let none = s
        .send(
            "POST",
            make,
            "amount=10&currency=eur&destination=ba_none",
            &[("Stripe-Account", &acct)],
        )
        .await;
    assert_eq!((none.status, none.error("param")), (404, "destination"));
    let payout = s
        .on(&acct, make, "amount=700&currency=eur&metadata[a]=b")
        .await;
    let id = payout["id"].as_str().expect("id");
    let filter = format!("/v1/balance_transactions?payout={id}");
    let list = s
        .send("GET", &filter, "", &[("Stripe-Account", &acct)])
        .await;
    assert_eq!((list.status, list.error("param")), (400, "payout"));
    s.simulator.advance(2 * DAY).await;
    // To Germany.
    let (code, _) = refused(&s, &acct, &format!("{make}/{id}/reverse"), "").await;
    assert_eq!(code, "payout_reversal_not_allowed");
    let (code, _) = refused(&s, &acct, &format!("{make}/{id}/cancel"), "").await;
    assert_eq!(code, "payout_reversal_not_allowed");
    let fail = format!("/_simulator/payouts/{id}/fail");
    s.post(&fail, r#"{"failure_code":"account_closed"}"#).await;
    let (code, _) = refused(&s, &acct, make, "amount=10&currency=eur").await;
    assert_eq!(code, "payouts_not_allowed");
    assert_eq!(s.send("POST", &fail, "", &[]).await.status, 400);
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_paid_payout_to_the_united_states_is_reversed_by_another() {
    let s = Stripe::start().await;
    let acct = seller(&s, "US", "12345678", "[interval]=manual").await;
    sale_in(&s, &acct, "usd", 5000).await;
    s.simulator.advance(3 * DAY).await;
    let payout = s.on(&acct, "/v1/payouts", "amount=700&currency=usd").await;
    let id = payout["id"].as_str().expect("id");
    // Not while it is on its way.
    refused(&s, &acct, &format!("/v1/payouts/{id}/reverse"), "").await;
    s.simulator.advance(2 * DAY).await;
    let before = s.get_on(&acct, "/v1/balance").await["available"][0]["amount"].as_i64();
    let path = format!("/v1/payouts/{id}/reverse");
    let back = s.on(&acct, &path, "metadata[why]=wrong").await;
    assert_eq!(
        (&back["amount"], &back["original_payout"]),
        (&json!(-700), &json!(id))
    );
    let original = s
        .get_on(&acct, &format!("/v1/payouts/{id}?expand[]=reversed_by"))
        .await;
    assert_eq!(original["reversed_by"]["id"], back["id"]);
    s.simulator.advance(2 * DAY).await;
    let after = s.get_on(&acct, "/v1/balance").await["available"][0]["amount"].as_i64();
    assert_eq!(after, before.map(|b| b + 700));
    refused(&s, &acct, &path, "").await;
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn the_transactions_of_a_payout_are_listed_once_it_is_reconciled() {
    for (value, rows) in [("listed", 2), ("left_out", 1)] {
        let s = Stripe::start().await;
        s.post(
            "/_simulator/assumptions",
            &json!({ "payout_transaction": value }).to_string(),
        )
        .await;
        let acct = seller(&s, "DE", "12345678", "").await;
        s.sale(&acct, 1000, 0).await;
        s.simulator.advance(2 * DAY).await;
        let payout = payouts(&s, &acct).await.pop().expect("payout");
        let path = format!(
            "/v1/balance_transactions?payout={}",
            payout["id"].as_str().expect("id")
        );
        let early = s.send("GET", &path, "", &[("Stripe-Account", &acct)]).await;
        assert_eq!(
            (early.status, early.error("code")),
            (400, "payout_reconciliation_not_ready")
        );
        s.simulator.advance(2 * DAY).await;
        let list = s.get_on(&acct, &path).await;
        assert_eq!(list["data"].as_array().map(Vec::len), Some(rows));
    }
}

#[tokio::test]
async fn a_payout_made_by_hand_is_listed_with_the_automatic_one_that_follows() {
    for (value, rows) in [("listed", 3), ("left_out", 2)] {
        let s = Stripe::under("payout_transaction", value).await;
        let acct = seller(&s, "DE", "12345678", "[interval]=manual").await;
        s.sale(&acct, 1000, 0).await;
        s.simulator.advance(3 * DAY).await;
        let by_hand = s.on(&acct, "/v1/payouts", "amount=200&currency=eur").await;
        let body = "settings[payouts][schedule][interval]=daily";
        s.post(&format!("/v1/accounts/{acct}"), body).await;
        s.simulator.advance(3 * DAY).await;
        let payout = payouts(&s, &acct).await.pop().expect("payout");
        assert_eq!(payout["automatic"], true);
        let path = format!(
            "/v1/balance_transactions?payout={}",
            payout["id"].as_str().expect("id")
        );
        let list = s.get_on(&acct, &path).await;
        let list = list["data"].as_array().expect("list");
        assert_eq!(list.len(), rows, "{value}");
        let part = |t: &Value| t["source"] == by_hand["id"];
        assert!(list.iter().any(part), "{value}: the other payout's own row");
        let others = list.iter().filter(|t| t["source"] != payout["id"]);
        let sum: i64 = others.map(|t| t["net"].as_i64().expect("net")).sum();
        assert_eq!(payout["amount"], sum, "{value}");
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn an_instant_payout_goes_to_a_debit_card_in_half_an_hour_and_costs_a_fee() {
    let s = Stripe::start().await;
    let acct = seller(&s, "US", "12345678", "[interval]=manual").await;
    let body = "external_account[object]=card&external_account[number]=4000056655665556&external_account[currency]=usd&external_account[exp_month]=12&external_account[exp_year]=2031";
    let card = s
        .post(&format!("/v1/accounts/{acct}/external_accounts"), body)
        .await;
    let card = card["id"].as_str().expect("id");
    sale_in(&s, &acct, "usd", 20_000).await;
    s.simulator.advance(3 * DAY).await;
    let body = format!("amount=10000&currency=usd&method=instant&destination={card}");
    let payout = s.on(&acct, "/v1/payouts", &body).await;
    assert_eq!(
        (&payout["type"], &payout["method"], &payout["destination"]),
        (&json!("card"), &json!("instant"), &json!(card))
    );
    let id = payout["id"].as_str().expect("id");
    let path = format!("/v1/payouts/{id}?expand[]=balance_transaction");
    let made = s.get_on(&acct, &path).await;
    let txn = &made["balance_transaction"];
    assert_eq!(
        (&txn["amount"], &txn["fee"], &txn["net"]),
        (&json!(-10_000), &json!(100), &json!(-10_100))
    );
    let all = s.get_on(&acct, "/v1/balance").await["available"][0]["amount"].clone();
    let all = format!("amount={all}&currency=usd&method=instant&destination={card}");
    let (code, _) = refused(&s, &acct, "/v1/payouts", &all).await;
    assert_eq!(code, "balance_insufficient", "its fee isn't there");
    s.simulator.advance(1801).await;
    assert_eq!(s.get_on(&acct, &path).await["status"], "paid");
    let fail = format!("/_simulator/payouts/{id}/fail");
    s.post(&fail, "").await;
    let balance = s.get_on(&acct, "/v1/balance").await;
    assert_eq!(
        balance["available"][0]["amount"],
        20_000 - 610,
        "with its fee"
    );
    check_books(&s.simulator.oracle().await);
}
