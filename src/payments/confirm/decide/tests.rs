use super::*;

use Decision::{Defer, Ignore, Mismatch, Nothing, Orphan};
use OrderStatus as O;
use PaymentStatus as P;
use SnapshotStatus as S;

const ACCOUNT: &str = "acct_1";

fn line(n: u8, quantity: i64) -> SoldLine {
    SoldLine {
        id: format!("oln_{n}").into(),
        product: "prd_1".into(),
        quantity,
    }
}

/// Payment `pay_1` of session `cs_1`, over 5000 eur with codes, for order `ord_1` with two pieces of a product.
fn state(payment: P, order: O, left: Option<i64>) -> SliceState {
    let payment = LoadedPayment {
        id: "pay_1".into(),
        charge_account: ACCOUNT.into(),
        livemode: false,
        status: payment,
        currency: "eur".to_owned(),
        amount_subtotal: 5000,
        allow_discounts: true,
        order: "ord_1".into(),
    };
    let order = LoadedOrder {
        status: order,
        seller: "sel_1".into(),
        lines: vec![line(1, 1), line(2, 1)],
    };
    SliceState {
        payments: HashMap::from([("cs_1".to_owned(), payment)]),
        orders: HashMap::from([("ord_1".into(), order)]),
        stock: Stock::of([("prd_1".into(), left)]),
        candidates: HashMap::new(),
    }
}

fn snapshot(status: S) -> PaymentSnapshot {
    PaymentSnapshot {
        account: ACCOUNT.into(),
        livemode: false,
        stripe_object: "cs_1".to_owned(),
        status,
        totals: Totals {
            subtotal: 5000,
            discount: 0,
            total: 5000,
            tax_or_shipping: false,
        },
        currency: "eur".to_owned(),
        payment_intent: Some("pi_1".to_owned()),
        promotion_code: None,
        payment_hint: None,
        created: None,
    }
}

fn with(change: impl FnOnce(&mut PaymentSnapshot)) -> PaymentSnapshot {
    let mut snapshot = snapshot(S::Paid);
    change(&mut snapshot);
    snapshot
}

fn pays(outcome: Outcome) -> Decision {
    Decision::Pay {
        payment: "pay_1".into(),
        order: "ord_1".into(),
        outcome,
    }
}

fn back(origin: RefundOrigin, advances: bool) -> Decision {
    pays(Outcome::Refund { origin, advances })
}

fn process(advances: bool) -> Decision {
    Decision::Process {
        payment: "pay_1".into(),
        order: "ord_1".into(),
        advances,
    }
}

fn close(to: P, advances: bool) -> Decision {
    Decision::Close {
        payment: "pay_1".into(),
        to,
        order: "ord_1".into(),
        advances,
    }
}

/// The payment, its order, what Stripe says, and what is decided.
fn forward_table() -> Vec<(P, O, S, Decision)> {
    let still_open = || Ignore("the session is still open");
    let late = || back(RefundOrigin::Late, true);
    let duplicate = || back(RefundOrigin::DuplicatePayment, false);
    vec![
        (P::Pending, O::Pending, S::Open, still_open()),
        (P::Paid, O::Paid, S::Open, still_open()),
        (P::Pending, O::Pending, S::Processing, process(true)),
        (P::Pending, O::Cancelled, S::Processing, process(false)),
        (P::Processing, O::Processing, S::Processing, Nothing),
        (P::Paid, O::Paid, S::Processing, Nothing),
        (P::Expired, O::Expired, S::Processing, Nothing),
        (P::Pending, O::Pending, S::Expired, close(P::Expired, true)),
        (
            P::Pending,
            O::Cancelled,
            S::Expired,
            close(P::Expired, false),
        ),
        (
            P::Processing,
            O::Processing,
            S::Failed,
            close(P::Failed, true),
        ),
        (P::Paid, O::Paid, S::Expired, Nothing),
        (P::Paid, O::Paid, S::Failed, Nothing),
        (P::Failed, O::Failed, S::Expired, Nothing),
        (P::Pending, O::Pending, S::Paid, pays(Outcome::Sold)),
        (P::Processing, O::Processing, S::Paid, pays(Outcome::Sold)),
        (P::Expired, O::Expired, S::Paid, late()),
        (P::Failed, O::Failed, S::Paid, late()),
        (P::Expired, O::Cancelled, S::Paid, late()),
        (P::Pending, O::CancelledSoldOut, S::Paid, late()),
        (P::Pending, O::Paid, S::Paid, duplicate()),
        (P::Pending, O::Refunded, S::Paid, duplicate()),
        (P::Pending, O::RefundDue, S::Paid, duplicate()),
        (P::Paid, O::Paid, S::Paid, Nothing),
        (P::Paid, O::RefundDue, S::Paid, Nothing),
    ]
}

