//! A seller gives the buyer right.

use super::*;

#[tokio::test]
async fn accepting_loses_a_dispute_once_and_for_good() {
    for fault in [
        None,
        Some(FaultKind::CommitThenError500),
        Some(FaultKind::CommitThenTimeout),
        Some(FaultKind::Error500),
    ] {
        let case = Case::with(DISPUTED).await;
        case.write(json!({ "customer_name": "Ada" })).await;
        if let Some(fault) = fault {
            let path = format!("/v1/disputes/{}/close", case.dispute);
            case.app.fault("POST", &path, fault, Some(4)).await;
        }
        let accepted = case.ask("accept", json!({})).await;
        assert!(accepted.expect(200)["accept_requested_at"].is_string());
        case.submit().await.refused(409, "dispute_accepted");
        for _ in 0..6 {
            case.app.settle().await;
            case.app.advance(30).await;
        }
        case.ask("accept", json!({})).await.expect(200);
        let read = case.read().await;
        read.has(json!({ "status": "lost", "submission_count": 0, "funds_withdrawn": true }));
        assert_eq!(case.app.mails_called("A dispute is lost"), 1, "{fault:?}");
        assert_eq!(case.app.open_findings().await, []);
    }
}

#[tokio::test]
async fn what_was_accepted_is_no_later_phase_of_the_dispute() {
    let case = Case::with("4000000000001976").await;
    let close = format!("/v1/disputes/{}/close", case.dispute);
    case.app
        .fault("POST", &close, FaultKind::Error429, Some(3))
        .await;
    case.ask("accept", json!({})).await.expect(200);
    // It becomes a dispute about money before Stripe is told.
    let path = format!("/disputes/{}/decide", case.dispute);
    case.app
        .simulate(&path, json!({ "outcome": "escalated" }))
        .await;
    case.app.apply_events().await;
    for _ in 0..4 {
        case.app.settle().await;
        case.app.advance(30).await;
    }
    let read = case.read().await;
    let expected = json!({ "status": "needs_response", "accept_requested_at": null });
    read.has(expected);
    case.decide("won").await;
}
