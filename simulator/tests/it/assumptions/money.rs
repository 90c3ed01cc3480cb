//! What Stripe's descriptions leave open about refunds, disputes, transfers and payouts: each answer.

use serde_json::{Value, json};

use crate::support::{DAY, START, Stripe, check_books};
use crate::transfers::{NOW, charge, id};

async fn books(s: &Stripe) {
    check_books(&s.simulator.oracle().await);
}

async fn available(s: &Stripe, account: &str) -> i64 {
    let balance = s.get_on(account, "/v1/balance").await;
    balance["available"][0]["amount"].as_i64().expect("amount")
}

async fn paid_out(s: &Stripe, account: &str) -> Vec<Value> {
    let list = s.get_on(account, "/v1/payouts?limit=100").await;
    list["data"].as_array().expect("list").clone()
}

/// Puts a dispute on a sale.
async fn disputed(s: &Stripe, charge: &Value, how: &str) -> Value {
    let path = format!("/_simulator/charges/{}/dispute", id(charge));
    s.post(&path, how).await
}

#[tokio::test]
async fn a_refund_is_made_of_pending_money_or_waits_for_it() {
    for (how, at_once) in [("refundable", "succeeded"), ("waits", "pending")] {
        let s = Stripe::under("pending_money", how).await;
        let seller = s.seller().await;
        let sale = s.sale(&seller, 3000, 0).await;
        s.sale(&seller, 3000, 0).await;
        let body = format!("charge={}", id(&sale));
        let refund = s.on(&seller, "/v1/refunds", &body).await;
        assert_eq!(refund["status"], at_once);
        s.simulator.advance(3 * DAY).await;
        let path = format!("/v1/refunds/{}", id(&refund));
        assert_eq!(s.get_on(&seller, &path).await["status"], "succeeded");
        books(&s).await;
    }
}

#[tokio::test]
async fn a_fraudulent_refund_may_mark_its_charge() {
    for (how, told) in [("reported", json!("fraudulent")), ("silent", Value::Null)] {
        let s = Stripe::under("fraudulent_refund", how).await;
        let sale = charge(&s, 1000, NOW, "").await;
        let body = format!("charge={}&reason=fraudulent", id(&sale));
        s.post("/v1/refunds", &body).await;
        let sale = s.get(&format!("/v1/charges/{}", id(&sale))).await;
        assert_eq!(sale["fraud_details"]["user_report"], told);
    }
}

#[tokio::test]
async fn a_disputes_money_goes_with_the_charges_or_at_once() {
    for (how, left) in [("with_charge", 0), ("at_once", -5000)] {
        let s = Stripe::under("dispute_money", how).await;
        let seller = s.seller().await;
        let sale = s.sale(&seller, 3000, 0).await;
        disputed(&s, &sale, "").await;
        assert_eq!(available(&s, &seller).await, left);
        books(&s).await;
    }
}

#[tokio::test]
async fn a_platform_pays_dispute_fees_by_either_type() {
    for how in ["stripe_fee", "adjustment"] {
        let s = Stripe::under("platform_dispute_fee", how).await;
        let body = "country=DE&controller[fees][payer]=application&controller[losses][payments]=application&controller[stripe_dashboard][type]=express";
        let seller = id(&s.post("/v1/accounts", body).await).to_owned();
        let onboard = format!("/_simulator/accounts/{seller}/onboard");
        s.post(&onboard, "").await;
        let sale = s.sale(&seller, 3000, 0).await;
        disputed(&s, &sale, "").await;
        let list = s.get(&format!("/v1/balance_transactions?type={how}")).await;
        let fees = list["data"].as_array().expect("list");
        assert!(
            fees.iter().any(|t| t["description"] == "Dispute fee"),
            "{how}"
        );
        books(&s).await;
    }
}

#[tokio::test]
async fn a_disputes_metadata_may_submit_its_evidence() {
    for (how, status) in [
        ("submits_nothing", "needs_response"),
        ("submits", "under_review"),
    ] {
        let s = Stripe::under("dispute_metadata", how).await;
        let sale = charge(&s, 1000, NOW, "").await;
        let dispute = disputed(&s, &sale, "").await;
        let path = format!("/v1/disputes/{}", id(&dispute));
        assert_eq!(s.post(&path, "metadata[a]=b").await["status"], status);
    }
}

