//! How much of what matters for a dispute's reason the evidence holds (docs.stripe.com/disputes/categories), and what to add.

/// How complete evidence is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completeness {
    /// 0 to 100.
    pub score: i64,
    /// What would raise it, what weighs most first.
    pub missing: Vec<Missing>,
}

/// Something that evidence lacks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Missing {
    /// Stripe's evidence field.
    pub field: &'static str,
    /// What to do, in a sentence.
    pub advice: &'static str,
}

/// Something that evidence needs: one of these fields, the first of them for choice.
struct Need {
    fields: &'static [&'static str],
    /// How much it matters, against the others.
    weight: i64,
    advice: &'static str,
}

const fn need(fields: &'static [&'static str], weight: i64, advice: &'static str) -> Need {
    Need {
        fields,
        weight,
        advice,
    }
}

const PRODUCT: Need = need(
    &["product_description"],
    1,
    "Describe what was sold, as the buyer saw it.",
);
const RECEIPT: Need = need(
    &["receipt"],
    1,
    "Keep a receipt or an invoice that the buyer got with the order, as a file of the kind receipt.",
);
const MESSAGES: Need = need(
    &["customer_communication"],
    3,
    "Keep the messages with the buyer with the order, as a file of the kind customer_communication.",
);
const IP: Need = need(
    &["customer_purchase_ip"],
    3,
    "The address that the order was bought from isn't known: have the platform name its proxies (TRUSTED_PROXIES), so that it \
     is with the next one.",
);
const NAME: Need = need(&["customer_name"], 1, "Write down the buyer's name.");
const ADDRESS: Need = need(
    &["billing_address", "shipping_address"],
    1,
    "Write down the buyer's billing address, or where the goods were sent.",
);
const TRACKING: Need = need(
    &["shipping_tracking_number"],
    2,
    "Record the shipment with its carrier and tracking number.",
);
const DATE: Need = need(&["shipping_date"], 1, "Record when the goods were sent.");
const PROOF: Need = need(
    &["shipping_documentation", "customer_signature"],
    4,
    "Keep a proof of delivery with the order, such as the carrier's page or a signature, as a file of the kind \
     shipping_documentation.",
);
const ACCESS: Need = need(
    &["access_activity_log"],
    4,
    "Show when and from where the buyer used what they got: a log of downloads or logins.",
);
const SERVICE: Need = need(
    &["service_documentation", "service_date"],
    2,
    "Keep a proof that the service was provided with the order, as a file of the kind service_documentation.",
);
const POLICY: Need = need(
    &["refund_policy_disclosure", "refund_policy"],
    3,
    "Set the shop's refund policy, and say how the buyer was shown it.",
);
const REFUSAL: Need = need(
    &["refund_refusal_explanation"],
    4,
    "Say why the buyer gets no refund, or what was refunded already.",
);
const DUPLICATE: Need = need(
    &["duplicate_charge_id"],
    3,
    "Name the other charge that the buyer takes for the same.",
);
const DIFFERENCE: Need = need(
    &["duplicate_charge_explanation"],
    4,
    "Explain how the two charges differ: two orders, two shipments.",
);
const CANCELLATION: Need = need(
    &["cancellation_policy_disclosure", "cancellation_policy"],
    3,
    "Say how the buyer was shown the conditions of cancelling.",
);
const REBUTTAL: Need = need(
    &["cancellation_rebuttal"],
    4,
    "Say why the subscription was not cancelled when the buyer says it was.",
);
const STORY: Need = need(&["uncategorized_text"], 1, "Tell what happened, in order.");

const FILING: Need = need(
    &["reason_for_filing"],
    4,
    "Say why the decision is wrong (evidence.appeal.card.reason_for_filing).",
);
const SUPPORT: Need = need(
    &["supporting_files"],
    1,
    "Add files of the order that show it (evidence.appeal.card.supporting_files).",
);

