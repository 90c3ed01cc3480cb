//! Findings are predicates: each is open exactly as long as what it says is true.

use serde_json::{Value, json};
use souk::ledger;
use souk::reconciliation;
use souk_entity::AccountId;

use crate::harness::{Between, Checkout, Shop, TestApp, text};

const DAY: i64 = 86_400;

async fn state(app: &TestApp, kind: &str) -> Value {
    let admin = app.admin().await;
    let path = format!("/v1/ledger/findings?kind={kind}");
    let list = app.get(path).by(&admin).expect(200).await;
    list["data"][0]["state"].clone()
}

async fn reconcile(app: &TestApp) {
    reconciliation::reconcile(&app.app).await.expect("looks");
    app.run_jobs().await;
}

async fn pull(app: &TestApp, shop: &Shop) {
    app.advance(61).await;
    let account = AccountId(shop.account.clone());
    ledger::pull(&app.app, &account, false)
        .await
        .expect("pulls");
    app.run_jobs().await;
}

/// Somebody has paid, and the event that tells of it has been taken.
async fn paid(app: &TestApp) -> (Shop, Checkout, Value) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    let checkout = app.checkout(&lamp).await;
    app.pay(&checkout).await;
    let completed = app.pending_one("checkout.session.completed").await;
    app.intercept().await;
    (shop, checkout, completed)
}

/// The seller gives all of a session's money back in the Stripe dashboard.
async fn refund_there(app: &TestApp, shop: &Shop, checkout: &Checkout) {
    let path = format!("/checkout/sessions/{}", checkout.id);
    let session = app.stripe_api("GET", &path, &shop.account, &[]).await;
    let intent = session["payment_intent"].as_str().expect("an intent");
    let refund = [("payment_intent", intent)];
    app.stripe_api("POST", "/refunds", &shop.account, &refund)
        .await;
    app.intercept().await;
}

#[tokio::test]
async fn a_transaction_that_changed_is_a_finding_until_it_is_as_it_was() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    pull(&app, &shop).await;
    between.edit(|path, _, answer| {
        if path.starts_with("/v1/balance_transactions?") {
            answer["data"][0]["net"] = json!(7);
        } else if path.starts_with("/v1/balance_transactions/") {
            answer["net"] = json!(7);
        }
    });
    pull(&app, &shop).await;
    assert_eq!(state(&app, "immutable_changed").await, "open");
    // Long after any pull looks at it by itself.
    app.advance(60 * DAY).await;
    app.intercept().await;
    reconcile(&app).await;
    assert_eq!(state(&app, "immutable_changed").await, "open");
    between.be_honest();
    reconcile(&app).await;
    assert_eq!(state(&app, "immutable_changed").await, "resolved");

    // A pull sees it too.
    app.sql("UPDATE findings SET state = 'open' WHERE kind = 'immutable_changed'")
        .await;
    app.sql("UPDATE books SET pulled_to = 7").await;
    pull(&app, &shop).await;
    assert_eq!(state(&app, "immutable_changed").await, "resolved");
}

#[tokio::test]
async fn a_transaction_that_could_not_be_read_is_asked_for_again_however_old_it_is() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    between.edit(|path, _, answer| {
        if path.starts_with("/v1/balance_transactions?") {
            for row in answer["data"].as_array_mut().expect("rows") {
                row["reporting_category"] = Value::Null;
            }
        } else if path.starts_with("/v1/balance_transactions/") {
            answer["reporting_category"] = Value::Null;
        }
    });
    app.sale(&lamp).await;
    pull(&app, &shop).await;
    app.advance(60 * DAY).await;
    app.intercept().await;
    reconcile(&app).await;
    assert_eq!(state(&app, "unreadable_transaction").await, "open");
    assert_eq!(app.count("balance_transactions").await, 0);
    between.be_honest();
    reconcile(&app).await;
    assert_eq!(state(&app, "unreadable_transaction").await, "resolved");
    assert_eq!(app.count("balance_transactions").await, 1);
    assert_eq!(app.count("unreadable_transactions").await, 0);
}

#[tokio::test]
async fn a_session_that_names_no_payment_of_ours_is_a_finding_until_it_is_refunded_or_found() {
    for refunded in [true, false] {
        let app = TestApp::start().await;
        let (shop, checkout, mut completed) = paid(&app).await;
        // As after going back to a backup from before the checkout.
        let lost = "stripe_object = 'cs_other', attempt = 'other'";
        app.sql(&format!(
            "UPDATE payments SET {lost} WHERE id = '{}'",
            checkout.payment
        ))
        .await;
        completed["data"]["object"]["metadata"]["souk_payment"] = json!("pay_lost");
        assert_eq!(app.deliver(&completed).await, "ignored");
        assert_eq!(state(&app, "orphan_payment").await, "open");
        if refunded {
            refund_there(&app, &shop, &checkout).await;
        } else {
            let found = format!("stripe_object = '{}'", checkout.id);
            app.sql(&format!(
                "UPDATE payments SET {found} WHERE id = '{}'",
                checkout.payment
            ))
            .await;
        }
        reconcile(&app).await;
        assert_eq!(
            state(&app, "orphan_payment").await,
            "resolved",
            "{refunded}"
        );
        if !refunded {
            app.settle().await;
            assert_eq!(app.order(&checkout).await["status"], "paid");
        }
        app.allow_unfinished_work();
    }
}

