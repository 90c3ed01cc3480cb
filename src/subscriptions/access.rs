//! Whether somebody may use what they have subscribed to: one question, answered from one row.

use souk_entity::{Timestamp, seller, subscription};

const DAY_MS: i64 = 24 * 3_600_000;

/// The answer.
pub(super) struct Access {
    pub entitled: bool,
    /// Until when, as far as is known. None: it isn't entitled, or no end is known.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: &'static str,
}

/// How long a renewal of this seller's may be unpaid.
pub(super) fn grace_ms(seller: &seller::Model) -> i64 {
    i64::from(seller.subscription_grace_days) * DAY_MS
}

/// Of somebody who has subscribed to nothing.
pub(super) fn none() -> Access {
    Access {
        entitled: false,
        until: None,
        reason: "not_subscribed",
    }
}

/// Whether a subscription entitles its buyer now. `grace_ms` is how long a renewal may be unpaid.
pub(super) fn of(row: &subscription::Model, grace_ms: i64, now: Timestamp) -> Access {
    let entitled = |until, reason| Access {
        entitled: true,
        until,
        reason,
    };
    let refused = |reason| Access {
        entitled: false,
        until: None,
        reason,
    };
    let end = row.cancel_at.or(row.current_period_end);
    if row.ended_at.is_some_and(|at| at <= now) {
        return refused("ended");
    }
    match row.status.as_str() {
        "trialing" => entitled(end, "trialing"),
        "active" if row.cancel_at_period_end || row.cancel_at.is_some() => entitled(end, "ending"),
        "active" => entitled(end, "active"),
        "past_due" => {
            // The period whose invoice is unpaid has begun already.
            let until = row.current_period_start.map(|at| at.plus_ms(grace_ms));
            match until {
                Some(until) if until > now => entitled(Some(until), "grace"),
                _ => refused("past_due"),
            }
        }
        "paused" => refused("paused"),
        "unpaid" => refused("unpaid"),
        "incomplete" => refused("incomplete"),
        "canceled" | "incomplete_expired" => refused("ended"),
        _ => refused("unknown"),
    }
}

#[cfg(test)]
mod tests {
    use souk_entity::SubscriptionId;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn row(status: &str) -> subscription::Model {
        subscription::Model {
            id: SubscriptionId::from("sbn_1"),
            stripe_subscription: "sub_1".to_owned(),
            stripe_account: "acct_1".into(),
            livemode: false,
            seller_id: "sel_1".into(),
            customer_id: "cst_1".into(),
            order_id: "ord_1".into(),
            status: status.to_owned(),
            currency: "eur".to_owned(),
            current_period_start: Some(NOW.plus_ms(-DAY_MS)),
            current_period_end: Some(NOW.plus_ms(29 * DAY_MS)),
            trial_end: None,
            cancel_at: None,
            cancel_at_period_end: false,
            canceled_at: None,
            ended_at: None,
            latest_invoice: None,
            pending_setup_intent: None,
            pending_update: None,
            notice_due_at: None,
            noticed_end: None,
            card_expires: None,
            asked_at: NOW,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    fn access(row: &subscription::Model, grace_days: i64) -> (bool, &'static str) {
        let access = of(row, grace_days * DAY_MS, NOW);
        assert!(access.entitled || access.until.is_none());
        (access.entitled, access.reason)
    }

    #[test]
    fn stripes_status_says_who_is_entitled() {
        for (status, expected) in [
            ("trialing", (true, "trialing")),
            ("active", (true, "active")),
            ("past_due", (true, "grace")),
            ("paused", (false, "paused")),
            ("unpaid", (false, "unpaid")),
            ("incomplete", (false, "incomplete")),
            ("incomplete_expired", (false, "ended")),
            ("canceled", (false, "ended")),
            ("resting", (false, "unknown")),
        ] {
            assert_eq!(access(&row(status), 7), expected, "{status}");
        }
    }

    #[test]
    fn a_renewal_that_is_unpaid_entitles_for_the_days_of_grace() {
        let late = row("past_due");
        assert_eq!(access(&late, 2), (true, "grace"));
        assert_eq!(access(&late, 1), (false, "past_due"), "the day is over");
        assert_eq!(access(&late, 0), (false, "past_due"));
        let until = of(&late, 2 * DAY_MS, NOW).until;
        assert_eq!(until, Some(NOW.plus_ms(DAY_MS)));
    }

    #[test]
    fn one_that_is_to_end_entitles_until_then() {
        let mut ending = row("active");
        ending.cancel_at_period_end = true;
        assert_eq!(access(&ending, 0), (true, "ending"));
        assert_eq!(of(&ending, 0, NOW).until, ending.current_period_end);
        ending.cancel_at = Some(NOW.plus_ms(DAY_MS));
        assert_eq!(of(&ending, 0, NOW).until, ending.cancel_at);
        ending.ended_at = Some(NOW);
        assert_eq!(access(&ending, 0), (false, "ended"));
    }
}
