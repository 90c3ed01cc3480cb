//! Products, prices, coupons and promotion codes.

use crate::support::Stripe;

#[tokio::test]
async fn a_product_is_made_with_its_default_price_and_archived_but_not_deleted() {
    let stripe = Stripe::start().await;
    let product = stripe
        .post(
            "/v1/products",
            "name=Tea&default_price_data[currency]=eur&default_price_data[unit_amount]=1200&default_price_data[recurring][interval]=month&expand[]=default_price&marketing_features[0][name]=Hot&images[]=https://x.example/a.png&package_dimensions[height]=1.5&package_dimensions[length]=2&package_dimensions[weight]=3&package_dimensions[width]=4",
        )
        .await;
    assert_eq!(product["default_price"]["recurring"]["interval"], "month");
    assert_eq!(product["default_price"]["unit_amount_decimal"], "1200");
    assert_eq!(product["package_dimensions"]["height"], 1.5);
    let id = product["id"].as_str().expect("id");
    let events = stripe.get("/v1/events?limit=3").await;
    for (at, name) in ["product.updated", "price.created", "product.created"]
        .into_iter()
        .enumerate()
    {
        assert_eq!(events["data"][at]["type"], name);
    }
    let price = product["default_price"]["id"].as_str().expect("price");
    let archive = stripe
        .send("POST", &format!("/v1/prices/{price}"), "active=false", &[])
        .await;
    assert_eq!((archive.status, archive.error("param")), (400, "active"));
    let gone = stripe
        .send("DELETE", &format!("/v1/products/{id}"), "", &[])
        .await;
    assert_eq!(gone.status, 400);
    let updated = stripe
        .post(&format!("/v1/products/{id}"), "active=false&name=Green+tea")
        .await;
    assert_eq!(
        (&updated["active"], &updated["name"]),
        (&false.into(), &"Green tea".into())
    );
    assert_eq!(
        stripe.get("/v1/products?active=true").await["data"]
            .as_array()
            .map(Vec::len),
        Some(0)
    );
    let plain = stripe.post("/v1/products", "name=Cup&id=cup").await;
    assert_eq!(plain["id"], "cup");
    let again = stripe
        .send("POST", "/v1/products", "name=Cup&id=cup", &[])
        .await;
    assert_eq!(again.error("code"), "resource_already_exists");
    let gone = stripe.send("DELETE", "/v1/products/cup", "", &[]).await;
    assert_eq!(gone.body["deleted"], true);
}

