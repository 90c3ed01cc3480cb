//! Invoices, by hand and of subscriptions.

use super::*;

#[tokio::test]
async fn coupons_come_off_invoices_once_or_for_months() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let price = shop.price(2000, "month").await;
    shop.post("/v1/coupons", "id=half&percent_off=50").await;
    shop.post(
        "/v1/coupons",
        "id=two&amount_off=300&currency=eur&duration=repeating&duration_in_months=2",
    )
    .await;
    let subscription = shop
        .subscribe(
            &price,
            "&discounts[0][coupon]=half&discounts[1][coupon]=two&expand[]=discounts",
        )
        .await;
    assert_eq!(subscription["discounts"].as_array().map(Vec::len), Some(1));
    for month in MONTHS.into_iter().skip(1).take(2) {
        shop.advance(month + 2 * HOUR).await;
    }
    let totals: Vec<_> = shop
        .invoices()
        .await
        .iter()
        .map(|i| i["total"].as_i64().expect("total"))
        .collect();
    assert_eq!(totals, [700, 1700, 2000]);
    let first = &shop.invoices().await[0];
    assert_eq!(first["total_discount_amounts"][0]["amount"], 1000);
    assert_eq!(
        first["lines"]["data"][0]["discount_amounts"][1]["amount"],
        300
    );
    assert_eq!(
        first["lines"]["data"][0]["pretax_credit_amounts"][1]["type"],
        "discount"
    );
    let twice = shop
        .subscribe(
            &price,
            "&discounts[0][coupon]=half&discounts[1][coupon]=half",
        )
        .await;
    let last = shop.invoices().await.pop().expect("invoice");
    assert_eq!(
        (&last["id"], &last["total"]),
        (&twice["latest_invoice"], &500.into())
    );
    let types = shop.stripe.event_types(&shop.seller).await;
    assert_eq!(
        types
            .iter()
            .filter(|t| *t == "customer.discount.created")
            .count(),
        4
    );
    assert_eq!(
        types
            .iter()
            .filter(|t| *t == "customer.discount.deleted")
            .count(),
        4
    );
}

/// Drafts an invoice of one item.
async fn draft(shop: &Shop, amount: i64, more: &str) -> String {
    let item = format!(
        "customer={}&amount={amount}&currency=eur&description=Work",
        shop.customer
    );
    shop.post("/v1/invoiceitems", &item).await;
    let body = format!(
        "customer={}&pending_invoice_items_behavior=include{more}",
        shop.customer
    );
    id(&shop.post("/v1/invoices", &body).await)
}

/// Events of these types came, and the books hold.
async fn happened(shop: &Shop, wanted: &[&str]) {
    let types = shop.stripe.event_types(&shop.seller).await;
    for name in wanted {
        assert!(types.iter().any(|t| t == name), "{name}: {types:?}");
    }
    check_books(&shop.stripe.get("/_simulator/oracle").await);
}

#[tokio::test]
async fn an_invoice_by_hand_is_drafted_and_finalized() {
    let shop = Shop::open().await;
    let path = format!("/v1/invoices/{}", draft(&shop, 4000, "").await);
    shop.post(
        &format!("{path}/add_lines"),
        "lines[0][amount]=500&lines[0][description]=More",
    )
    .await;
    let made = shop.get(&path).await;
    assert_eq!(
        (&made["total"], &made["status"], &made["number"]),
        (&4500.into(), &"draft".into(), &Value::Null)
    );
    let open = shop.post(&format!("{path}/finalize"), "").await;
    assert_eq!(
        (&open["status"], &open["amount_due"]),
        (&"open".into(), &4500.into())
    );
    assert!(open["hosted_invoice_url"].is_string());
    let again = shop.send("POST", &format!("{path}/finalize"), "").await;
    assert_eq!(again.error("code"), "invoice_not_editable");
    let line = "lines[0][amount]=5";
    let late = shop.send("POST", &format!("{path}/add_lines"), line).await;
    assert_eq!(late.status, 400);
    happened(&shop, &["invoiceitem.created", "invoice.updated"]).await;
}

#[tokio::test]
async fn an_invoice_is_paid_by_card_after_a_decline() {
    let shop = Shop::open().await;
    let invoice = draft(&shop, 4500, "&application_fee_amount=100").await;
    let path = format!("/v1/invoices/{invoice}");
    shop.post(&format!("{path}/finalize"), "").await;
    let nothing = shop.send("POST", &format!("{path}/pay"), "").await;
    assert_eq!(nothing.error("code"), "resource_missing");
    shop.card("pm_card_chargeCustomerFail").await;
    let declined = shop.send("POST", &format!("{path}/pay"), "").await;
    assert_eq!(
        (declined.status, declined.error("code")),
        (402, "card_declined")
    );
    assert_eq!(shop.get(&path).await["attempt_count"], 1);
    shop.card("pm_card_visa").await;
    let done = shop.post(&format!("{path}/pay"), "expand[]=payments").await;
    assert_eq!(
        (
            &done["status"],
            &done["amount_paid"],
            &done["amount_remaining"]
        ),
        (&"paid".into(), &4500.into(), &0.into())
    );
    assert_eq!(done["payments"]["data"][0]["status"], "paid");
    let payments = shop
        .get(&format!("/v1/invoice_payments?invoice={invoice}"))
        .await;
    assert_eq!(payments["data"][0]["amount_paid"], 4500);
    let fees = shop.stripe.get("/v1/application_fees").await;
    assert_eq!(fees["data"][0]["amount"], 100);
    happened(&shop, &["invoice.payment_failed", "invoice.paid"]).await;
}

