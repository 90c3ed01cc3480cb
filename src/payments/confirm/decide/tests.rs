mod held;
mod prorated;

use super::*;
use crate::payments::snapshot::Totals;

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

fn object(id: &str) -> StripeObject {
    StripeObject {
        id: id.to_owned(),
        account: ACCOUNT.into(),
        livemode: false,
    }
}

/// Payment `pay_1` of session `cs_1`, over 5000 eur with codes, for order `ord_1` with two pieces of a product.
fn state(payment: P, order: O, left: Option<i64>) -> SliceState {
    let payment = LoadedPayment {
        id: "pay_1".into(),
        status: payment,
        currency: "eur".to_owned(),
        amount_subtotal: 5000,
        prorated: None,
        allow_discounts: true,
        capture_method: CaptureMethod::AutomaticAsync,
        orders: vec![("ord_1".into(), 5000)],
    };
    let order = LoadedOrder {
        status: order,
        seller: "sel_1".into(),
        lines: vec![line(1, 1), line(2, 1)],
    };
    SliceState {
        payments: HashMap::from([(object("cs_1"), payment)]),
        orders: HashMap::from([("ord_1".into(), order)]),
        stock: Stock::of([("prd_1".into(), left)]),
        candidates: HashMap::new(),
    }
}

fn snapshot(status: S) -> PaymentSnapshot {
    PaymentSnapshot {
        object: object("cs_1"),
        kind: PaymentKind::Session,
        status,
        totals: Totals {
            subtotal: 5000,
            discount: 0,
            total: 5000,
            from_balance: 0,
            collected: None,
            tax_or_shipping: false,
        },
        currency: "eur".to_owned(),
        payment_intent: Some("pi_1".to_owned()),
        subscription: None,
        invoice: None,
        amount_capturable: None,
        application_fee: None,
        intent_unread: true,
        decline: None,
        promotion_code: None,
        payment_hint: None,
        is_its_own: true,
        created: None,
    }
}

fn with(change: impl FnOnce(&mut PaymentSnapshot)) -> PaymentSnapshot {
    let mut snapshot = snapshot(S::Paid);
    change(&mut snapshot);
    snapshot
}

fn share(order: &str, (discount, paid): (i64, i64), outcome: Outcome) -> PaidShare {
    PaidShare {
        order: order.into(),
        discount,
        paid,
        outcome,
    }
}

fn pays_after(discount: i64, outcome: Outcome) -> Decision {
    Decision::Pay {
        payment: "pay_1".into(),
        shares: vec![share("ord_1", (discount, 5000 - discount), outcome)],
    }
}

fn pays(outcome: Outcome) -> Decision {
    pays_after(0, outcome)
}

fn back(origin: RefundOrigin, advances: bool) -> Decision {
    pays(Outcome::Refund { origin, advances })
}

fn moved(advances: bool) -> Vec<OrderId> {
    let orders = advances.then(|| "ord_1".into());
    orders.into_iter().collect()
}

fn process(advances: bool) -> Decision {
    Decision::Process {
        payment: "pay_1".into(),
        orders: moved(advances),
    }
}

fn hold(hold: Hold) -> Decision {
    Decision::Authorize {
        payment: "pay_1".into(),
        orders: vec![("ord_1".into(), hold)],
    }
}

fn close(to: P, advances: bool) -> Decision {
    Decision::Close {
        payment: "pay_1".into(),
        to,
        orders: moved(advances),
        held: Vec::new(),
    }
}

/// Its stock comes back.
fn release(to: P) -> Decision {
    Decision::Close {
        payment: "pay_1".into(),
        to,
        orders: moved(true),
        held: moved(true),
    }
}

