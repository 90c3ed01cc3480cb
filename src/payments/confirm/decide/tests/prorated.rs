//! First periods of subscriptions that Stripe prorates.

use super::*;

#[test]
fn a_prorated_period_may_be_cheaper_within_its_bounds_and_costs_what_stripe_says() {
    let mut state = state(P::Pending, O::Pending, None);
    for payment in state.payments.values_mut() {
        payment.prorated = Some((1000, 4000));
        payment.allow_discounts = false;
    }
    let of = |subtotal: i64, discount: i64| {
        let mut snapshot = snapshot(S::Paid);
        snapshot.totals.subtotal = subtotal;
        snapshot.totals.discount = discount;
        snapshot.totals.total = subtotal - discount;
        snapshot.totals.collected = None;
        decide(&state, &snapshot).expect("decides")
    };
    for subtotal in [1000, 2500, 4000] {
        let Decision::Pay { shares, .. } = of(subtotal, 0) else {
            panic!("{subtotal} is paid");
        };
        assert_eq!(
            (shares[0].discount, shares[0].paid),
            (5000 - subtotal, subtotal)
        );
    }
    for (subtotal, discount) in [(999, 0), (4001, 0), (5000, 0), (2500, 500), (-1, 0)] {
        assert!(
            matches!(of(subtotal, discount), Decision::Mismatch(_)),
            "{subtotal} less {discount}"
        );
    }
}
