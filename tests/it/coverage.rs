//! Every operation of openapi.yaml, tried by everybody and with every kind of bad input. The requests are made from the
//! contract, so that a new operation is tried as soon as it is written down.

mod access;
mod fixture;
mod invalid_input;
mod invalid_values;

use crate::contract::root;
use crate::harness::TestApp;

#[tokio::test]
async fn the_open_pages_say_what_this_is_and_bring_all_they_need() {
    let app = TestApp::start().await;
    let front = app.get("/").await;
    assert!(front.text.contains("/docs"), "{}", front.text);
    assert_eq!(app.get("/healthz").expect(200).await["status"], "ok");
    let file = std::fs::read_to_string(root().join("openapi.yaml")).expect("openapi.yaml");
    assert_eq!(app.get("/openapi.yaml").await.text, file);
    for page in ["/", "/docs"] {
        let text = app.get(page).await.text;
        let parts = text.split(['"', '\'']);
        let assets: Vec<&str> = parts.filter(|part| part.starts_with("/assets/")).collect();
        assert!(!assets.is_empty(), "{page} has no style");
        for asset in assets {
            let answer = app.get(asset).await;
            assert_eq!(answer.status, 200, "{page} needs {asset}");
        }
    }
}
