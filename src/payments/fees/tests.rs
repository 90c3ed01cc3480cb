use proptest::prelude::*;
use souk_entity::Timestamp;
use souk_entity::payment::{CaptureMethod, ChargeType, PaymentKind, PaymentStatus};

use super::*;

fn payment(currency: &str, rule: &FeeRule, subtotal: i64, discount: i64) -> payment::Model {
    payment::Model {
        id: "pay_1".into(),
        charge_account: "acct_1".into(),
        livemode: false,
        kind: PaymentKind::Session,
        stripe_object: None,
        payment_intent: None,
        charge: None,
        status: PaymentStatus::Paid,
        currency: currency.to_owned(),
        amount_subtotal: subtotal,
        prorated_least: None,
        prorated_most: None,
        amount_discount: Some(discount),
        amount_paid: Some(subtotal - discount),
        amount_refunded: 0,
        application_fee: rule.of(subtotal, currency).expect("small"),
        fee_bps: Some(rule.bps),
        fee_fixed: rule.fixed.get(currency).copied().or(Some(0)),
        stripe_fee: None,
        fee_taken: None,
        fee_returned: None,
        allow_discounts: true,
        stripe_promotion_code: None,
        attempt: "session:pay_1".to_owned(),
        key_number: 1,
        key_until: Timestamp(0),
        request: String::new(),
        success_url: None,
        cancel_url: None,
        ui_mode: None,
        return_url: None,
        redirect_on_completion: None,
        expires_at: None,
        asked_at: None,
        failure: None,
        failure_code: None,
        charge_type: ChargeType::Direct,
        customer: None,
        subscription: None,
        stripe_invoice: None,
        capture_method: CaptureMethod::Automatic,
        amount_capturable: None,
        capture_before: None,
        capture_amount: None,
        capture_refusal: None,
        last_error: None,
        on_behalf_of: None,
        transfer_group: None,
        paid_at: None,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    }
}

/// What happens to a payment's money; a part is in thousandths of what is left.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A refund of ours, by an amount or by lines.
    Refund(i64),
    /// One in Stripe's dashboard, which leaves the fee alone.
    InDashboard(i64),
    /// The bank sends a refund of ours back: which, counted round.
    Fails(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..=1000_i64).prop_map(Step::Refund),
        2 => (1..=500_i64).prop_map(Step::InDashboard),
        1 => (0..8_usize).prop_map(Step::Fails),
    ]
}

fn paid_payment() -> impl Strategy<Value = payment::Model> {
    let currency = prop_oneof![Just("usd"), Just("jpy"), Just("isk"), Just("kwd")];
    let fee = (0..=4_000_i32, 0..=60_i64);
    (currency, fee, 1..=50_000_i64, 0..=100_i64).prop_map(|(currency, (bps, fixed), units, off)| {
        let step = money::step(currency);
        let fixed = [(currency.to_owned(), fixed * step)].into();
        let (subtotal, rule) = (units * step, FeeRule { bps, fixed });
        payment(currency, &rule, subtotal, subtotal * off / 101)
    })
}

/// Plays the steps and then refunds the rest. What of the fee has gone back: the excess, and with each refund.
fn play(payment: &payment::Model, steps: &[Step]) -> Result<(), TestCaseError> {
    let (paid, fee) = (
        payment.amount_paid.unwrap_or(0),
        taken(payment).expect("small"),
    );
    let excess = excess(payment).expect("small");
    let kept = fee - excess;
    let (mut ours, mut theirs, mut returned) = (Vec::<i64>::new(), 0, 0);
    let rest = [Step::Refund(1000)];
    for step in steps.iter().chain(&rest) {
        let left = paid - theirs - ours.iter().sum::<i64>();
        let part = |thousandths: i64| left * thousandths / 1000;
        match *step {
            Step::InDashboard(of) => theirs += part(of),
            Step::Fails(which) if !ours.is_empty() => {
                let which = which % ours.len();
                ours.swap_remove(which);
            }
            Step::Fails(_) => {}
            Step::Refund(of) => {
                let before = ours.iter().sum::<i64>();
                ours.push(part(of));
                let back = before + part(of);
                let amount = due(payment, back, returned).expect("small");
                if returned == share_of(payment, before).expect("small") {
                    let told = share_of(payment, back).expect("small") - returned;
                    prop_assert_eq!(amount, told, "as a preview says");
                }
                returned += amount;
                // Half a unit off at most, however many refunds there were.
                let exact_twice = 2 * i128::from(kept) * i128::from(back);
                let share = share_of(payment, back).expect("small");
                let off = 2 * i128::from(share) * i128::from(paid) - exact_twice;
                let unit = i128::from(money::step(&payment.currency)) * i128::from(paid);
                prop_assert!(back >= paid || off.abs() <= unit, "{share} of {kept}");
                prop_assert!(share <= returned && returned <= kept);
            }
        }
        prop_assert!(excess + returned <= fee);
    }
    if theirs == 0 {
        prop_assert_eq!(excess + returned, fee, "the last refund returns the rest");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn any_series_of_refunds_returns_the_fee_to_the_cent(
        payment in paid_payment(),
        steps in prop::collection::vec(step(), 0..12),
    ) {
        play(&payment, &steps)?;
    }
}

#[test]
fn a_refund_after_one_that_failed_returns_only_what_has_not_gone_back_yet() {
    let rule = FeeRule {
        bps: 1000,
        fixed: [("usd".to_owned(), 0)].into(),
    };
    let payment = payment("usd", &rule, 1000, 0);
    assert_eq!(due(&payment, 333, 0).expect("small"), 33);
    // It failed, and less is refunded anew.
    assert_eq!(due(&payment, 200, 33).expect("small"), 0);
    assert_eq!(due(&payment, 1000, 33).expect("small"), 67);
}
