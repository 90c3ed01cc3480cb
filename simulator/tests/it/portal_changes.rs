//! What a customer changes of a subscription in the billing portal.

use serde_json::{Value, json};

use crate::support::{DAY, Stripe, check_books};

fn id(value: &Value) -> String {
    value["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {value}"))
        .to_owned()
}

/// A seller with two plans and a customer who has the cheaper.
struct Club {
    s: Stripe,
    acct: String,
    customer: String,
    product: String,
    small: String,
    large: String,
    subscription: String,
    item: String,
}

impl Club {
    async fn open(more: &str) -> Self {
        Self::of(Stripe::start().await, more).await
    }

    async fn of(s: Stripe, more: &str) -> Self {
        let acct = s.seller().await;
        let customer = id(&s
            .on(&acct, "/v1/customers", "email=ann@example.com&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa")
            .await);
        let product = id(&s.on(&acct, "/v1/products", "name=Club").await);
        let mut prices = Vec::new();
        for amount in [1000, 2500] {
            let body = format!(
                "currency=eur&unit_amount={amount}&recurring[interval]=month&product={product}"
            );
            prices.push(id(&s.on(&acct, "/v1/prices", &body).await));
        }
        let body = format!("customer={customer}&items[0][price]={}{more}", prices[0]);
        let made = s.on(&acct, "/v1/subscriptions", &body).await;
        Self {
            subscription: id(&made),
            item: id(&made["items"]["data"][0]),
            large: prices.remove(1),
            small: prices.remove(0),
            s,
            acct,
            customer,
            product,
        }
    }

    /// A session whose configuration lets the customer change what `updates` names.
    async fn session(&self, updates: &[&str], features: &str, more: &str) -> Value {
        let mut body = format!(
            "features[subscription_update][enabled]=true&features[subscription_update][products][0][product]={}&features[subscription_update][products][0][prices][]={}&features[subscription_update][products][0][prices][]={}{features}",
            self.product, self.small, self.large
        );
        for update in updates {
            body += &format!("&features[subscription_update][default_allowed_updates][]={update}");
        }
        let path = "/v1/billing_portal/configurations";
        let made = self.s.on(&self.acct, path, &body).await;
        let body = format!(
            "customer={}&configuration={}&return_url=https://shop.example/me{more}",
            self.customer,
            id(&made)
        );
        let path = "/v1/billing_portal/sessions";
        self.s.on(&self.acct, path, &body).await
    }

    async fn act(&self, session: &Value, form: &str) -> (u16, String, String) {
        let answer = self
            .s
            .http
            .post(session["url"].as_str().expect("url"))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("subject={}&{form}", self.subscription))
            .send()
            .await
            .expect("sent");
        let to = answer.headers().get("location").cloned();
        let to = to.map_or(String::new(), |to| to.to_str().expect("text").to_owned());
        (
            answer.status().as_u16(),
            to,
            answer.text().await.expect("text"),
        )
    }

    async fn page(&self, session: &Value) -> String {
        let url = session["url"].as_str().expect("url");
        let page = self.s.http.get(url).send().await.expect("page");
        page.text().await.expect("text")
    }

    async fn now(&self) -> Value {
        let path = format!("/v1/subscriptions/{}", self.subscription);
        self.s.get_on(&self.acct, &path).await
    }

    async fn card(&self, name: &str) {
        let path = format!("/v1/payment_methods/{name}/attach");
        let body = format!("customer={}", self.customer);
        let method = id(&self.s.on(&self.acct, &path, &body).await);
        let path = format!("/v1/customers/{}", self.customer);
        let body = format!("invoice_settings[default_payment_method]={method}");
        self.s.on(&self.acct, &path, &body).await;
    }

    async fn told(&self, name: &str) -> usize {
        let types = self.s.event_types(&self.acct).await;
        types.iter().filter(|t| *t == name).count()
    }
}

const INVOICED: &str = "&features[subscription_update][proration_behavior]=always_invoice";
const UPDATED: &str = "customer.subscription.updated";