#[test]
fn a_payment_goes_as_far_forward_as_its_snapshot_and_never_back() {
    for (payment, order, says, wanted) in forward_table() {
        let decided = decide(&state(payment, order, Some(2)), &snapshot(says));
        let case = format!("{payment:?} {order:?} {says:?}");
        assert_eq!(decided.expect("decided"), wanted, "{case}");
    }
    let unknown = decide(&state(P::Pending, O::Pending, None), &snapshot(S::Unknown));
    assert!(unknown.is_err(), "a status nobody knows was decided on");
}

#[test]
fn all_lines_are_sold_or_none() {
    let free = || {
        with(|one| {
            one.totals.discount = 5000;
            one.totals.total = 0;
        })
    };
    let table = [
        (Some(2), snapshot(S::Paid), pays(Outcome::Sold)),
        (None, snapshot(S::Paid), pays(Outcome::Sold)),
        (
            Some(1),
            snapshot(S::Paid),
            back(RefundOrigin::Oversold, true),
        ),
        (Some(2), free(), pays(Outcome::Sold)),
        (Some(1), free(), pays(Outcome::SoldOutFree)),
    ];
    for (left, snapshot, wanted) in table {
        let decided = decide(&state(P::Pending, O::Pending, left), &snapshot);
        assert_eq!(decided.expect("decided"), wanted, "{left:?}");
    }
    let ended = decide(&state(P::Expired, O::Expired, None), &free());
    assert_eq!(ended.expect("decided"), pays(Outcome::Nothing));
}

#[test]
fn only_what_was_asked_for_is_confirmed() {
    let elsewhere = || Ignore("another account's event names our session");
    let table = [
        (
            with(|one| one.totals.subtotal = 4999),
            Mismatch("pay_1".into()),
        ),
        (
            with(|one| one.totals.total = 4999),
            Mismatch("pay_1".into()),
        ),
        (with(|one| one.totals.total = -1), Mismatch("pay_1".into())),
        (
            with(|one| one.totals.tax_or_shipping = true),
            Mismatch("pay_1".into()),
        ),
        (
            with(|one| one.totals.discount = -1),
            Mismatch("pay_1".into()),
        ),
        (
            with(|one| one.currency = "usd".to_owned()),
            Mismatch("pay_1".into()),
        ),
        (with(|one| one.livemode = true), Mismatch("pay_1".into())),
        (with(|one| one.account = "acct_2".into()), elsewhere()),
    ];
    for (snapshot, wanted) in table {
        let decided = decide(&state(P::Pending, O::Pending, None), &snapshot);
        assert_eq!(decided.expect("decided"), wanted, "{snapshot:?}");
    }
    let discounted = with(|one| {
        one.totals.discount = 1000;
        one.totals.total = 4000;
    });
    let mut without_codes = state(P::Pending, O::Pending, None);
    let allowed = decide(&without_codes, &discounted).expect("decided");
    assert_eq!(allowed, pays(Outcome::Sold));
    let payment = without_codes.payments.get_mut("cs_1").expect("there");
    payment.allow_discounts = false;
    let refused = decide(&without_codes, &discounted).expect("decided");
    assert_eq!(refused, Mismatch("pay_1".into()));
    for status in [S::Processing, S::Expired, S::Failed] {
        let live = with(|one| {
            one.livemode = true;
            one.status = status;
        });
        let decided = decide(&state(P::Pending, O::Pending, None), &live).expect("decided");
        assert!(matches!(decided, Ignore(_)), "{status:?}: {decided:?}");
    }
}

