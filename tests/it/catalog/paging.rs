//! The pages of a list, tried on products.

use serde_json::{Value, json};

use crate::harness::{Has, TestApp, text};

#[tokio::test]
async fn a_list_is_read_forwards_and_backwards_a_page_at_a_time() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let mut newest_first = vec![];
    for _ in 0..7 {
        newest_first.insert(0, app.product(&shop, 2500, None).await);
    }
    let [first, second, third] = [0..3, 3..6, 6..7].map(|range| newest_first[range].to_vec());
    let (after, before) = (
        |id: &str| format!("limit=3&starting_after={id}"),
        |id: &str| format!("limit=3&ending_before={id}"),
    );
    // A page before another is newest first, too.
    for (query, ids, has_more) in [
        ("limit=3".to_owned(), &first, true),
        (after(&first[2]), &second, true),
        (after(&second[2]), &third, false),
        (before(&third[0]), &second, true),
        (before(&second[0]), &first, false),
        ("limit=7".to_owned(), &newest_first, false),
    ] {
        let list = app
            .get(format!("/v1/products?{query}"))
            .by(&shop.owner)
            .expect(200)
            .await;
        let expected: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        list.has(json!({ "data": expected, "has_more": has_more }));
    }
    let list = app.get("/v1/products?limit=1").expect(200).await;
    assert_eq!(text(&list, "url"), "/v1/products");
}

#[tokio::test]
async fn a_wrong_page_is_refused_and_the_parameter_is_named() {
    let app = TestApp::start().await;
    for (query, param) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("starting_after=prd_1&ending_before=prd_2", "ending_before"),
        ("colour=red", "colour"),
        ("status=active&status=archived", "status"),
        ("status=sold", "status"),
    ] {
        app.get(format!("/v1/products?{query}"))
            .refuses_field(param)
            .await;
    }
    app.get("/v1/products?limit=100").expect(200).await;
}