#[tokio::test]
async fn an_invoice_ends_in_each_other_way() {
    let shop = Shop::open().await;
    let cash = draft(&shop, 1000, "").await;
    let out = shop
        .post(&format!("/v1/invoices/{cash}/pay"), "paid_out_of_band=true")
        .await;
    assert_eq!(
        (&out["status"], &out["amount_paid_off_stripe"]),
        (&"paid".into(), &1000.into())
    );
    let void = format!("/v1/invoices/{}", draft(&shop, 1000, "").await);
    shop.post(&format!("{void}/finalize"), "").await;
    for (action, status) in [("mark_uncollectible", "uncollectible"), ("void", "void")] {
        let ended = shop.post(&format!("{void}/{action}"), "").await;
        assert_eq!(ended["status"], status);
    }
    let late = shop.send("POST", &format!("{void}/pay"), "").await;
    assert_eq!(late.status, 400);
    let terms = "&collection_method=send_invoice&days_until_due=30";
    let sent = draft(&shop, 1000, terms).await;
    let sent = shop.post(&format!("/v1/invoices/{sent}/send"), "").await;
    assert_eq!(
        (&sent["status"], &sent["due_date"]),
        (&"open".into(), &(MONTHS[0] + 30 * DAY).into())
    );
    let small = draft(&shop, 20, "").await;
    let small = shop
        .post(&format!("/v1/invoices/{small}/finalize"), "")
        .await;
    assert_eq!(
        (
            &small["status"],
            &small["amount_due"],
            &small["ending_balance"]
        ),
        (&"paid".into(), &0.into(), &20.into())
    );
    let draft = format!("/v1/invoices/{}", draft(&shop, 1000, "").await);
    let deleted = shop.send("DELETE", &draft, "").await;
    assert_eq!(deleted.body["deleted"], true);
    let types = [
        "invoice.paid",
        "invoice.voided",
        "invoice.marked_uncollectible",
        "invoice.sent",
        "invoice.deleted",
    ];
    happened(&shop, &types).await;
}

#[tokio::test]
async fn what_cannot_be_billed_is_refused_by_name() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let price = shop.price(1500, "month").await;
    let once = id(&shop
        .post(
            "/v1/prices",
            "product_data[name]=Cup&currency=eur&unit_amount=500",
        )
        .await);
    let base = format!("customer={}&items[0][price]={price}", shop.customer);
    for (body, param) in [
        (format!("customer={}", shop.customer), "items"),
        ("items[0][price]=price_1".to_owned(), "customer"),
        (
            format!("customer={}&items[0][price]={once}", shop.customer),
            "items[0][price]",
        ),
        (format!("{base}&items[1][price]={price}"), "items[1][price]"),
        (
            format!("{base}&collection_method=send_invoice"),
            "days_until_due",
        ),
        (format!("{base}&trial_end=5"), "trial_end"),
        (format!("{base}&trial_period_days=900"), "trial_period_days"),
        (
            format!("{base}&billing_cycle_anchor=5"),
            "billing_cycle_anchor",
        ),
        (
            format!("{base}&application_fee_percent=101"),
            "application_fee_percent",
        ),
        (
            format!("{base}&discounts[0][coupon]=none"),
            "discounts[0][coupon]",
        ),
        (
            format!("{base}&default_payment_method=pm_none"),
            "default_payment_method",
        ),
        (
            format!("{base}&automatic_tax[enabled]=true"),
            "automatic_tax[enabled]",
        ),
    ] {
        let refused = shop.send("POST", "/v1/subscriptions", &body).await;
        assert!(refused.status >= 400, "{body}");
        assert_eq!(refused.error("param"), param, "{body}: {}", refused.body);
    }
    assert!(shop.invoices().await.is_empty());
    let on_platform = shop.stripe.post("/v1/customers", "").await;
    let refused = shop
        .stripe
        .send("POST", "/v1/subscriptions", &format!("customer={}&items[0][price_data][currency]=eur&items[0][price_data][unit_amount]=500&items[0][price_data][recurring][interval]=month&items[0][price_data][product]=x&application_fee_percent=5", id(&on_platform)), &[])
        .await;
    assert_eq!(refused.error("param"), "items[0][price_data][product]");
}

#[tokio::test]
async fn collection_pauses_and_a_late_item_pays_for_the_rest_of_its_period() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let (tea, cake) = (
        shop.price(2800, "month").await,
        shop.price(1400, "month").await,
    );
    let subscription = shop.subscribe(&tea, "").await;
    let path = format!("/v1/subscriptions/{}", id(&subscription));
    shop.post(&path, "pause_collection[behavior]=void").await;
    shop.advance(MONTHS[1] + 2 * HOUR).await;
    assert_eq!(shop.invoices().await[1]["status"], "void");
    shop.post(&path, "pause_collection=").await;
    // 28 February to 31 March is 31 days; half of them are left.
    shop.advance(MONTHS[1] + 31 * DAY / 2).await;
    let body = format!(
        "subscription={}&price={cake}&proration_behavior=always_invoice",
        id(&subscription)
    );
    shop.post("/v1/subscription_items", &body).await;
    let bill = shop.invoices().await.pop().expect("invoice");
    assert_eq!(
        (&bill["amount_paid"], &bill["billing_reason"]),
        (&700.into(), &"subscription_update".into())
    );
    shop.advance(MONTHS[2] + 2 * HOUR).await;
    let both = shop.invoices().await.pop().expect("invoice");
    assert_eq!(
        (
            &both["amount_paid"],
            both["lines"]["data"].as_array().map(Vec::len)
        ),
        (&4200.into(), Some(2))
    );
}
