//! Amounts that a currency has no parts for, and the countries that accounts are in.

use serde_json::{Value, json};

use crate::support::{Answer, DAY, Stripe, check_books};

const SESSIONS: &str = "/v1/checkout/sessions";

async fn ask(s: &Stripe, acct: &str, path: &str, body: &str) -> Answer {
    s.send("POST", path, body, &[("Stripe-Account", acct)])
        .await
}

async fn refused(s: &Stripe, acct: &str, path: &str, body: &str) -> (String, String) {
    let answer = ask(s, acct, path, body).await;
    assert_eq!(answer.status, 400, "{path} {body}: {}", answer.body);
    (
        answer.error("code").to_owned(),
        answer.error("param").to_owned(),
    )
}

fn wrong(param: &str) -> (String, String) {
    ("parameter_invalid_integer".to_owned(), param.to_owned())
}

fn id(object: &Value) -> &str {
    object["id"].as_str().expect("id")
}

fn line(currency: &str, amount: i64) -> String {
    format!(
        "mode=payment&success_url=https://shop.example/ok&line_items[0][price_data][currency]={currency}&line_items[0][price_data][unit_amount]={amount}&line_items[0][price_data][product_data][name]=Tea&line_items[0][quantity]=1"
    )
}

#[tokio::test]
async fn every_way_to_charge_and_refund_takes_whole_steps_of_its_currency_only() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    for (currency, fits, off) in [
        ("kwd", 5120, 5124),
        ("isk", 50_000, 50_050),
        ("ugx", 50_000, 50_001),
    ] {
        let intent = |amount: i64| {
            format!(
                "amount={amount}&currency={currency}&confirm=true&payment_method=pm_card_visa&allowed_payment_method_types[]=card&capture_method=manual"
            )
        };
        let intents = "/v1/payment_intents";
        assert_eq!(
            refused(&s, &acct, intents, &intent(off)).await,
            wrong("amount")
        );
        let made = s.on(&acct, intents, &intent(fits)).await;
        let capture = format!("{intents}/{}/capture", id(&made));
        let part = format!("amount_to_capture={}", fits - 1);
        let seen = refused(&s, &acct, &capture, &part).await;
        assert_eq!(seen, wrong("amount_to_capture"), "{currency}");
        let paid = s.on(&acct, &capture, "").await;
        let charge = paid["latest_charge"].as_str().expect("charge");
        let part = format!("charge={charge}&amount={}", fits - 1);
        let seen = refused(&s, &acct, "/v1/refunds", &part).await;
        assert_eq!(seen, wrong("amount"), "{currency}");
        let dispute = json!({ "amount": fits - 1 }).to_string();
        let path = format!("/_simulator/charges/{charge}/dispute");
        assert_eq!(
            s.send("POST", &path, &dispute, &[]).await.error("param"),
            "amount"
        );
        let source = |amount: i64| {
            format!("amount={amount}&currency={currency}&source=tok_visa&capture=false")
        };
        assert_eq!(
            refused(&s, &acct, "/v1/charges", &source(off)).await,
            wrong("amount")
        );
        let held = s.on(&acct, "/v1/charges", &source(fits)).await;
        let path = format!("/v1/charges/{}/capture", id(&held));
        let part = format!("amount={}", fits - 1);
        assert_eq!(refused(&s, &acct, &path, &part).await, wrong("amount"));
    }
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn checkout_takes_whole_steps_of_its_currency_only() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    for (currency, fits, off) in [
        ("jod", 5120, 5124),
        ("isk", 50_000, 50_050),
        ("ugx", 50_000, 50_001),
    ] {
        let unit = "line_items[0][price_data][unit_amount]";
        let seen = refused(&s, &acct, SESSIONS, &line(currency, off)).await;
        assert_eq!(seen, wrong(unit), "{currency}");
        let product = s.on(&acct, "/v1/products", "name=Tea").await;
        let body = format!(
            "product={}&currency={currency}&unit_amount={off}",
            id(&product)
        );
        let price = s.on(&acct, "/v1/prices", &body).await;
        let body = format!(
            "mode=payment&success_url=https://shop.example/ok&line_items[0][price]={}&line_items[0][quantity]=1",
            id(&price)
        );
        let seen = refused(&s, &acct, SESSIONS, &body).await;
        assert_eq!(seen, wrong("line_items[0]"), "{currency}");
        let rate = "shipping_options[0][shipping_rate_data]";
        let sent = |amount: i64| {
            format!(
                "{}&{rate}[display_name]=Post&{rate}[type]=fixed_amount&{rate}[fixed_amount][amount]={amount}&{rate}[fixed_amount][currency]={currency}",
                line(currency, fits)
            )
        };
        let seen = refused(&s, &acct, SESSIONS, &sent(101)).await;
        assert_eq!(seen, wrong(&format!("{rate}[fixed_amount][amount]")));
        let session = s.on(&acct, SESSIONS, &sent(100)).await;
        assert_eq!(session["amount_total"], fits + 100);
        assert_eq!(s.pay(&session, json!({})).await["payment_status"], "paid");
    }
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_discount_that_leaves_what_cant_be_charged_is_refused_or_rounded() {
    for (how, total) in [("refused", None), ("rounded", Some(920))] {
        let s = Stripe::under("discount_step", how).await;
        let acct = s.seller().await;
        // 918 would be left of 1020.
        let coupon = s.on(&acct, "/v1/coupons", "percent_off=10").await;
        let body = format!("{}&discounts[0][coupon]={}", line("kwd", 1020), id(&coupon));
        let session = ask(&s, &acct, SESSIONS, &body).await;
        match total {
            None => assert_eq!(
                (session.status, session.error("param")),
                (400, "line_items")
            ),
            Some(total) => assert_eq!(session.body["amount_total"], total),
        }
        let code = format!(
            "promotion[type]=coupon&promotion[coupon]={}&code=TEN",
            id(&coupon)
        );
        s.on(&acct, "/v1/promotion_codes", &code).await;
        let body = format!("{}&allow_promotion_codes=true", line("kwd", 1020));
        let session = s.on(&acct, SESSIONS, &body).await;
        let path = format!("/_simulator/checkout/sessions/{}/pay", id(&session));
        let paid = s
            .send("POST", &path, r#"{"promotion_code":"TEN"}"#, &[])
            .await;
        assert_eq!(
            paid.status,
            if total.is_some() { 200 } else { 400 },
            "{how}"
        );
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn payouts_by_hand_take_whole_units_of_some_currencies() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    for (currency, off, fits) in [("huf", 104_500 + 45, 104_500), ("twd", 80_045, 80_000)] {
        let session = s.on(&acct, SESSIONS, &line(currency, 200_000)).await;
        s.pay(&session, json!({})).await;
        s.post(
            &format!("/v1/accounts/{acct}"),
            "settings[payouts][schedule][interval]=manual",
        )
        .await;
        s.simulator.advance(3 * DAY).await;
        let bank = format!(
            "external_account[object]=bank_account&external_account[country]=DE&external_account[currency]={currency}&external_account[account_number]=DE89370400440532013000"
        );
        s.post(&format!("/v1/accounts/{acct}/external_accounts"), &bank)
            .await;
        let body = |amount: i64| format!("amount={amount}&currency={currency}");
        let seen = refused(&s, &acct, "/v1/payouts", &body(off)).await;
        assert_eq!(seen, wrong("amount"), "{currency}");
        let payout = s.on(&acct, "/v1/payouts", &body(fits)).await;
        assert_eq!(payout["amount"], fits);
    }
}

#[tokio::test]
async fn an_invoice_is_rounded_to_whole_units_and_the_rest_stays_with_the_customer() {
    for (amount, due, balance) in [
        (50_049, 50_000, 49),
        (50_050, 50_100, -50),
        (50_000, 50_000, 0),
    ] {
        let s = Stripe::start().await;
        let acct = s.seller().await;
        let customer = s.on(&acct, "/v1/customers", "email=a@b.example").await;
        let body = format!("customer={}&currency=ugx&amount={amount}", id(&customer));
        s.on(&acct, "/v1/invoiceitems", &body).await;
        let body = format!(
            "customer={}&currency=ugx&pending_invoice_items_behavior=include",
            id(&customer)
        );
        let invoice = s.on(&acct, "/v1/invoices", &body).await;
        let path = format!("/v1/invoices/{}/finalize", id(&invoice));
        let invoice = s.on(&acct, &path, "").await;
        assert_eq!(invoice["amount_due"], due, "{invoice}");
        let path = format!("/v1/customers/{}", id(&customer));
        assert_eq!(s.get_on(&acct, &path).await["balance"], balance, "{amount}");
    }
}

#[tokio::test]
async fn an_account_is_where_stripe_has_accounts_and_has_the_currency_of_its_country() {
    let s = Stripe::start().await;
    for (country, code) in [
        ("XX", "country_code_invalid"),
        ("USA", "country_code_invalid"),
        ("TR", "country_unsupported"),
    ] {
        let answer = s
            .send("POST", "/v1/accounts", &format!("country={country}"), &[])
            .await;
        assert_eq!(
            (answer.status, answer.error("code"), answer.error("param")),
            (400, code, "country"),
            "{}",
            answer.body
        );
    }
    for (country, currency) in [("de", "eur"), ("GI", "gbp"), ("LI", "chf"), ("BG", "eur")] {
        let account = s.post("/v1/accounts", &format!("country={country}")).await;
        assert_eq!(account["default_currency"], currency, "{country}");
    }
    let body = "country=DE&default_currency=xyz";
    let answer = s.send("POST", "/v1/accounts", body, &[]).await;
    assert_eq!(
        (answer.status, answer.error("param")),
        (400, "default_currency")
    );
}

/// <https://docs.stripe.com/api/payment_intents/create#create_payment_intent-statement_descriptor>
#[tokio::test]
async fn a_card_takes_no_complete_statement_descriptor() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let tea = "amount=1000&currency=eur&statement_descriptor=Tea and cake";
    let card = format!("{tea}&payment_method=pm_card_visa");
    let (_, param) = refused(&s, &acct, "/v1/payment_intents", &card).await;
    assert_eq!(param, "statement_descriptor");
}

#[tokio::test]
async fn descriptors_and_addresses_have_one_rule_for_all_nouns() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let intent = "amount=1000&currency=eur";
    let session = line("eur", 1000);
    for (path, body, param) in [
        (
            "/v1/payment_intents",
            format!("{intent}&statement_descriptor=Tea*s"),
            "statement_descriptor",
        ),
        (
            "/v1/payment_intents",
            format!("{intent}&statement_descriptor_suffix=2026"),
            "statement_descriptor_suffix",
        ),
        (
            "/v1/payment_intents",
            format!("{intent}&shipping[name]=A&shipping[address][country]=XX"),
            "shipping[address][country]",
        ),
        (
            "/v1/charges",
            format!("{intent}&source=tok_visa&statement_descriptor=Tea"),
            "statement_descriptor",
        ),
        (
            SESSIONS,
            format!("{session}&payment_intent_data[statement_descriptor]=Tea"),
            "payment_intent_data[statement_descriptor]",
        ),
        (
            "/v1/products",
            "name=Tea&statement_descriptor=<Tea>".to_owned(),
            "statement_descriptor",
        ),
        (
            "/v1/payouts",
            "amount=10&currency=eur&statement_descriptor=2026".to_owned(),
            "statement_descriptor",
        ),
        (
            "/v1/customers",
            "address[country]=Germany".to_owned(),
            "address[country]",
        ),
        (
            "/v1/customers",
            "shipping[name]=A&shipping[address][country]=UK".to_owned(),
            "shipping[address][country]",
        ),
    ] {
        assert_eq!(refused(&s, &acct, path, &body).await.1, param, "{path}");
    }
    for (body, param) in [
        (
            "settings[payments][statement_descriptor]=12345",
            "settings[payments][statement_descriptor]",
        ),
        (
            "settings[card_payments][statement_descriptor_prefix]=a2345678901",
            "settings[card_payments][statement_descriptor_prefix]",
        ),
        ("company[address][country]=XX", "company[address][country]"),
    ] {
        let answer = s
            .send("POST", &format!("/v1/accounts/{acct}"), body, &[])
            .await;
        assert_eq!((answer.status, answer.error("param")), (400, param));
    }
}
