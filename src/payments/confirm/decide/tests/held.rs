//! Money that is held until it is captured.

use super::*;

#[test]
fn money_that_may_only_be_held_is_read_before_anything_is_decided() {
    let manual = |payment, order| {
        let mut state = state(payment, order, None);
        let of = state.payments.get_mut(&object("cs_1")).expect("there");
        of.capture_method = CaptureMethod::Manual;
        state
    };
    for status in [S::Paid, S::Processing] {
        let decided = decide(&manual(P::Pending, O::Pending), &snapshot(status));
        assert_eq!(decided.expect("decided"), Decision::Reread("pay_1".into()));
        let decided = decide(&state(P::Pending, O::Pending, None), &snapshot(status));
        assert!(!matches!(decided.expect("decided"), Decision::Reread(_)));
    }
    let held = with(|one| {
        one.status = S::Authorized;
        one.intent_unread = false;
    });
    let decided = decide(&manual(P::Pending, O::Pending), &held).expect("decided");
    assert_eq!(decided, hold(Hold::Taken));
    let captured = with(|one| {
        one.intent_unread = false;
        one.totals.collected = Some(5000);
    });
    let decided = decide(&manual(P::Authorized, O::Processing), &captured).expect("decided");
    assert!(matches!(decided, Decision::Pay { .. }), "{decided:?}");
    // Nothing was to be paid, so there is nothing to hold.
    let free = with(|one| {
        one.intent_unread = false;
        one.payment_intent = None;
        one.totals = Totals {
            discount: 5000,
            total: 0,
            ..one.totals
        };
    });
    let decided = decide(&manual(P::Pending, O::Pending), &free).expect("decided");
    assert!(matches!(decided, Decision::Pay { .. }), "{decided:?}");
}

/// Payment `pay_1`, whose money may be held, for three orders of 2000, 2000 and 1000 with a piece each of one product.
fn held_cart(payment: P, orders: [O; 3], left: Option<i64>) -> SliceState {
    let mut state = state(payment, O::Pending, left);
    let of = state.payments.get_mut(&object("cs_1")).expect("there");
    of.capture_method = CaptureMethod::Manual;
    of.orders.clear();
    state.orders.clear();
    for (n, (status, amount)) in (1..).zip(orders.into_iter().zip([2000, 2000, 1000])) {
        let id: OrderId = format!("ord_{n}").into();
        of.orders.push((id.clone(), amount));
        let order = LoadedOrder {
            status,
            seller: "sel_1".into(),
            lines: vec![line(n, 1)],
        };
        state.orders.insert(id, order);
    }
    state
}

fn read(status: S, collected: Option<i64>) -> PaymentSnapshot {
    let mut snapshot = snapshot(status);
    snapshot.intent_unread = false;
    snapshot.totals.collected = collected;
    snapshot
}

#[test]
fn what_is_held_takes_stock_order_by_order_and_what_is_released_gives_it_back() {
    let mut state = held_cart(P::Pending, [O::Pending; 3], Some(2));
    let held = read(S::Authorized, None);
    let decided = decide(&state, &held).expect("decided");
    let Decision::Authorize { orders, .. } = &decided else {
        panic!("{decided:?}");
    };
    let holds: Vec<Hold> = orders.iter().map(|(_, hold)| *hold).collect();
    assert_eq!(holds, [Hold::Taken, Hold::Taken, Hold::SoldOut]);
    state.apply(&object("cs_1"), &decided).expect("applies");
    let next = line(9, 1);
    assert!(
        !state
            .stock
            .suffices(std::slice::from_ref(&next))
            .expect("known")
    );
    assert_eq!(decide(&state, &held).expect("decided"), Nothing);

    let decided = decide(&state, &read(S::Canceled, None)).expect("decided");
    state.apply(&object("cs_1"), &decided).expect("applies");
    assert!(state.stock.suffices(&[next]).expect("known"));
    for (order, status) in [
        ("ord_1", O::Expired),
        ("ord_2", O::Expired),
        ("ord_3", O::CancelledSoldOut),
    ] {
        assert_eq!(state.orders[&OrderId::from(order)].status, status);
    }
}

#[test]
fn of_a_captured_part_those_orders_have_their_share_first_whose_money_was_held() {
    let orders = [O::Authorized, O::CancelledSoldOut, O::Authorized];
    let state = held_cart(P::Authorized, orders, Some(0));
    let paid = |collected| {
        let decided = decide(&state, &read(S::Paid, Some(collected))).expect("decided");
        let Decision::Pay { shares, .. } = decided else {
            panic!("{decided:?}");
        };
        shares
            .into_iter()
            .map(|one| (one.paid, one.outcome))
            .collect::<Vec<_>>()
    };
    let late = |paid| {
        let origin = RefundOrigin::Late;
        (
            paid,
            Outcome::Refund {
                origin,
                advances: true,
            },
        )
    };
    let captured = |paid| (paid, Outcome::Captured);
    assert_eq!(
        paid(3000),
        [captured(2000), (0, Outcome::Nothing), captured(1000)]
    );
    assert_eq!(
        paid(1500),
        [captured(1000), (0, Outcome::Nothing), captured(500)]
    );
    assert_eq!(paid(3500), [captured(2000), late(500), captured(1000)]);
    assert_eq!(paid(5000), [captured(2000), late(2000), captured(1000)]);
}

#[test]
fn only_what_is_held_may_come_in_part_and_never_more_than_that() {
    let manual = held_cart(P::Authorized, [O::Authorized; 3], Some(0));
    for collected in [0, 5001] {
        let decided = decide(&manual, &read(S::Paid, Some(collected))).expect("decided");
        assert_eq!(decided, Mismatch("pay_1".into()), "{collected}");
    }
    let automatic = state(P::Pending, O::Pending, None);
    let decided = decide(&automatic, &read(S::Paid, Some(4000))).expect("decided");
    assert_eq!(decided, Mismatch("pay_1".into()));
    // Nor is anything held for an object that is not what was asked for.
    let mut changed = read(S::Authorized, None);
    changed.totals.subtotal = 4000;
    changed.totals.total = 4000;
    let pending = held_cart(P::Pending, [O::Pending; 3], Some(9));
    let decided = decide(&pending, &changed).expect("decided");
    assert_eq!(decided, Mismatch("pay_1".into()));
}