#[tokio::test]
async fn a_session_with_another_amount_is_a_finding_until_it_has_ours_or_is_refunded() {
    for refunded in [true, false] {
        let (app, between) = Between::start().await;
        let (shop, checkout, mut completed) = paid(&app).await;
        completed["data"]["object"]["amount_subtotal"] = json!(2400);
        between.edit(|path, _, answer| {
            if path.starts_with("/v1/checkout/sessions/") {
                answer["amount_subtotal"] = json!(2400);
            }
        });
        assert_eq!(app.deliver(&completed).await, "ignored");
        reconcile(&app).await;
        assert_eq!(state(&app, "amount_mismatch").await, "open");
        match refunded {
            true => refund_there(&app, &shop, &checkout).await,
            false => between.be_honest(),
        }
        reconcile(&app).await;
        assert_eq!(
            state(&app, "amount_mismatch").await,
            "resolved",
            "{refunded}"
        );
        if !refunded {
            app.settle().await;
            assert_eq!(app.order(&checkout).await["status"], "paid");
        }
    }
}

/// A seller who is paid out only by hand, with a sale of some money and no more.
async fn by_hand(app: &TestApp) -> Shop {
    let shop = app.shop_in("mira", "DE").await;
    let manual = [("settings[payouts][schedule][interval]", "manual")];
    let path = format!("/accounts/{}", shop.account);
    app.stripe_api("POST", &path, &shop.account, &manual).await;
    let thing = app.product_in(&shop, 4000, "eur", None).await;
    app.sale(&thing).await;
    app.advance(4 * DAY).await;
    app.settle().await;
    shop
}

async fn payout_by_hand(app: &TestApp, shop: &Shop, amount: &str) -> String {
    let body = [("amount", amount), ("currency", "eur")];
    let payout = app
        .stripe_api("POST", "/payouts", &shop.account, &body)
        .await;
    app.advance(3 * DAY).await;
    app.settle().await;
    text(&payout, "id")
}

#[tokio::test]
async fn a_payout_by_hand_that_failed_is_a_finding_until_as_much_is_paid_out_by_hand() {
    let app = TestApp::start().await;
    let shop = by_hand(&app).await;
    let failed = payout_by_hand(&app, &shop, "1000").await;
    let body = json!({ "failure_code": "account_closed" });
    app.simulate(&format!("/payouts/{failed}/fail"), body).await;
    app.settle().await;
    pull(&app, &shop).await;
    reconcile(&app).await;
    assert_eq!(state(&app, "payout_failed").await, "open");
    let mended = format!("/accounts/{}/mend_payouts", shop.account);
    app.simulate(&mended, json!({})).await;
    payout_by_hand(&app, &shop, "400").await;
    reconcile(&app).await;
    assert_eq!(state(&app, "payout_failed").await, "open", "only a part");
    payout_by_hand(&app, &shop, "600").await;
    reconcile(&app).await;
    assert_eq!(state(&app, "payout_failed").await, "resolved");
}

#[tokio::test]
async fn a_payout_that_does_not_arrive_for_days_is_a_finding_until_it_does() {
    let app = TestApp::start().await;
    let shop = by_hand(&app).await;
    let payout = payout_by_hand(&app, &shop, "1000").await;
    reconcile(&app).await;
    assert_eq!(state(&app, "payout_stuck").await, Value::Null);
    app.sql("UPDATE payouts SET status = 'in_transit', arrival_date = 7")
        .await;
    reconcile(&app).await;
    assert_eq!(state(&app, "payout_stuck").await, "open");
    app.sql(&format!(
        "UPDATE payouts SET status = 'paid' WHERE id = '{payout}'"
    ))
    .await;
    reconcile(&app).await;
    assert_eq!(state(&app, "payout_stuck").await, "resolved");
    app.allow_unfinished_work();
}

#[tokio::test]
async fn money_in_suspense_is_a_finding_until_somebody_has_posted_it() {
    let app = TestApp::start().await;
    let shop = by_hand(&app).await;
    pull(&app, &shop).await;
    let post = async |name: &str, amount: i64| {
        let entry = |id: &str, account: &str, amount: i64| {
            format!(
                "INSERT INTO entries (id, journal_id, book_id, account, currency, amount)
                   SELECT '{name}{id}', '{name}', id, '{account}', 'eur', {amount} FROM books; "
            )
        };
        let journal = format!(
            "INSERT INTO journals (id, book_id, source, posting_rule, posted_at)
               SELECT '{name}', id, '{name}', 2, 0 FROM books"
        );
        let entries = entry("a", "suspense", amount) + &entry("b", "bank", -amount);
        app.sql(&(entries + &journal)).await;
    };
    post("jrn_x", 7).await;
    let raise = "INSERT INTO findings (id, kind, subject, message, state, created_at)
        SELECT 'fnd_1', 'suspense_nonzero', id || ':eur', 'money', 'open', 1 FROM books";
    app.sql(raise).await;
    reconcile(&app).await;
    assert_eq!(state(&app, "suspense_nonzero").await, "open");
    post("jrn_y", -7).await;
    reconcile(&app).await;
    assert_eq!(state(&app, "suspense_nonzero").await, "resolved");
}

#[tokio::test]
async fn of_a_disconnected_accounts_book_nothing_is_claimed() {
    let app = TestApp::start().await;
    by_hand(&app).await;
    for kind in ["pull_failed", "balance_drift", "inconclusive"] {
        app.sql(&format!(
            "INSERT INTO findings (id, kind, subject, message, state, created_at)
               SELECT 'fnd_{kind}', '{kind}', id || ':eur', 'money', 'open', 1 FROM books"
        ))
        .await;
    }
    reconcile(&app).await;
    assert_eq!(app.count("findings WHERE state = 'open'").await, 3);
    app.sql("UPDATE sellers SET deauthorized_at = 7").await;
    reconcile(&app).await;
    assert_eq!(app.count("findings WHERE state = 'open'").await, 0);
}