/// What a reason needs. Stripe's reasons that aren't named here are answered with what shows that the sale was right.
fn needs(reason: &str, is_digital: bool) -> Vec<Need> {
    let delivery = || match is_digital {
        true => vec![ACCESS, SERVICE],
        false => vec![TRACKING, DATE, PROOF],
    };
    let (first, needs_delivery): (Vec<Need>, bool) = match reason {
        "fraudulent" | "unrecognized" => {
            (vec![IP, NAME, ADDRESS, MESSAGES, RECEIPT, PRODUCT], true)
        }
        "product_not_received" => (vec![MESSAGES, PRODUCT], true),
        "product_unacceptable" => (vec![PRODUCT, POLICY, MESSAGES, REFUSAL, DATE], false),
        "credit_not_processed" => (vec![REFUSAL, POLICY, MESSAGES], false),
        "duplicate" => (vec![DIFFERENCE, DUPLICATE, RECEIPT], true),
        "subscription_canceled" => (vec![REBUTTAL, CANCELLATION, MESSAGES, PRODUCT], false),
        _ => (vec![PRODUCT, MESSAGES, POLICY, RECEIPT, STORY], true),
    };
    let mut all = first;
    if needs_delivery {
        all.extend(delivery());
    }
    all
}

/// How complete evidence is that has these fields.
pub(super) fn of(reason: &str, is_digital: bool, has: impl Fn(&str) -> bool) -> Completeness {
    of_needs(&needs(reason, is_digital), has)
}

/// How complete an appeal is that has these fields of `evidence.appeal.card`.
pub(super) fn of_appeal(has: impl Fn(&str) -> bool) -> Completeness {
    of_needs(&[FILING, SUPPORT], has)
}

fn of_needs(needs: &[Need], has: impl Fn(&str) -> bool) -> Completeness {
    let is_met = |need: &Need| need.fields.iter().any(|field| has(field));
    let weight =
        |needs: &mut dyn Iterator<Item = &Need>| needs.map(|need| need.weight).sum::<i64>();
    let all = weight(&mut needs.iter());
    let met = weight(&mut needs.iter().filter(|need| is_met(need)));
    let mut lacking: Vec<&Need> = needs.iter().filter(|need| !is_met(need)).collect();
    lacking.sort_by_key(|need| std::cmp::Reverse(need.weight));
    let missing = lacking.into_iter().filter_map(|need| {
        Some(Missing {
            field: need.fields.first()?,
            advice: need.advice,
        })
    });
    Completeness {
        score: met * 100 / all.max(1),
        missing: missing.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REASONS: [&str; 9] = [
        "fraudulent",
        "unrecognized",
        "product_not_received",
        "product_unacceptable",
        "credit_not_processed",
        "duplicate",
        "subscription_canceled",
        "general",
        "a_new_one",
    ];

    #[test]
    fn nothing_is_worth_nothing_everything_a_hundred_and_each_part_something() {
        for reason in REASONS {
            for is_digital in [false, true] {
                let nothing = of(reason, is_digital, |_| false);
                assert_eq!(nothing.score, 0, "{reason}");
                let all = of(reason, is_digital, |_| true);
                assert_eq!((all.score, all.missing.len()), (100, 0), "{reason}");
                for one in &nothing.missing {
                    let with = of(reason, is_digital, |field| field == one.field);
                    assert!(with.score > 0, "{reason} {}", one.field);
                    assert_eq!(with.missing.len() + 1, nothing.missing.len());
                }
            }
        }
    }

    #[test]
    fn what_weighs_most_for_the_reason_is_named_first() {
        let first = |reason, is_digital| of(reason, is_digital, |_| false).missing[0].field;
        assert_eq!(
            first("product_not_received", false),
            "shipping_documentation"
        );
        assert_eq!(first("product_not_received", true), "access_activity_log");
        assert_eq!(first("duplicate", true), "duplicate_charge_explanation");
        assert_eq!(
            first("credit_not_processed", false),
            "refund_refusal_explanation"
        );
        // A signature is a proof of delivery, too.
        let signed = of("product_not_received", false, |field| {
            field == "customer_signature"
        });
        assert!(
            signed
                .missing
                .iter()
                .all(|one| one.field != "shipping_documentation")
        );
    }
}