#[tokio::test]
async fn prices_have_decimals_tiers_currencies_and_lookup_keys() {
    let stripe = Stripe::start().await;
    stripe.post("/v1/products", "name=Tea&id=tea").await;
    let decimal = stripe
        .post(
            "/v1/prices",
            "product=tea&currency=usd&unit_amount_decimal=0.50",
        )
        .await;
    assert_eq!(decimal["unit_amount"], serde_json::Value::Null);
    assert_eq!(decimal["unit_amount_decimal"], "0.5");
    let tiered = stripe
        .post("/v1/prices", "product=tea&currency=usd&billing_scheme=tiered&tiers_mode=graduated&tiers[0][up_to]=5&tiers[0][unit_amount]=500&tiers[1][up_to]=inf&tiers[1][unit_amount]=400&recurring[interval]=month&expand[]=tiers")
        .await;
    assert_eq!(tiered["tiers"][1]["unit_amount"], 400);
    assert_eq!(tiered["tiers"][1]["up_to"], serde_json::Value::Null);
    let many = stripe
        .post("/v1/prices", "product=tea&currency=usd&unit_amount=2000&currency_options[uah][unit_amount]=5000&currency_options[eur][unit_amount]=1800&lookup_key=std&expand[]=currency_options")
        .await;
    assert_eq!(many["currency_options"]["uah"]["unit_amount"], 5000);
    assert_eq!(many["currency_options"]["usd"]["unit_amount"], 2000);
    let plain = stripe
        .get(&format!("/v1/prices/{}", many["id"].as_str().expect("id")))
        .await;
    assert!(plain.get("currency_options").is_none());
    let body = "product=tea&currency=usd&unit_amount=1&lookup_key=std";
    let taken = stripe.send("POST", "/v1/prices", body, &[]).await;
    assert_eq!((taken.status, taken.error("param")), (400, "lookup_key"));
    let moved = stripe
        .post("/v1/prices", &format!("{body}&transfer_lookup_key=true"))
        .await;
    let found = stripe.get("/v1/prices?lookup_keys[]=std").await;
    assert_eq!(found["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["data"][0]["id"], moved["id"]);
    for (body, param) in [
        ("product=tea&currency=usd", "unit_amount"),
        ("product=tea&currency=xxx&unit_amount=5", "currency"),
        ("product=tea&currency=usd&unit_amount=-1", "unit_amount"),
        (
            "product=tea&currency=usd&unit_amount=5&recurring[interval]=year&recurring[interval_count]=4",
            "recurring[interval_count]",
        ),
        (
            "product=tea&currency=usd&unit_amount=5&recurring[interval]=month&recurring[usage_type]=metered",
            "recurring[usage_type]",
        ),
        (
            "product=tea&currency=usd&billing_scheme=tiered&tiers_mode=volume&tiers[0][up_to]=5&tiers[0][unit_amount]=5",
            "tiers[0][up_to]",
        ),
        ("product=none&currency=usd&unit_amount=5", "product"),
        ("currency=usd&unit_amount=5", "product"),
    ] {
        let refused = stripe.send("POST", "/v1/prices", body, &[]).await;
        assert_eq!(refused.error("param"), param, "{body}: {}", refused.body);
    }
}

#[tokio::test]
async fn a_session_takes_a_price_by_id_and_counts_its_tiers() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let price = stripe
        .on(&seller, "/v1/prices", "product_data[name]=Tea&currency=eur&billing_scheme=tiered&tiers_mode=volume&tiers[0][up_to]=2&tiers[0][unit_amount]=500&tiers[1][up_to]=inf&tiers[1][unit_amount]=400&tiers[1][flat_amount]=10")
        .await;
    let id = price["id"].as_str().expect("id");
    let session = stripe
        .on(&seller, "/v1/checkout/sessions", &format!("mode=payment&success_url=https://x.example/&line_items[0][price]={id}&line_items[0][quantity]=3"))
        .await;
    assert_eq!(session["amount_total"], 1210);
    stripe
        .on(&seller, &format!("/v1/prices/{id}"), "active=false")
        .await;
    let refused = stripe
        .send(
            "POST",
            "/v1/checkout/sessions",
            &format!("mode=payment&success_url=https://x.example/&line_items[0][price]={id}"),
            &[("Stripe-Account", &seller)],
        )
        .await;
    assert_eq!(
        (refused.status, refused.error("param")),
        (400, "line_items[0][price]")
    );
}

#[tokio::test]
async fn features_are_attached_to_a_product() {
    let stripe = Stripe::start().await;
    stripe.post("/v1/products", "name=Tea&id=tea").await;
    let feature = stripe
        .post("/v1/products/tea/features", "entitlement_feature=feat_1")
        .await;
    let path = format!(
        "/v1/products/tea/features/{}",
        feature["id"].as_str().expect("id")
    );
    assert_eq!(
        stripe.get(&path).await["entitlement_feature"]["id"],
        "feat_1"
    );
    assert_eq!(
        stripe.get("/v1/products/tea/features").await["data"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(
        stripe.send("DELETE", &path, "", &[]).await.body["deleted"],
        true
    );
    assert_eq!(stripe.send("GET", &path, "", &[]).await.status, 404);
}

#[tokio::test]
async fn coupons_carry_what_they_apply_to_and_refuse_what_makes_no_sense() {
    let stripe = Stripe::start().await;
    stripe.post("/v1/products", "name=Tea&id=tea").await;
    let coupon = stripe
        .post("/v1/coupons", "amount_off=500&currency=eur&currency_options[usd][amount_off]=600&applies_to[products][]=tea&duration=repeating&duration_in_months=3&expand[]=applies_to&expand[]=currency_options")
        .await;
    assert_eq!(coupon["applies_to"]["products"][0], "tea");
    assert_eq!(coupon["currency_options"]["usd"]["amount_off"], 600);
    for (body, param) in [
        ("percent_off=10&redeem_by=5", "redeem_by"),
        (
            "percent_off=10&duration=once&duration_in_months=3",
            "duration_in_months",
        ),
        ("percent_off=10&max_redemptions=0", "max_redemptions"),
        (
            "percent_off=10&applies_to[products][]=none",
            "applies_to[products][0]",
        ),
        ("percent_off=101", "percent_off"),
    ] {
        let refused = stripe.send("POST", "/v1/coupons", body, &[]).await;
        assert_eq!(refused.error("param"), param, "{body}: {}", refused.body);
    }
    stripe
        .post("/v1/coupons", "percent_off=25.5&id=quarter")
        .await;
    let code = stripe
        .post("/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=quarter&code=SAVE&restrictions[minimum_amount]=1000&restrictions[minimum_amount_currency]=eur&restrictions[currency_options][usd][minimum_amount]=1100")
        .await;
    assert_eq!(
        code["restrictions"]["currency_options"]["usd"]["minimum_amount"],
        1100
    );
    let alone = stripe
        .send(
            "POST",
            "/v1/promotion_codes",
            "promotion[type]=coupon&promotion[coupon]=quarter&restrictions[minimum_amount]=1000",
            &[],
        )
        .await;
    assert_eq!(alone.error("param"), "restrictions[minimum_amount]");
}
