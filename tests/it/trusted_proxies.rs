//! Callers behind a proxy.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use souk::webhooks::Intake;
use tower::ServiceExt;

use crate::harness::TestApp;

/// Refreshes tokens until that is refused, at most so often. Returns how often it was let through.
async fn until_refused(app: &TestApp, peer: [u8; 4], forwarded_for: &str, most: usize) -> usize {
    let routes = souk::router(app.app.clone(), Intake::start(app.app.clone()).0);
    for count in 0..most {
        let request = Request::post("/v1/auth/refresh")
            .header("content-type", "application/json")
            .header("x-forwarded-for", forwarded_for)
            .extension(ConnectInfo(SocketAddr::from((peer, 4711))))
            .body(Body::from(r#"{"refresh_token": "rt_guess"}"#))
            .expect("a request");
        let answer = routes.clone().oneshot(request).await.expect("an answer");
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            return count;
        }
    }
    most
}

#[tokio::test]
async fn each_caller_behind_a_trusted_proxy_has_an_allowance_of_their_own() {
    // Addresses that no other test calls from.
    let app = TestApp::with(&[("TRUSTED_PROXIES", "10.77.0.0/16, 192.0.2.77")]).await;
    let proxy = [10, 77, 0, 1];
    let used = until_refused(&app, proxy, "198.51.100.77", 5000).await;
    assert!((1200..5000).contains(&used), "refused after {used}");
    let made_up = "203.0.113.77, 198.51.100.77";
    assert!(
        until_refused(&app, proxy, made_up, 50).await < 50,
        "what a client says of itself does not help it"
    );
    assert_eq!(until_refused(&app, proxy, "198.51.100.78", 50).await, 50);
}

#[tokio::test]
async fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
    let app = TestApp::with(&[("TRUSTED_PROXIES", "10.78.0.0/16")]).await;
    let stranger = [192, 0, 2, 78];
    let used = until_refused(&app, stranger, "198.51.100.79", 5000).await;
    assert!((1200..5000).contains(&used), "refused after {used}");
    assert!(until_refused(&app, stranger, "198.51.100.80", 50).await < 50);
}
