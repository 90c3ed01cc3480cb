//! Thin events (docs.stripe.com/event-destinations): they name their object and don't carry it, and name their account,
//! if at all, as `context`.

use serde_json::{Value, json};

use crate::harness::{Endpoint, Has, TestApp, text};

fn thin(id: &str, kind: &str, context: Value) -> Value {
    json!({
        "id": id, "object": "v2.core.event", "type": kind, "livemode": false, "created": "2026-11-18T11:06:40.250Z",
        "context": context, "reason": null,
        "related_object": { "id": "cs_1", "type": "checkout.session", "url": "/v1/checkout/sessions/cs_1" },
    })
}

#[tokio::test]
async fn a_thin_event_is_kept_at_either_endpoint_with_its_account_and_has_no_effect() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (endpoint, secret) in [
        (Endpoint::Platform, &app.platform.secret),
        (Endpoint::Connect, &app.connect.secret),
    ] {
        for (n, (context, account)) in [
            (Value::Null, Value::Null),
            (json!("acct_1"), json!("acct_1")),
            (json!("acct_platform/acct_1"), json!("acct_1")),
            (json!(7), Value::Null),
        ]
        .into_iter()
        .enumerate()
        {
            let id = format!("evt_{endpoint:?}_{n}");
            let kind = "v1.checkout.session.completed";
            let event = thin(&id, kind, context).to_string();
            let answer = app.post_event(endpoint, event, secret, app.now()).await;
            answer.expect(200).has(json!({ "state": "ignored" }));
            let seen = app
                .get(format!("/v1/admin/events/{id}"))
                .by(&admin)
                .expect(200)
                .await;
            assert_eq!(seen["stripe_account"], account, "{seen}");
            seen.has(json!({ "type": kind, "object_id": "cs_1", "created_at": "2026-11-18T11:06:40.250Z" }));
            assert!(text(&seen, "error").contains("snapshot"), "{seen}");
        }
    }
}

#[tokio::test]
async fn a_thin_event_has_no_effect_whatever_its_type() {
    let app = TestApp::start().await;
    for kind in [
        "checkout.session.completed",
        "account.updated",
        "payout.paid",
    ] {
        let event = thin(
            &format!("evt_{}", kind.replace('.', "_")),
            kind,
            json!("acct_1"),
        )
        .to_string();
        let answer = app
            .post_event(Endpoint::Connect, event, &app.connect.secret, app.now())
            .await;
        assert_eq!(answer.body["state"], "ignored", "{}", answer.text);
    }
}
