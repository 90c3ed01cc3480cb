//! Parameters that older versions of the API call otherwise, read as what they are called now:
//! <https://docs.stripe.com/changelog>. Answers have the present shape whatever was asked.

use super::Version;
use crate::{form::Node, shape::Shape};

pub(super) fn translate(version: Version, route: &str, shape: &Shape, form: &mut Node) {
    if version == Version::Current {
        return;
    }
    // Since endive.
    let (before, now) = ("payment_method_types", "allowed_payment_method_types");
    if shape.takes(now) && !shape.takes(before) {
        form.rename(before, now);
    }
    match route {
        // Since clover.
        "POST /v1/promotion_codes" => {
            if let Some(coupon) = form.take("coupon") {
                let leaf = |text: &str| Node::Leaf(text.to_owned());
                form.put(
                    "promotion",
                    Node::Tree(vec![
                        ("type".to_owned(), leaf("coupon")),
                        ("coupon".to_owned(), coupon),
                    ]),
                );
            }
        }
        "POST /v1/payment_intents" | "POST /v1/setup_intents" if version == Version::Oldest => {
            let chosen = [now, "automatic_payment_methods"];
            if chosen.iter().all(|name| form.at(name).is_none()) {
                let card = Node::Leaf("card".to_owned());
                form.put(now, Node::Tree(vec![("0".to_owned(), card)]));
            }
        }
        _ => {}
    }
}
