//! Tax ids of customers.

use serde_json::{Value, json};

use crate::support::{Answer, Stripe};

fn path(customer: &Value) -> String {
    format!(
        "/v1/customers/{}/tax_ids",
        customer["id"].as_str().expect("id")
    )
}

async fn post(stripe: &Stripe, path: &str, body: &str) -> Answer {
    stripe.send("POST", path, body, &[]).await
}

async fn newest(stripe: &Stripe, kind: &str) -> Value {
    let list = stripe.get(&format!("/v1/events?type={kind}")).await;
    list["data"][0]["data"].clone()
}

#[tokio::test]
async fn a_tax_id_is_added_listed_verified_and_deleted_and_every_step_is_an_event() {
    let stripe = Stripe::start().await;
    let ann = stripe
        .post(
            "/v1/customers",
            "name=Ann&tax_id_data[0][type]=us_ein&tax_id_data[0][value]=12-3456789",
        )
        .await;
    assert_eq!(
        newest(&stripe, "customer.tax_id.created").await["object"]["type"],
        "us_ein"
    );
    let made = stripe
        .post(&path(&ann), "type=eu_vat&value=EL123456789")
        .await;
    assert!(made["id"].as_str().expect("id").starts_with("txi_"));
    assert_eq!(
        (&made["country"], &made["customer"]),
        (&json!("GR"), &ann["id"])
    );
    assert_eq!(made["verification"]["status"], "pending");
    assert_eq!(
        newest(&stripe, "customer.tax_id.created").await["object"],
        made
    );
    let list = stripe.get(&path(&ann)).await;
    let kinds: Vec<&Value> = list["data"]
        .as_array()
        .expect("list")
        .iter()
        .map(|one| &one["type"])
        .collect();
    assert_eq!(kinds, ["eu_vat", "us_ein"]);
    assert_eq!(list["data"][1]["verification"]["status"], "unavailable");
    let customer = path(&ann).replace("/tax_ids", "?expand[]=tax_ids");
    assert_eq!(stripe.get(&customer).await["tax_ids"]["data"], list["data"]);

    stripe.simulator.advance(60).await;
    let one = format!("{}/{}", path(&ann), made["id"].as_str().expect("id"));
    assert_eq!(stripe.get(&one).await["verification"]["status"], "verified");
    let told = newest(&stripe, "customer.tax_id.updated").await;
    assert_eq!(
        told["previous_attributes"]["verification"]["status"],
        "pending"
    );

    let gone = stripe.send("DELETE", &one, "", &[]).await;
    assert_eq!(
        gone.body,
        json!({ "id": made["id"], "object": "tax_id", "deleted": true })
    );
    assert_eq!(
        newest(&stripe, "customer.tax_id.deleted").await["object"]["id"],
        made["id"]
    );
    let again = stripe.send("DELETE", &one, "", &[]).await;
    assert_eq!(
        (again.status, again.error("code")),
        (404, "resource_missing")
    );
    let bob = stripe.post("/v1/customers", "name=Bob").await;
    let left = stripe.get(&path(&ann)).await["data"][0]["id"].clone();
    let of_bob = format!("{}/{}", path(&bob), left.as_str().expect("id"));
    let other = stripe.send("GET", &of_bob, "", &[]).await;
    assert_eq!(
        (other.status, other.error("code")),
        (404, "resource_missing")
    );
}

#[tokio::test]
async fn a_number_that_cannot_be_of_its_type_is_refused_and_so_is_a_customer_with_one() {
    let stripe = Stripe::start().await;
    let ann = stripe.post("/v1/customers", "name=Ann").await;
    for (kind, value) in [
        ("eu_vat", "DE123"),
        ("eu_vat", "US123456789"),
        ("us_ein", "1"),
        ("th_vat", "x"),
    ] {
        let refused = post(&stripe, &path(&ann), &format!("type={kind}&value={value}")).await;
        assert_eq!(
            (refused.status, refused.error("code")),
            (400, "tax_id_invalid"),
            "{kind} {value}"
        );
        assert_eq!(
            refused.error("message"),
            format!("Invalid value for {kind}.")
        );
    }
    let refused = post(&stripe, &path(&ann), "type=unknown&value=1").await;
    assert_eq!((refused.status, refused.error("param")), (400, "type"));
    let form = "name=Bob&tax_id_data[0][type]=eu_vat&tax_id_data[0][value]=1";
    let refused = post(&stripe, "/v1/customers", form).await;
    assert_eq!(
        (refused.status, refused.error("code")),
        (400, "tax_id_invalid")
    );
    let all = stripe.get("/v1/customers").await;
    assert_eq!(all["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(stripe.get(&path(&ann)).await["data"], json!([]));
}

#[tokio::test]
async fn numbers_for_tests_decide_how_verification_ends() {
    for (value, under, status) in [
        ("DE000000000", "pending", "verified"),
        ("DE111111111", "pending", "unverified"),
        ("DE222222222", "pending", "pending"),
        ("DE222222222", "unavailable", "unavailable"),
    ] {
        let stripe = Stripe::under("tax_id_timeout", under).await;
        let ann = stripe.post("/v1/customers", "name=Ann").await;
        stripe
            .post(&path(&ann), &format!("type=eu_vat&value={value}"))
            .await;
        stripe.simulator.advance(60).await;
        let list = stripe.get(&path(&ann)).await;
        assert_eq!(
            list["data"][0]["verification"]["status"], status,
            "{value} under {under}"
        );
    }
}

#[tokio::test]
async fn a_second_one_of_the_same_is_refused_or_made() {
    for (under, count) in [("refused", 1), ("made", 2)] {
        let stripe = Stripe::under("duplicate_tax_id", under).await;
        let ann = stripe.post("/v1/customers", "name=Ann").await;
        stripe
            .post(&path(&ann), "type=eu_vat&value=DE123456789")
            .await;
        let again = post(&stripe, &path(&ann), "type=eu_vat&value=DE123456789").await;
        if under == "refused" {
            assert_eq!(
                (again.status, again.error("code")),
                (400, "resource_already_exists")
            );
        }
        let list = stripe.get(&path(&ann)).await;
        assert_eq!(
            list["data"].as_array().map(Vec::len),
            Some(count),
            "{under}"
        );
    }
}

#[tokio::test]
async fn a_deleted_customer_has_nothing_to_expand() {
    let stripe = Stripe::start().await;
    let ann = stripe.post("/v1/customers", "name=Ann").await;
    let at = format!("/v1/customers/{}", ann["id"].as_str().expect("an id"));
    stripe.send("DELETE", &at, "", &[]).await;
    let gone = stripe
        .get(&format!("{at}?expand[]=tax_ids&expand[]=subscriptions"))
        .await;
    assert_eq!(
        gone,
        json!({ "id": ann["id"], "object": "customer", "deleted": true })
    );
}