#[tokio::test]
async fn an_inquiry_may_never_end_by_itself() {
    for (how, status) in [
        ("after_120_days", "warning_closed"),
        ("never", "warning_needs_response"),
    ] {
        let s = Stripe::under("inquiry_end", how).await;
        let sale = charge(&s, 1000, NOW, "").await;
        let inquiry = disputed(&s, &sale, &json!({ "inquiry": true }).to_string()).await;
        s.simulator.advance(121 * DAY).await;
        let path = format!("/v1/disputes/{}", id(&inquiry));
        assert_eq!(s.get(&path).await["status"], status);
    }
}

#[tokio::test]
async fn a_transfer_group_is_made_of_intent_or_charge() {
    for how in ["of_intent", "of_charge"] {
        let s = Stripe::under("transfer_group", how).await;
        let seller = s.seller().await;
        let sale = charge(&s, 1000, NOW, "").await;
        let body = format!(
            "amount=400&currency=eur&destination={seller}&source_transaction={}",
            id(&sale)
        );
        let transfer = s.post("/v1/transfers", &body).await;
        let of = match how {
            "of_intent" => sale["payment_intent"].as_str().expect("intent"),
            _ => id(&sale),
        };
        assert_eq!(transfer["transfer_group"], format!("group_{of}"));
    }
}

#[tokio::test]
async fn a_destination_charges_reversal_may_need_the_money() {
    for (how, status) in [("below_zero", 200), ("covered", 400)] {
        let s = Stripe::under("destination_reversal", how).await;
        let seller = s.seller().await;
        let more = format!("&transfer_data[destination]={seller}");
        let sale = charge(&s, 1000, NOW, &more).await;
        s.simulator.advance(5 * DAY).await;
        assert_eq!(available(&s, &seller).await, 0, "it is paid out");
        let transfer = sale["transfer"].as_str().expect("transfer");
        let path = format!("/v1/transfers/{transfer}/reversals");
        assert_eq!(s.send("POST", &path, "", &[]).await.status, status);
        books(&s).await;
    }
}

#[tokio::test]
async fn an_account_may_refund_what_came_by_a_transfer() {
    for (how, status) in [("not_refundable", 400), ("refundable", 200)] {
        let s = Stripe::under("transferred_payment", how).await;
        let seller = s.seller().await;
        let more = format!("&transfer_data[destination]={seller}&application_fee_amount=100");
        let sale = charge(&s, 1000, NOW, &more).await;
        let transfer = format!(
            "/v1/transfers/{}",
            sale["transfer"].as_str().expect("transfer")
        );
        let payment = s.get(&transfer).await["destination_payment"].clone();
        let body = format!(
            "charge={}&amount=500&refund_application_fee=true",
            payment.as_str().expect("payment")
        );
        let on = [("Stripe-Account", seller.as_str())];
        let refund = s.send("POST", "/v1/refunds", &body, &on).await;
        assert_eq!(refund.status, status, "{}", refund.body);
        let reversed = s.get(&transfer).await["amount_reversed"].clone();
        if status == 200 {
            assert_eq!(
                (&refund.body["amount"], reversed),
                (&json!(500), json!(500))
            );
            let fees = s.get("/v1/application_fees").await;
            assert_eq!(fees["data"][0]["amount_refunded"], 50);
        } else {
            assert_eq!(reversed, 0);
        }
        books(&s).await;
    }
}

#[tokio::test]
async fn moneys_day_begins_at_midnight_or_in_the_morning() {
    for (how, hour) in [("midnight", 0), ("morning", 8)] {
        let s = Stripe::under("money_day", how).await;
        let seller = s.seller().await;
        s.sale(&seller, 3000, 0).await;
        let list = s.get_on(&seller, "/v1/balance_transactions").await;
        let on = list["data"][0]["available_on"].as_i64().expect("time");
        assert_eq!(on % DAY, hour * 3600);
        s.simulator.advance(5 * DAY).await;
        let made = paid_out(&s, &seller).await;
        assert_eq!(made.len(), 1);
        for time in ["created", "arrival_date"] {
            let time = made[0][time].as_i64().expect("time");
            assert!(time > START);
            assert_eq!(time % DAY, hour * 3600);
        }
        books(&s).await;
    }
}