#[tokio::test]
async fn a_customer_changes_plan_and_quantity_and_pays_the_difference() {
    let club = Club::open("").await;
    club.s.simulator.advance(15 * DAY).await;
    let session = club.session(&["price", "quantity"], INVOICED, "").await;
    let page = club.page(&session).await;
    assert!(page.contains("Club, 25.00 EUR every month"), "{page}");
    assert!(page.contains("name=\"quantity\""));
    assert!(!page.contains("name=\"promotion_code\""));
    let form = format!("action=update&price={}&quantity=2", club.large);
    assert_eq!(club.act(&session, &form).await.0, 303);
    let now = club.now().await;
    let item = &now["items"]["data"][0];
    assert_eq!(item["price"]["id"], club.large.as_str());
    assert_eq!(item["quantity"], 2);
    assert_eq!(now["pending_update"], Value::Null);
    let invoices = club.s.get_on(&club.acct, "/v1/invoices").await;
    let last = &invoices["data"][0];
    assert_eq!(
        (&last["status"], &last["billing_reason"]),
        (&json!("paid"), &json!("subscription_update"))
    );
    let total = last["total"].as_i64().expect("total");
    assert!((1900..=2100).contains(&total), "{total}");
    // Once when the first invoice was paid.
    assert_eq!(club.told(UPDATED).await, 2);
    assert_eq!(club.told("invoice.paid").await, 2);
    check_books(&club.s.simulator.oracle().await);
}