/// The payment, its order, what Stripe says, and what is decided.
fn forward_table() -> Vec<(P, O, S, Decision)> {
    let still_open = || Ignore("the payment is still open");
    let late = || back(RefundOrigin::Late, true);
    let duplicate = || back(RefundOrigin::DuplicatePayment, false);
    vec![
        (P::Pending, O::Pending, S::Open, still_open()),
        (P::Paid, O::Paid, S::Open, still_open()),
        (P::Pending, O::Pending, S::Processing, process(true)),
        (P::Pending, O::Cancelled, S::Processing, process(false)),
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

/// The same, of money that is held before it is taken.
fn held_table() -> Vec<(P, O, S, Decision)> {
    let late = || back(RefundOrigin::Late, true);
    let duplicate = || back(RefundOrigin::DuplicatePayment, false);
    vec![
        (P::Pending, O::Pending, S::Authorized, hold(Hold::Taken)),
        (
            P::Processing,
            O::Processing,
            S::Authorized,
            hold(Hold::Taken),
        ),
        (P::Pending, O::Cancelled, S::Authorized, hold(Hold::Nothing)),
        // Another payment's.
        (
            P::Pending,
            O::Authorized,
            S::Authorized,
            hold(Hold::Nothing),
        ),
        (P::Pending, O::Authorized, S::Paid, duplicate()),
        (
            P::Pending,
            O::Authorized,
            S::Expired,
            close(P::Expired, false),
        ),
        (P::Authorized, O::Authorized, S::Authorized, Nothing),
        (
            P::Authorized,
            O::Authorized,
            S::Paid,
            pays(Outcome::Captured),
        ),
        (
            P::Authorized,
            O::Authorized,
            S::Canceled,
            release(P::Canceled),
        ),
        (P::Authorized, O::CancelledSoldOut, S::Paid, late()),
        (
            P::Authorized,
            O::CancelledSoldOut,
            S::Canceled,
            close(P::Canceled, false),
        ),
        // Held by a version that took no stock for it.
        (P::Authorized, O::Processing, S::Authorized, Nothing),
        (P::Authorized, O::Processing, S::Processing, Nothing),
        (P::Paid, O::Paid, S::Authorized, Nothing),
        (P::Authorized, O::Processing, S::Paid, pays(Outcome::Sold)),
        (
            P::Authorized,
            O::Processing,
            S::Canceled,
            close(P::Canceled, true),
        ),
        (
            P::Pending,
            O::Pending,
            S::Canceled,
            close(P::Canceled, true),
        ),
        (P::Paid, O::Paid, S::Canceled, Nothing),
        (P::Canceled, O::Expired, S::Paid, late()),
        (P::Processing, O::Processing, S::Processing, Nothing),
        (P::Paid, O::Paid, S::Processing, Nothing),
        (P::Expired, O::Expired, S::Processing, Nothing),
    ]
}

#[test]
fn a_payment_goes_as_far_forward_as_its_snapshot_and_never_back() {
    for (payment, order, says, wanted) in forward_table().into_iter().chain(held_table()) {
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
        (Some(2), free(), pays_after(5000, Outcome::Sold)),
        (Some(1), free(), pays_after(5000, Outcome::SoldOutFree)),
    ];
    for (left, snapshot, wanted) in table {
        let decided = decide(&state(P::Pending, O::Pending, left), &snapshot);
        assert_eq!(decided.expect("decided"), wanted, "{left:?}");
    }
    let ended = decide(&state(P::Expired, O::Expired, None), &free());
    assert_eq!(ended.expect("decided"), pays_after(5000, Outcome::Nothing));
}

#[test]
fn only_what_was_asked_for_is_confirmed() {
    let elsewhere = || Ignore("a payment of the seller's own");
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
        (with(|one| one.object.livemode = true), elsewhere()),
        (
            with(|one| one.object.account = "acct_2".into()),
            elsewhere(),
        ),
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
    assert_eq!(allowed, pays_after(1000, Outcome::Sold));
    let payment = without_codes.payments.get_mut(&object("cs_1"));
    let payment = payment.expect("there");
    payment.allow_discounts = false;
    let refused = decide(&without_codes, &discounted).expect("decided");
    assert_eq!(refused, Mismatch("pay_1".into()));
    for status in [S::Processing, S::Expired, S::Failed] {
        let live = with(|one| {
            one.object.livemode = true;
            one.status = status;
        });
        let decided = decide(&state(P::Pending, O::Pending, None), &live).expect("decided");
        assert!(matches!(decided, Ignore(_)), "{status:?}: {decided:?}");
    }
}

#[test]
fn metadata_finds_a_candidate_and_decides_nothing() {
    let candidate = |account: &str, awaits_object| Candidate {
        id: "pay_2".into(),
        kind: PaymentKind::Session,
        charge_account: account.into(),
        livemode: false,
        awaits_object,
        capture_method: CaptureMethod::AutomaticAsync,
    };
    let waits_in = |kind, livemode| {
        Some(Candidate {
            kind,
            livemode,
            ..candidate(ACCOUNT, true)
        })
    };
    let unknown = |hint: Option<&str>, status| {
        let mut snapshot = snapshot(status);
        snapshot.object.id = "cs_2".to_owned();
        snapshot.payment_hint = hint.map(Into::into);
        snapshot
    };
    let none_of_ours = || Ignore("no payment of ours on this account");
    let waits = Some(candidate(ACCOUNT, true));
    let table = [
        (None, None, Ignore("a payment of the seller's own")),
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
        (
            Some("pay_2"),
            waits_in(PaymentKind::Session, true),
            none_of_ours(),
        ),
        (
            Some("pay_2"),
            waits_in(PaymentKind::Intent, false),
            none_of_ours(),
        ),
    ];
    for (hint, candidate, wanted) in table {
        let mut state = state(P::Pending, O::Pending, None);
        state.candidates = candidate
            .map(|one| (object("cs_2"), one))
            .into_iter()
            .collect();
        let decided = decide(&state, &unknown(hint, S::Paid)).expect("decided");
        assert_eq!(decided, wanted);
    }
    let decided = decide(&SliceState::default(), &unknown(Some("pay_2"), S::Expired));
    assert_eq!(decided.expect("decided"), none_of_ours());
    // A session's intent carries the session's metadata, and the session tells of it.
    let mut intent = unknown(Some("pay_2"), S::Paid);
    intent.kind = PaymentKind::Intent;
    intent.is_its_own = false;
    let decided = decide(&SliceState::default(), &intent);
    assert_eq!(decided.expect("decided"), none_of_ours());
    intent.is_its_own = true;
    let decided = decide(&SliceState::default(), &intent);
    assert_eq!(decided.expect("decided"), Orphan("pay_2".into()));
}

#[test]
fn an_intent_of_a_session_or_invoice_is_ignored_unless_its_money_was_held() {
    use CaptureMethod::{Automatic, AutomaticAsync, Manual};
    let told = || Ignore("its session or invoice tells what happens to it");
    let none_of_ours = || Ignore("no payment of ours on this account");
    let of = |kind, capture_method, account: &str, livemode| Candidate {
        id: "pay_2".into(),
        kind,
        charge_account: account.into(),
        livemode,
        awaits_object: false,
        capture_method,
    };
    let table = [
        (
            of(PaymentKind::Session, AutomaticAsync, ACCOUNT, false),
            told(),
        ),
        (of(PaymentKind::Session, Automatic, ACCOUNT, false), told()),
        (of(PaymentKind::Invoice, Automatic, ACCOUNT, false), told()),
        (
            of(PaymentKind::Session, Manual, ACCOUNT, false),
            Decision::Reread("pay_2".into()),
        ),
        (
            of(PaymentKind::Session, Manual, "acct_2", false),
            none_of_ours(),
        ),
        (
            of(PaymentKind::Session, Manual, ACCOUNT, true),
            none_of_ours(),
        ),
        (
            of(PaymentKind::Intent, Manual, ACCOUNT, false),
            none_of_ours(),
        ),
    ];
    for (candidate, wanted) in table {
        for status in [S::Open, S::Authorized, S::Paid, S::Canceled, S::Processing] {
            let mut intent = snapshot(status);
            intent.kind = PaymentKind::Intent;
            intent.object.id = "pi_2".to_owned();
            let mut state = state(P::Pending, O::Pending, None);
            state.candidates.insert(object("pi_2"), candidate.clone());
            let decided = decide(&state, &intent).expect("decided");
            assert_eq!(decided, wanted, "{candidate:?} {status:?}");
        }
    }
}

/// `state` with payment `pay_1` over 5000 for three orders, of 1000, 3500 and 500. Each wants two pieces.
fn cart(left: Option<i64>) -> SliceState {
    let mut state = state(P::Pending, O::Pending, left);
    let payment = state.payments.get_mut(&object("cs_1")).expect("there");
    payment.orders = [("ord_1", 1000), ("ord_2", 3500), ("ord_3", 500)]
        .map(|(order, subtotal)| (order.into(), subtotal))
        .into();
    for order in ["ord_2", "ord_3"] {
        let of = state.orders[&OrderId::from("ord_1")].clone();
        state.orders.insert(order.into(), of);
    }
    state
}

#[test]
fn each_order_of_a_payment_has_its_share_and_its_own_outcome() {
    let mut shop = cart(Some(5));
    shop.orders
        .get_mut(&OrderId::from("ord_2"))
        .expect("there")
        .status = O::Cancelled;
    let discounted = with(|one| {
        one.totals.discount = 333;
        one.totals.total = 4667;
    });
    let decided = decide(&shop, &discounted).expect("decided");
    let late = Outcome::Refund {
        origin: RefundOrigin::Late,
        advances: true,
    };
    let shares = vec![
        share("ord_1", (67, 933), Outcome::Sold),
        share("ord_2", (233, 3267), late),
        share("ord_3", (33, 467), Outcome::Sold),
    ];
    let payment = "pay_1".into();
    assert_eq!(decided, Decision::Pay { payment, shares });
}

#[test]
fn the_orders_of_a_payment_take_from_one_stock() {
    for (left, sold) in [(6, 3), (5, 2), (4, 2), (3, 1), (1, 0)] {
        let mut shop = cart(Some(left));
        let decided = in_turn(&mut shop, &[snapshot(S::Paid)]);
        let [Decision::Pay { shares, .. }] = decided.as_slice() else {
            panic!("{decided:?}");
        };
        let is_sold = |share: &&PaidShare| share.outcome == Outcome::Sold;
        assert_eq!(shares.iter().filter(is_sold).count(), sold, "{left} left");
        let paid = shop.orders.values();
        let paid = paid.filter(|order| order.status == O::Paid).count();
        assert_eq!(paid, sold, "{left} left");
    }
}

/// Decides several, each on what the ones before it came to.
fn in_turn(state: &mut SliceState, snapshots: &[PaymentSnapshot]) -> Vec<Decision> {
    let each = snapshots.iter().map(|snapshot| {
        let decision = decide(state, snapshot).expect("decided");
        let applied = state.apply(&snapshot.object, &decision);
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
        let mut another = shop.payments[&object("cs_1")].clone();
        another.id = payment.into();
        another.orders = vec![(order.into(), 5000)];
        shop.payments.insert(object(session), another);
    }
    let order = shop.orders[&OrderId::from("ord_1")].clone();
    shop.orders.insert("ord_3".into(), order);
    let of = |session: &str| with(|one| one.object.id = session.to_owned());
    let decided = in_turn(&mut shop, &[of("cs_1"), of("cs_2"), of("cs_3")]);
    let outcome = |decision: &Decision| match decision {
        Decision::Pay { shares, .. } => format!("{:?}", shares[0].outcome),
        other => format!("{other:?}"),
    };
    let outcomes: Vec<String> = decided.iter().map(outcome).collect();
    assert_eq!(outcomes[0], "Sold");
    assert!(outcomes[1].contains("DuplicatePayment"), "{outcomes:?}");
    assert!(outcomes[2].contains("Oversold"), "{outcomes:?}");
}
