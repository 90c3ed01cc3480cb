//! The pages of a list, tried on products.

use super::page;
use crate::harness::{TestApp, text};

#[tokio::test]
async fn a_list_is_read_forwards_and_backwards_a_page_at_a_time() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let mut newest_first = vec![];
    for _ in 0..7 {
        newest_first.insert(0, app.product(&shop, 2500, None).await);
    }
    let read =
        async |query: String| page(&app, &format!("/v1/products?{query}"), &shop.owner).await;
    let (first, more) = read("limit=3".to_owned()).await;
    assert_eq!((&first[..], more), (&newest_first[..3], true));
    let (second, more) = read(format!("limit=3&starting_after={}", first[2])).await;
    assert_eq!((&second[..], more), (&newest_first[3..6], true));
    let (third, more) = read(format!("limit=3&starting_after={}", second[2])).await;
    assert_eq!((&third[..], more), (&newest_first[6..], false));
    let (back, more) = read(format!("limit=3&ending_before={}", third[0])).await;
    assert_eq!(
        (&back[..], more),
        (&newest_first[3..6], true),
        "the page before, still newest first"
    );
    let (back, more) = read(format!("limit=3&ending_before={}", back[0])).await;
    assert_eq!((&back[..], more), (&newest_first[..3], false));
    let (all, more) = read("limit=7".to_owned()).await;
    assert_eq!((all, more), (newest_first, false));
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