#[tokio::test]
async fn money_without_a_bank_of_its_currency_goes_to_another_or_stays() {
    for (how, made) in [("first_account", 1), ("stays", 0)] {
        let s = Stripe::under("foreign_payout", how).await;
        let seller = s.seller().await;
        let session = "mode=payment&success_url=https://shop.example/ok&line_items[0][price_data][currency]=sek&line_items[0][price_data][unit_amount]=5000&line_items[0][price_data][product_data][name]=Tea&line_items[0][quantity]=1";
        let session = s.on(&seller, "/v1/checkout/sessions", session).await;
        s.pay(&session, json!({})).await;
        s.simulator.advance(5 * DAY).await;
        assert_eq!(paid_out(&s, &seller).await.len(), made);
        books(&s).await;
    }
}

#[tokio::test]
async fn the_fee_of_an_instant_payout_is_inside_or_its_own() {
    for (how, fee, own) in [("inside", 100, 0), ("own", 0, 1)] {
        let s = Stripe::under("instant_fee", how).await;
        let seller = s.seller().await;
        let card = "external_account[object]=card&external_account[number]=4000056655665556&external_account[currency]=eur&external_account[exp_month]=12&external_account[exp_year]=2031";
        let path = format!("/v1/accounts/{seller}/external_accounts");
        let card = s.post(&path, card).await;
        let manual = "settings[payouts][schedule][interval]=manual";
        s.post(&format!("/v1/accounts/{seller}"), manual).await;
        s.sale(&seller, 20_000, 0).await;
        s.simulator.advance(3 * DAY).await;
        let before = available(&s, &seller).await;
        let body = format!(
            "amount=10000&currency=eur&method=instant&destination={}&expand[]=balance_transaction",
            id(&card)
        );
        let payout = s.on(&seller, "/v1/payouts", &body).await;
        assert_eq!(payout["balance_transaction"]["fee"], fee);
        let list = s
            .get_on(&seller, "/v1/balance_transactions?type=stripe_fee")
            .await;
        assert_eq!(list["data"].as_array().map(Vec::len), Some(own));
        assert_eq!(available(&s, &seller).await, before - 10_100);
        books(&s).await;
    }
}

#[tokio::test]
async fn a_bank_that_failed_gets_less_or_nothing() {
    for (how, by_hand, poor) in [
        ("refuses_all", 400, "new"),
        ("refuses_automatic", 200, "new"),
        ("after_any_failure", 400, "errored"),
    ] {
        let s = Stripe::under("errored_bank", how).await;
        let seller = s.seller().await;
        s.sale(&seller, 3000, 0).await;
        s.simulator.advance(5 * DAY).await;
        let fail = |code: &str| json!({ "failure_code": code }).to_string();
        let first = paid_out(&s, &seller).await;
        let path = format!("/_simulator/payouts/{}/fail", id(&first[0]));
        s.post(&path, &fail("account_closed")).await;
        let body = "amount=1000&currency=eur";
        let on = [("Stripe-Account", seller.as_str())];
        let made = s.send("POST", "/v1/payouts", body, &on).await;
        assert_eq!(made.status, by_hand, "{how}: {}", made.body);
        s.post(&format!("/_simulator/accounts/{seller}/mend_payouts"), "")
            .await;
        let made = s.on(&seller, "/v1/payouts", body).await;
        let path = format!("/_simulator/payouts/{}/fail", id(&made));
        s.post(&path, &fail("insufficient_funds")).await;
        let account = s.get(&format!("/v1/accounts/{seller}")).await;
        assert_eq!(
            account["external_accounts"]["data"][0]["status"], poor,
            "{how}"
        );
        books(&s).await;
    }
}

#[tokio::test]
async fn a_negative_balance_may_be_debited_although_money_is_on_its_way() {
    for (how, debits) in [("unless_covered", false), ("debited", true)] {
        let s = Stripe::under("negative_balance", how).await;
        let seller = s.seller().await;
        let allow = "settings[payouts][debit_negative_balances]=true";
        s.post(&format!("/v1/accounts/{seller}"), allow).await;
        let sale = s.sale(&seller, 1000, 0).await;
        s.simulator.advance(5 * DAY).await;
        disputed(&s, &sale, "").await;
        s.sale(&seller, 50_000, 0).await;
        s.simulator.advance(DAY).await;
        let made = paid_out(&s, &seller).await;
        let debited = made.iter().any(|p| p["amount"].as_i64() < Some(0));
        assert_eq!(debited, debits, "{how}");
        books(&s).await;
    }
}