#[tokio::test]
async fn only_what_the_configuration_names_can_be_changed() {
    let club = Club::open("").await;
    let limits = "&features[subscription_update][products][0][adjustable_quantity][enabled]=true&features[subscription_update][products][0][adjustable_quantity][minimum]=2&features[subscription_update][products][0][adjustable_quantity][maximum]=5";
    let session = club.session(&["quantity"], limits, "").await;
    for form in [
        format!("action=update&price={}", club.large),
        "action=update&quantity=6".to_owned(),
        "action=update&quantity=some".to_owned(),
        "action=update&promotion_code=HALF".to_owned(),
        "action=confirm".to_owned(),
        "action=keep".to_owned(),
    ] {
        assert_eq!(club.act(&session, &form).await.0, 422, "{form}");
    }
    assert_eq!(club.now().await["items"]["data"][0]["quantity"], 1);
    assert_eq!(club.act(&session, "action=update&quantity=5").await.0, 303);
    assert_eq!(club.now().await["items"]["data"][0]["quantity"], 5);
    let other = club.session(&["price"], "", "").await;
    let foreign = id(&club
        .s
        .on(
            &club.acct,
            "/v1/prices",
            "currency=eur&unit_amount=1&recurring[interval]=month&product_data[name]=X",
        )
        .await);
    let form = format!("action=update&price={foreign}");
    assert_eq!(club.act(&other, &form).await.0, 422);
    let form = "features[subscription_update][schedule_at_period_end][conditions][0][type]=shortening_interval";
    let refused = club
        .s
        .send(
            "POST",
            "/v1/billing_portal/configurations",
            &format!("features[invoice_history][enabled]=true&{form}"),
            &[("Stripe-Account", &club.acct)],
        )
        .await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn whether_a_quantity_must_be_adjustable_is_assumed() {
    for (how, status) in [("allowed", 303), ("adjustable", 422)] {
        let club = Club::of(Stripe::under("portal_quantity", how).await, "").await;
        let session = club.session(&["quantity"], "", "").await;
        let (answer, ..) = club.act(&session, "action=update&quantity=3").await;
        assert_eq!(answer, status, "{how}");
    }
}

#[tokio::test]
async fn a_declined_change_is_not_made() {
    for (how, pending) in [("discarded", false), ("pending", true)] {
        let club = Club::of(Stripe::under("portal_decline", how).await, "").await;
        let coupon = id(&club
            .s
            .on(&club.acct, "/v1/coupons", "percent_off=50&duration=forever")
            .await);
        let body = format!("promotion[type]=coupon&promotion[coupon]={coupon}&code=HALF");
        club.s.on(&club.acct, "/v1/promotion_codes", &body).await;
        let session = club
            .session(&["price", "promotion_code"], INVOICED, "")
            .await;
        club.card("pm_card_chargeCustomerFail").await;
        let form = format!("action=update&price={}&promotion_code=half", club.large);
        let (status, _, page) = club.act(&session, &form).await;
        assert_eq!(status, 422);
        assert!(page.contains("declined"), "{page}");
        let now = club.now().await;
        assert_eq!(now["items"]["data"][0]["price"]["id"], club.small.as_str());
        assert_eq!(now["status"], "active");
        assert_eq!(now["pending_update"].is_object(), pending, "{how}");
        assert_eq!(now["discounts"] == json!([]), !pending, "{how}");
        let last = &club.s.get_on(&club.acct, "/v1/invoices").await["data"][0];
        assert_eq!(last["status"], if pending { "open" } else { "void" });
    }
}

#[tokio::test]
async fn the_bank_asks_before_a_change_is_made() {
    let club = Club::open("").await;
    let flow = format!(
        "&flow_data[type]=subscription_update&flow_data[subscription_update][subscription]={}&flow_data[after_completion][type]=redirect&flow_data[after_completion][redirect][return_url]=https://shop.example/changed",
        club.subscription
    );
    let session = club.session(&["price"], INVOICED, &flow).await;
    club.card("pm_card_authenticationRequired").await;
    let form = format!("action=update&price={}", club.large);
    let (status, bank, _) = club.act(&session, &form).await;
    assert_eq!(status, 303);
    assert!(bank.contains("/c/challenge/pi_"), "{bank}");
    let now = club.now().await;
    assert_eq!(now["items"]["data"][0]["price"]["id"], club.small.as_str());
    assert_eq!(
        now["pending_update"]["subscription_items"][0]["price"]["id"],
        club.large.as_str()
    );
    let asked = club
        .s
        .http
        .post(&bank)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("outcome=complete")
        .send()
        .await
        .expect("sent");
    let to = asked.headers()["location"].to_str().expect("text");
    assert!(to.starts_with("https://shop.example/changed?"), "{to}");
    assert_eq!(
        club.now().await["items"]["data"][0]["price"]["id"],
        club.large.as_str()
    );
    assert_eq!(
        club.told("customer.subscription.pending_update_applied")
            .await,
        1
    );
}

#[tokio::test]
async fn a_flow_asks_to_confirm_one_change() {
    let club = Club::open("").await;
    club.s.simulator.advance(15 * DAY).await;
    let coupon = id(&club
        .s
        .on(&club.acct, "/v1/coupons", "percent_off=50&duration=forever")
        .await);
    let at = "flow_data[subscription_update_confirm]";
    let flow = format!(
        "&flow_data[type]=subscription_update_confirm&{at}[subscription]={}&{at}[items][0][id]={}&{at}[items][0][price]={}&{at}[items][0][quantity]=3&{at}[discounts][0][coupon]={coupon}",
        club.subscription, club.item, club.large
    );
    let session = club.session(&["price"], INVOICED, &flow).await;
    assert_eq!(
        session["flow"]["subscription_update_confirm"]["items"],
        json!([{ "id": club.item, "price": club.large, "quantity": 3 }])
    );
    let page = club.page(&session).await;
    assert!(page.contains("Club, 3 × 25.00 EUR every month"), "{page}");
    assert!(page.contains("Remaining time on 3 × Club"), "{page}");
    assert!(!page.contains("Cancel subscription"));
    let (status, to, _) = club.act(&session, "action=confirm").await;
    assert_eq!((status, to), (303, format!("/p/session/{}", id(&session))));
    let now = club.now().await;
    assert_eq!(now["items"]["data"][0]["quantity"], 3);
    assert_eq!(now["discounts"].as_array().map(Vec::len), Some(1));
    assert_eq!(club.act(&session, "action=confirm").await.0, 422);
    assert!(!club.page(&session).await.contains("Confirm your change"));
}

#[tokio::test]
async fn a_flow_that_cannot_be_is_refused() {
    let club = Club::open("").await;
    let session = club.session(&["price"], "", "").await;
    let configuration = session["configuration"].as_str().expect("id");
    let at = "flow_data[subscription_update_confirm]";
    let confirm = format!(
        "flow_data[type]=subscription_update_confirm&{at}[subscription]={}",
        club.subscription
    );
    let update = "flow_data[type]=subscription_update&flow_data[subscription_update][subscription]";
    for (flow, param) in [
        (
            format!("{update}=sub_no"),
            "flow_data[subscription_update][subscription]".to_owned(),
        ),
        (
            format!("{confirm}&{at}[items][0][id]=si_no"),
            format!("{at}[items][0][id]"),
        ),
        (
            format!(
                "{confirm}&{at}[items][0][id]={}&{at}[items][0][price]=price_no",
                club.item
            ),
            format!("{at}[items][0][price]"),
        ),
        (
            format!(
                "{confirm}&{at}[items][0][id]={}&{at}[discounts][0][coupon]=no",
                club.item
            ),
            format!("{at}[discounts][0][coupon]"),
        ),
    ] {
        let body = format!(
            "customer={}&configuration={configuration}&{flow}",
            club.customer
        );
        let refused = club
            .s
            .send(
                "POST",
                "/v1/billing_portal/sessions",
                &body,
                &[("Stripe-Account", &club.acct)],
            )
            .await;
        assert!(matches!(refused.status, 400 | 404), "{}", refused.body);
        assert_eq!(refused.error("param"), param, "{}", refused.body);
    }
}

#[tokio::test]
async fn a_change_ends_a_trial_or_not() {
    for (how, status) in [("end_trial", "active"), ("continue_trial", "trialing")] {
        let club = Club::open("&trial_period_days=10").await;
        let feature = format!("&features[subscription_update][trial_update_behavior]={how}");
        let session = club.session(&["price"], &feature, "").await;
        let form = format!("action=update&price={}", club.large);
        assert_eq!(club.act(&session, &form).await.0, 303);
        let now = club.now().await;
        assert_eq!(now["status"], status, "{how}");
        assert_eq!(now["items"]["data"][0]["price"]["id"], club.large.as_str());
    }
}

#[tokio::test]
async fn a_reason_is_kept_and_an_offer_can_be_taken_instead() {
    let club = Club::open("").await;
    let features = "&features[subscription_cancel][enabled]=true&features[subscription_cancel][cancellation_reason][enabled]=true&features[subscription_cancel][cancellation_reason][options][]=too_expensive&features[subscription_cancel][cancellation_reason][options][]=other";
    let coupon = id(&club
        .s
        .on(
            &club.acct,
            "/v1/coupons",
            "percent_off=20&duration=repeating&duration_in_months=3",
        )
        .await);
    let at = "flow_data[subscription_cancel]";
    let flow = format!(
        "&flow_data[type]=subscription_cancel&{at}[subscription]={}&{at}[retention][type]=coupon_offer&{at}[retention][coupon_offer][coupon]={coupon}",
        club.subscription
    );
    let session = club.session(&["price"], features, &flow).await;
    assert!(
        club.page(&session)
            .await
            .contains("Keep it with the discount")
    );
    assert_eq!(club.act(&session, "action=keep").await.0, 303);
    assert_eq!(
        club.now().await["discounts"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(
        club.act(&session, "action=cancel&feedback=unused").await.0,
        422
    );
    let form = "action=cancel&feedback=too_expensive&comment=No+more+tea";
    assert_eq!(club.act(&session, form).await.0, 303);
    let now = club.now().await;
    assert_eq!(now["cancel_at_period_end"], true);
    assert_eq!(
        now["cancellation_details"],
        json!({ "comment": "No more tea", "feedback": "too_expensive", "reason": "cancellation_requested" })
    );
}