#[test]
fn metadata_finds_a_candidate_and_decides_nothing() {
    let candidate = |account: &str, awaits_object| Candidate {
        charge_account: account.into(),
        awaits_object,
    };
    let unknown = |hint: Option<&str>, status| {
        let mut snapshot = snapshot(status);
        snapshot.stripe_object = "cs_2".to_owned();
        snapshot.payment_hint = hint.map(Into::into);
        snapshot
    };
    let none_of_ours = || Ignore("no payment of ours on this account");
    let waits = Some(candidate(ACCOUNT, true));
    let table = [
        (None, None, Ignore("a session of the seller's own")),
        (Some("pay_2"), None, Orphan("pay_2".into())),
        (Some("pay_2"), waits, Defer("pay_2".into())),
        (
            Some("pay_2"),
            Some(candidate(ACCOUNT, false)),
            none_of_ours(),
        ),
        (
            Some("pay_2"),
            Some(candidate("acct_2", true)),
            none_of_ours(),
        ),
    ];
    for (hint, candidate, wanted) in table {
        let mut state = state(P::Pending, O::Pending, None);
        state.candidates = candidate
            .map(|one| ("pay_2".into(), one))
            .into_iter()
            .collect();
        let decided = decide(&state, &unknown(hint, S::Paid)).expect("decided");
        assert_eq!(decided, wanted);
    }
    let decided = decide(&SliceState::default(), &unknown(Some("pay_2"), S::Expired));
    assert_eq!(decided.expect("decided"), none_of_ours());
}

/// Decides several, each on what the ones before it came to.
fn in_turn(state: &mut SliceState, snapshots: &[PaymentSnapshot]) -> Vec<Decision> {
    let each = snapshots.iter().map(|snapshot| {
        let decision = decide(state, snapshot).expect("decided");
        let applied = state.apply(&snapshot.stripe_object, &decision);
        applied.expect("applied");
        decision
    });
    each.collect()
}

#[test]
fn later_snapshots_of_a_slice_see_what_earlier_ones_changed() {
    let twice = [snapshot(S::Paid), snapshot(S::Paid), snapshot(S::Expired)];
    let decided = in_turn(&mut state(P::Pending, O::Pending, Some(2)), &twice);
    assert_eq!(decided, [pays(Outcome::Sold), Nothing, Nothing]);

    let expired_first = [snapshot(S::Expired), snapshot(S::Paid)];
    let decided = in_turn(&mut state(P::Pending, O::Pending, Some(2)), &expired_first);
    let late = back(RefundOrigin::Late, true);
    assert_eq!(decided, [close(P::Expired, true), late]);

    // Another payment of the same order, and another order that wants the same product.
    let mut shop = state(P::Pending, O::Pending, Some(3));
    for (session, payment, order) in [("cs_2", "pay_2", "ord_1"), ("cs_3", "pay_3", "ord_3")] {
        let mut another = shop.payments["cs_1"].clone();
        another.id = payment.into();
        another.order = order.into();
        shop.payments.insert(session.to_owned(), another);
    }
    let order = shop.orders[&OrderId::from("ord_1")].clone();
    shop.orders.insert("ord_3".into(), order);
    let of = |session: &str| with(|one| one.stripe_object = session.to_owned());
    let decided = in_turn(&mut shop, &[of("cs_1"), of("cs_2"), of("cs_3")]);
    let outcome = |decision: &Decision| match decision {
        Decision::Pay { outcome, .. } => format!("{outcome:?}"),
        other => format!("{other:?}"),
    };
    let outcomes: Vec<String> = decided.iter().map(outcome).collect();
    assert_eq!(outcomes[0], "Sold");
    assert!(outcomes[1].contains("DuplicatePayment"), "{outcomes:?}");
    assert!(outcomes[2].contains("Oversold"), "{outcomes:?}");
}
