//! Assumptions about prices, discounts, subscriptions and the portal, under each answer.

use serde_json::{Value, json};

use crate::support::{DAY, Stripe, check_books};

fn id(value: &Value) -> String {
    value["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {value}"))
        .to_owned()
}

fn count(types: &[String], name: &str) -> usize {
    types.iter().filter(|t| *t == name).count()
}

/// A customer who can pay.
async fn customer(s: &Stripe, seller: &str, more: &str) -> String {
    let body = format!(
        "email=ada@example.com&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa{more}"
    );
    id(&s.on(seller, "/v1/customers", &body).await)
}

async fn monthly(s: &Stripe, seller: &str, amount: &str) -> String {
    let body = format!("currency=eur&{amount}&recurring[interval]=month&product_data[name]=Tea");
    id(&s.on(seller, "/v1/prices", &body).await)
}

async fn subscribe(s: &Stripe, seller: &str, customer: &str, price: &str, more: &str) -> Value {
    let body = format!("customer={customer}&items[0][price]={price}&expand[]=latest_invoice{more}");
    s.on(seller, "/v1/subscriptions", &body).await
}

#[tokio::test]
async fn half_a_cent_goes_up_or_to_the_even_side() {
    for (how, price, discount) in [("half_up", 101, 51), ("half_even", 100, 50)] {
        let s = Stripe::under("rounding", how).await;
        let seller = s.seller().await;
        let ada = customer(&s, &seller, "").await;
        let half = monthly(&s, &seller, "unit_amount_decimal=100.5").await;
        let made = subscribe(&s, &seller, &ada, &half, "").await;
        assert_eq!(made["latest_invoice"]["total"], price, "{how}");

        s.on(&seller, "/v1/coupons", "id=half&percent_off=50").await;
        let whole = monthly(&s, &seller, "unit_amount=101").await;
        let made = subscribe(&s, &seller, &ada, &whole, "&discounts[0][coupon]=half").await;
        assert_eq!(made["latest_invoice"]["total"], 101 - discount, "{how}");
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn what_a_line_makes_for_itself_may_be_told_of() {
    for (how, told) in [("silent", 0), ("sent", 1)] {
        let s = Stripe::under("inline_prices", how).await;
        let seller = s.seller().await;
        s.session(&seller, 1000, "").await;
        let types = s.event_types(&seller).await;
        assert_eq!(count(&types, "price.created"), told);
        assert_eq!(count(&types, "product.created"), told);
    }
}

#[tokio::test]
async fn a_trial_may_spend_a_coupon_of_one_time() {
    for (how, total) in [("first_billed", 500), ("first_invoice", 1000)] {
        let s = Stripe::under("once_coupon", how).await;
        let seller = s.seller().await;
        let ada = customer(&s, &seller, "").await;
        let price = monthly(&s, &seller, "unit_amount=1000").await;
        s.on(&seller, "/v1/coupons", "id=half&percent_off=50").await;
        let more = "&trial_period_days=7&discounts[0][coupon]=half";
        subscribe(&s, &seller, &ada, &price, more).await;
        s.simulator.advance(8 * DAY).await;
        let list = s.get_on(&seller, "/v1/invoices").await;
        assert_eq!(list["data"][0]["total"], total, "{how}");
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn a_lines_own_discount_comes_before_or_after_the_invoices() {
    for (how, total) in [("lines_first", 450), ("invoice_first", 400)] {
        let s = Stripe::under("discount_order", how).await;
        let seller = s.seller().await;
        let ada = customer(&s, &seller, "").await;
        let price = monthly(&s, &seller, "unit_amount=1000").await;
        s.on(&seller, "/v1/coupons", "id=half&percent_off=50").await;
        s.on(
            &seller,
            "/v1/coupons",
            "id=hundred&amount_off=100&currency=eur",
        )
        .await;
        let more = "&items[0][discounts][0][coupon]=hundred&discounts[0][coupon]=half";
        let made = subscribe(&s, &seller, &ada, &price, more).await;
        assert_eq!(made["latest_invoice"]["total"], total, "{how}");
    }
}

#[tokio::test]
async fn a_renewal_is_announced_seven_days_before_or_three() {
    for (how, by_day_25) in [("seven_days", 1), ("three_days", 0)] {
        let s = Stripe::under("upcoming_notice", how).await;
        let seller = s.seller().await;
        let ada = customer(&s, &seller, "").await;
        let price = monthly(&s, &seller, "unit_amount=1000").await;
        subscribe(&s, &seller, &ada, &price, "").await;
        s.simulator.advance(25 * DAY).await;
        let upcoming = || async { count(&s.event_types(&seller).await, "invoice.upcoming") };
        assert_eq!(upcoming().await, by_day_25, "{how}");
        s.simulator.advance(4 * DAY).await;
        assert_eq!(upcoming().await, 1, "{how}");
    }
}

#[tokio::test]
async fn what_was_paid_elsewhere_may_count_as_paid() {
    for (how, paid) in [("counts_as_paid", 1000), ("off_stripe_only", 0)] {
        let s = Stripe::under("paid_out_of_band", how).await;
        let seller = s.seller().await;
        let ada = customer(&s, &seller, "").await;
        let body = format!("customer={ada}&currency=eur&amount=1000");
        s.on(&seller, "/v1/invoiceitems", &body).await;
        let body =
            format!("customer={ada}&pending_invoice_items_behavior=include&auto_advance=false");
        let invoice = id(&s.on(&seller, "/v1/invoices", &body).await);
        let pay = format!("/v1/invoices/{invoice}/pay");
        let done = s.on(&seller, &pay, "paid_out_of_band=true").await;
        assert_eq!(
            (&done["status"], &done["amount_paid"]),
            (&json!("paid"), &json!(paid))
        );
        assert_eq!(done["amount_paid_off_stripe"], 1000);
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn a_declined_checkout_may_leave_an_incomplete_subscription() {
    for (how, left) in [("nothing", 0), ("incomplete", 1)] {
        let s = Stripe::under("declined_subscription", how).await;
        let seller = s.seller().await;
        let price = monthly(&s, &seller, "unit_amount=1000").await;
        let body = format!(
            "mode=subscription&success_url=https://shop.example/ok&line_items[0][price]={price}&line_items[0][quantity]=1"
        );
        let session = s.on(&seller, "/v1/checkout/sessions", &body).await;
        let path = format!("/_simulator/checkout/sessions/{}/pay", id(&session));
        let declined = json!({ "card": "4000000000000341" }).to_string();
        s.send("POST", &path, &declined, &[]).await;
        let all = s.get_on(&seller, "/v1/subscriptions?status=all").await;
        let all = all["data"].as_array().expect("list");
        assert_eq!(all.len(), left, "{how}");
        assert!(all.iter().all(|one| one["status"] == "incomplete"));
        let paid = s.pay(&session, json!({})).await;
        assert_eq!(paid["payment_status"], "paid", "{paid}");
        let active = s.get_on(&seller, "/v1/subscriptions?status=active").await;
        assert_eq!(active["data"].as_array().map(Vec::len), Some(1));
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn the_portal_follows_what_is_assumed_of_it() {
    let configurations = "/v1/billing_portal/configurations";
    for (how, status) in [("complete", 400), ("partial", 200)] {
        let s = Stripe::under("portal_features", how).await;
        let body = "features[customer_update][enabled]=true";
        assert_eq!(
            s.send("POST", configurations, body, &[]).await.status,
            status
        );
    }
    for (how, status) in [("stays_active", 400), ("deactivatable", 200)] {
        let s = Stripe::under("default_portal", how).await;
        let seller = s.seller().await;
        let ada = customer(&s, &seller, "").await;
        let session = s
            .on(
                &seller,
                "/v1/billing_portal/sessions",
                &format!("customer={ada}"),
            )
            .await;
        let default = session["configuration"].as_str().expect("id");
        let on = [("Stripe-Account", seller.as_str())];
        let path = format!("{configurations}/{default}");
        assert_eq!(
            s.send("POST", &path, "active=false", &on).await.status,
            status
        );
    }
    for (how, life) in [("hour", 3600), ("five_minutes", 300)] {
        let s = Stripe::under("portal_life", how).await;
        let seller = s.seller().await;
        let ada = customer(&s, &seller, "").await;
        let session = s
            .on(
                &seller,
                "/v1/billing_portal/sessions",
                &format!("customer={ada}"),
            )
            .await;
        let url = session["url"].as_str().expect("url");
        let shown = || async {
            s.http
                .get(url)
                .send()
                .await
                .expect("sent")
                .text()
                .await
                .expect("text")
        };
        s.simulator.advance(life - 1).await;
        assert!(shown().await.contains("ada@example.com"), "{how}");
        s.simulator.advance(1).await;
        assert!(!shown().await.contains("ada@example.com"), "{how}");
    }
}

/// A clock a year ahead, and a customer on it who pays 10.00 a month.
async fn on_clock(s: &Stripe, seller: &str) -> (String, i64) {
    let now = s.simulator.now();
    let later = now + 365 * DAY;
    let body = format!("frozen_time={later}");
    let clock = id(&s.on(seller, "/v1/test_helpers/test_clocks", &body).await);
    let ada = customer(s, seller, &format!("&test_clock={clock}")).await;
    let price = monthly(s, seller, "unit_amount=1000").await;
    subscribe(s, seller, &ada, &price, "").await;
    (clock, later)
}

#[tokio::test]
async fn a_test_clock_is_ready_at_once_or_a_moment_later() {
    for (how, at_once) in [("at_once", "ready"), ("after_five_seconds", "advancing")] {
        let s = Stripe::under("clock_ready", how).await;
        let seller = s.seller().await;
        let (clock, later) = on_clock(&s, &seller).await;
        let path = format!("/v1/test_helpers/test_clocks/{clock}");
        let body = format!("frozen_time={}", later + DAY);
        s.on(&seller, &format!("{path}/advance"), &body).await;
        assert_eq!(s.get_on(&seller, &path).await["status"], at_once, "{how}");
        s.simulator.advance(5).await;
        assert_eq!(s.get_on(&seller, &path).await["status"], "ready", "{how}");
    }
}

#[tokio::test]
async fn money_on_a_test_clock_has_the_accounts_time_or_the_clocks() {
    for how in ["account_time", "clock_time"] {
        let s = Stripe::under("clock_money", how).await;
        let seller = s.seller().await;
        let (_, later) = on_clock(&s, &seller).await;
        let list = s.get_on(&seller, "/v1/balance_transactions").await;
        let created = list["data"][0]["created"].as_i64();
        let created = created.unwrap_or_else(|| panic!("{how}: {list}"));
        assert_eq!(created >= later, how == "clock_time", "{how}");
        check_books(&s.simulator.oracle().await);
    }
}

/// A code with one redemption left, and its path.
async fn last_redemption(s: &Stripe, seller: &str) -> String {
    let coupon = s
        .on(seller, "/v1/coupons", "percent_off=20&duration=once")
        .await;
    let code = format!(
        "promotion[type]=coupon&promotion[coupon]={}&code=LAST&max_redemptions=1",
        id(&coupon)
    );
    let code = s.on(seller, "/v1/promotion_codes", &code).await;
    format!("/v1/promotion_codes/{}", id(&code))
}

/// A buyer enters the code and is declined, so that the session stays open with it; the status of the answer.
async fn enter(s: &Stripe, session: &Value, code: &str) -> u16 {
    let path = format!("/_simulator/checkout/sessions/{}/pay", id(session));
    let body = json!({ "promotion_code": code, "card": "4000000000000002" }).to_string();
    s.send("POST", &path, &body, &[]).await.status
}

#[tokio::test]
async fn a_code_is_redeemed_when_its_session_completes_or_when_it_is_applied() {
    for (how, entered, redeemed) in [
        ("completed", [200, 200, 200], [0, 0, 3]),
        ("applied", [200, 400, 400], [1, 1, 1]),
    ] {
        let s = Stripe::under("code_redemption", how).await;
        let seller = s.seller().await;
        let code = last_redemption(&s, &seller).await;
        let times = async || s.get_on(&seller, &code).await["times_redeemed"].clone();
        let mut sessions = vec![];
        for status in entered {
            let session = s
                .session(&seller, 1000, "&allow_promotion_codes=true")
                .await;
            assert_eq!(enter(&s, &session, "LAST").await, status, "{how}");
            sessions.push(session);
        }
        assert_eq!(times().await, redeemed[0], "{how}");
        // The same code again changes nothing.
        assert_eq!(enter(&s, &sessions[0], "last").await, 200);
        assert_eq!(times().await, redeemed[1], "{how}");
        for session in &sessions {
            s.pay(session, json!({})).await;
        }
        assert_eq!(times().await, redeemed[2], "{how}");
        assert_eq!(s.get_on(&seller, &code).await["active"], false);
    }
}

#[tokio::test]
async fn a_code_that_counts_when_it_is_applied_is_given_back_by_a_session_that_expires() {
    let s = Stripe::under("code_redemption", "applied").await;
    let seller = s.seller().await;
    let path = last_redemption(&s, &seller).await;
    let code = path.rsplit('/').next().expect("an id");
    let given = format!("&discounts[0][promotion_code]={code}");
    let used = |code: &Value| (code["times_redeemed"].clone(), code["active"].clone());
    let session = s.session(&seller, 1000, &given).await;
    let code = s.get_on(&seller, &path).await;
    assert_eq!(used(&code), (json!(1), json!(false)));
    let expire = format!("/v1/checkout/sessions/{}/expire", id(&session));
    s.on(&seller, &expire, "").await;
    let code = s.get_on(&seller, &path).await;
    assert_eq!(used(&code), (json!(0), json!(true)));
    // What somebody has switched off meanwhile stays off.
    let session = s.session(&seller, 1000, &given).await;
    s.on(&seller, &path, "active=false").await;
    let expire = format!("/v1/checkout/sessions/{}/expire", id(&session));
    s.on(&seller, &expire, "").await;
    let code = s.get_on(&seller, &path).await;
    assert_eq!(used(&code), (json!(0), json!(false)));
}

#[tokio::test]
async fn an_invoice_may_be_told_of_when_it_is_due() {
    for (how, told) in [("when_due", 1), ("never", 0)] {
        let s = Stripe::under("overdue_notice", how).await;
        let seller = s.seller().await;
        let ada = customer(&s, &seller, "").await;
        let price = monthly(&s, &seller, "unit_amount=1000").await;
        let more = "&collection_method=send_invoice&days_until_due=7";
        let made = subscribe(&s, &seller, &ada, &price, more).await;
        s.simulator.advance(8 * DAY).await;
        let types = s.event_types(&seller).await;
        assert_eq!(count(&types, "invoice.overdue"), told, "{how}");
        let path = format!("/v1/subscriptions/{}", id(&made));
        assert_eq!(s.get_on(&seller, &path).await["status"], "past_due");
    }
}

#[tokio::test]
async fn a_resumption_that_waits_may_be_shown() {
    for (how, shown) in [("shown", true), ("hidden", false)] {
        let s = Stripe::under("pending_resumption", how).await;
        let seller = s.seller().await;
        let ada = customer(&s, &seller, "").await;
        let price = monthly(&s, &seller, "unit_amount=1000").await;
        let made = subscribe(&s, &seller, &ada, &price, "").await;
        let path = format!("/v1/subscriptions/{}", id(&made));
        let how_paused = "bill_for[unused_time_from][type]=none";
        s.on(&seller, &format!("{path}/pause"), how_paused).await;
        let waiting = s.on(&seller, &format!("{path}/resume"), "").await;
        assert_eq!(waiting["pending_update"].is_object(), shown, "{how}");
        s.simulator.advance(DAY).await;
        let now = s.get_on(&seller, &path).await;
        assert_eq!(now["status"], "paused");
        let types = s.event_types(&seller).await;
        let told = count(&types, "customer.subscription.pending_update_expired");
        assert_eq!(told, usize::from(shown), "{how}");
        assert_eq!(count(&types, "invoice.voided"), 1);
    }
}

#[tokio::test]
async fn a_paused_subscription_may_end_at_its_time() {
    for (how, status) in [("ends", "canceled"), ("waits", "paused")] {
        let s = Stripe::under("paused_cancellation", how).await;
        let seller = s.seller().await;
        let ada = customer(&s, &seller, "").await;
        let price = monthly(&s, &seller, "unit_amount=1000").await;
        let made = subscribe(&s, &seller, &ada, &price, "&cancel_at_period_end=true").await;
        let path = format!("/v1/subscriptions/{}", id(&made));
        s.on(&seller, &path, "cancel_at_period_end=true").await;
        s.on(&seller, &format!("{path}/pause"), "").await;
        s.simulator.advance(40 * DAY).await;
        assert_eq!(s.get_on(&seller, &path).await["status"], status, "{how}");
    }
}

#[tokio::test]
async fn a_renewal_that_the_bank_asks_about_waits_or_is_declined() {
    for (how, status) in [
        ("declined", "requires_payment_method"),
        ("asked", "requires_action"),
    ] {
        let s = Stripe::under("renewal_challenge", how).await;
        let seller = s.seller().await;
        let ada = customer(&s, &seller, "").await;
        let price = monthly(&s, &seller, "unit_amount=1000").await;
        let made = subscribe(&s, &seller, &ada, &price, "").await;
        let path = "/v1/payment_methods/pm_card_authenticationRequired/attach";
        let card = id(&s.on(&seller, path, &format!("customer={ada}")).await);
        let body = format!("invoice_settings[default_payment_method]={card}");
        s.on(&seller, &format!("/v1/customers/{ada}"), &body).await;
        s.simulator.advance(31 * DAY).await;
        let list = s
            .get_on(&seller, "/v1/invoices?expand[]=data.payments")
            .await;
        let open = &list["data"][0];
        assert_eq!(
            (&open["status"], &open["attempt_count"]),
            (&json!("open"), &json!(1))
        );
        assert!(open["next_payment_attempt"].is_i64(), "{how}");
        let intent = open["payments"]["data"][0]["payment"]["payment_intent"].as_str();
        let path = format!("/v1/payment_intents/{}", intent.expect("intent"));
        assert_eq!(s.get_on(&seller, &path).await["status"], status, "{how}");
        let types = s.event_types(&seller).await;
        for name in ["invoice.payment_action_required", "invoice.payment_failed"] {
            assert_eq!(count(&types, name), 1, "{how}: {name}");
        }
        let sub = format!("/v1/subscriptions/{}", id(&made));
        assert_eq!(s.get_on(&seller, &sub).await["status"], "past_due");
        // The customer comes to the invoice's page, and their bank asks them there.
        let page = open["hosted_invoice_url"].as_str().expect("url");
        let send = |url: String, form: String| {
            let request = s
                .http
                .post(url)
                .header("Content-Type", "application/x-www-form-urlencoded");
            async move { request.body(form).send().await.expect("sent") }
        };
        let asked = send(page.to_owned(), format!("method={card}")).await;
        let bank = s.url(asked.headers()["location"].to_str().expect("text"));
        send(bank, "outcome=complete".to_owned()).await;
        assert_eq!(s.get_on(&seller, &sub).await["status"], "active", "{how}");
        check_books(&s.simulator.oracle().await);
    }
}
