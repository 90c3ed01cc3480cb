//! A seller's status, derived from the account's own fields alone.

use souk_entity::seller::{self, Requirements, SellerStatus};

/// The fields of an account that its seller's status is derived from.
pub struct AccountState<'a> {
    /// The account has disconnected from the platform.
    pub deauthorized: bool,
    /// The account is closed.
    pub closed: bool,
    /// The first onboarding link was made.
    pub onboarding_started: bool,
    /// v1: `charges_enabled`; v2: the capability of its charges is active.
    pub charges_enabled: bool,
    /// v1: `details_submitted`; v2: nothing of onboarding is due.
    pub details_submitted: bool,
    /// `requirements`.
    pub requirements: &'a Requirements,
}

impl<'a> AccountState<'a> {
    /// The fields of a row.
    pub fn of(seller: &'a seller::Model) -> Self {
        Self {
            deauthorized: seller.deauthorized_at.is_some(),
            closed: seller.closed_at.is_some(),
            onboarding_started: seller.onboarding_started_at.is_some(),
            charges_enabled: seller.charges_enabled,
            details_submitted: seller.details_submitted,
            requirements: &seller.requirements.0,
        }
    }
}

/// The reasons, v1's and v2's, of which Stripe itself is the one that acts.
const IN_STRIPES_HANDS: [&str; 5] = [
    "requirements.pending_verification",
    "under_review",
    "requirements_pending_verification",
    "determining_status",
    "pending",
];

/// The status. That the account is closed outranks everything, then a disconnection and a rejection. `active` needs enabled charges
/// and no `disabled_reason` (docs.stripe.com/connect/handling-api-verification).
pub fn derive(state: &AccountState<'_>) -> SellerStatus {
    let wanted = state.requirements;
    let reason = wanted.disabled_reason.as_deref();
    if state.closed {
        return SellerStatus::Closed;
    }
    if state.deauthorized {
        return SellerStatus::Deauthorized;
    }
    if reason.is_some_and(|reason| reason.starts_with("rejected.")) {
        return SellerStatus::Rejected;
    }
    if state.charges_enabled {
        // A reason while charges are enabled means that Stripe has disabled payouts.
        return match reason {
            None => SellerStatus::Active,
            Some(_) => SellerStatus::Restricted,
        };
    }
    if !state.details_submitted {
        // A new account has a reason from its first moment, since everything is due.
        return if state.onboarding_started {
            SellerStatus::Onboarding
        } else {
            SellerStatus::Created
        };
    }
    let wants_more = !wanted.currently_due.is_empty() || !wanted.past_due.is_empty();
    match reason {
        _ if wants_more => SellerStatus::Restricted,
        None => SellerStatus::PendingVerification,
        Some(reason) if IN_STRIPES_HANDS.contains(&reason) => SellerStatus::PendingVerification,
        Some(_) => SellerStatus::Restricted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        deauthorized: bool,
        closed: bool,
        started: bool,
        charges: bool,
        submitted: bool,
        wanted: Requirements,
    }

    fn submitted() -> Case {
        Case {
            deauthorized: false,
            closed: false,
            started: true,
            charges: false,
            submitted: true,
            wanted: Requirements::default(),
        }
    }

    fn reason(text: &str) -> Requirements {
        Requirements {
            disabled_reason: Some(text.to_owned()),
            ..Requirements::default()
        }
    }

    fn due(reason: Option<&str>) -> Requirements {
        Requirements {
            currently_due: vec!["external_account".to_owned()],
            disabled_reason: reason.map(str::to_owned),
            ..Requirements::default()
        }
    }

    fn status(case: &Case) -> SellerStatus {
        derive(&AccountState {
            deauthorized: case.deauthorized,
            closed: case.closed,
            onboarding_started: case.started,
            charges_enabled: case.charges,
            details_submitted: case.submitted,
            requirements: &case.wanted,
        })
    }

    const REASONS: [&str; 12] = [
        "action_required.requested_capabilities",
        "listed",
        "other",
        "platform_paused",
        "rejected.fraud",
        "rejected.incomplete_verification",
        "rejected.listed",
        "rejected.other",
        "rejected.terms_of_service",
        "requirements.past_due",
        "requirements.pending_verification",
        "under_review",
    ];

    /// Every combination of the flags, with and without something due, for every reason of Stripe's.
    fn all() -> Vec<Case> {
        let mut cases = Vec::new();
        for bits in 0..64_u8 {
            let bit = |at: u8| bits & (1 << at) != 0;
            let reasons = REASONS.iter().copied().map(Some).chain([None]);
            cases.extend(reasons.map(|reason| Case {
                deauthorized: bit(0),
                closed: bit(5),
                started: bit(1),
                charges: bit(2),
                submitted: bit(3),
                wanted: Requirements {
                    disabled_reason: reason.map(str::to_owned),
                    ..if bit(4) {
                        due(None)
                    } else {
                        Requirements::default()
                    }
                },
            }));
        }
        cases
    }

    #[test]
    fn a_new_account_is_created_until_its_first_link_then_onboarding() {
        let new = Case {
            started: false,
            submitted: false,
            wanted: due(Some("requirements.past_due")),
            ..submitted()
        };
        assert_eq!(status(&new), SellerStatus::Created);
        let started = Case {
            started: true,
            ..new
        };
        assert_eq!(status(&started), SellerStatus::Onboarding);
    }

    #[test]
    fn what_stripe_checks_is_pending_and_what_it_wants_is_restricted() {
        for text in IN_STRIPES_HANDS {
            let case = Case {
                wanted: reason(text),
                ..submitted()
            };
            assert_eq!(status(&case), SellerStatus::PendingVerification, "{text}");
            let case = Case {
                wanted: due(Some(text)),
                ..submitted()
            };
            assert_eq!(
                status(&case),
                SellerStatus::Restricted,
                "{text}, something due"
            );
        }
        assert_eq!(status(&submitted()), SellerStatus::PendingVerification);
        for text in [
            "requirements.past_due",
            "listed",
            "platform_paused",
            "other",
            "a new one",
        ] {
            let case = Case {
                wanted: reason(text),
                ..submitted()
            };
            assert_eq!(status(&case), SellerStatus::Restricted, "{text}");
        }
    }

    #[test]
    fn a_seller_with_charges_and_no_reason_is_active_though_stripe_will_want_more() {
        let case = Case {
            charges: true,
            wanted: due(None),
            ..submitted()
        };
        assert_eq!(status(&case), SellerStatus::Active);
    }

    #[test]
    fn active_takes_charges_and_never_a_disabled_reason() {
        for case in all() {
            if status(&case) == SellerStatus::Active {
                assert!(case.charges && case.wanted.disabled_reason.is_none());
            }
        }
    }

    #[test]
    fn a_disconnection_outranks_all_but_a_closure() {
        for case in all().into_iter().filter(|case| !case.closed) {
            let is = status(&case) == SellerStatus::Deauthorized;
            assert_eq!(is, case.deauthorized);
        }
    }

    #[test]
    fn an_account_that_is_closed_is_nothing_else() {
        for case in all() {
            assert_eq!(status(&case) == SellerStatus::Closed, case.closed);
        }
    }

    #[test]
    fn a_rejection_outranks_all_but_a_disconnection_and_a_closure() {
        let open = |case: &Case| !case.deauthorized && !case.closed;
        for case in all().into_iter().filter(open) {
            let reason = case.wanted.disabled_reason.clone().unwrap_or_default();
            let is = status(&case) == SellerStatus::Rejected;
            assert_eq!(is, reason.starts_with("rejected."), "{reason}");
        }
    }
}
