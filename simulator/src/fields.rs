//! Parameters that many nouns have, under one rule wherever they stand: statement descriptors and the countries of
//! addresses.

use crate::{countries, error::ApiError, form::Node};

/// What a statement descriptor must be: <https://docs.stripe.com/get-started/account/statement-descriptors>.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Descriptor {
    least: usize,
    most: usize,
    /// At least one letter.
    letter: bool,
    /// Latin characters only, and no `*` either.
    latin: bool,
}

/// On its own it is all that a statement shows of a payment.
const COMPLETE: Descriptor = Descriptor {
    least: 5,
    most: 22,
    letter: true,
    latin: true,
};
const PREFIX: Descriptor = Descriptor {
    least: 2,
    most: 10,
    ..COMPLETE
};
const SUFFIX: Descriptor = Descriptor {
    least: 1,
    ..COMPLETE
};
/// Of products and invoices (<https://docs.stripe.com/api/products/create>).
const SOLD: Descriptor = Descriptor {
    least: 1,
    latin: false,
    ..COMPLETE
};
/// <https://docs.stripe.com/connect/payout-statement-descriptors>.
const PAYOUT: Descriptor = Descriptor {
    letter: false,
    ..SOLD
};
/// <https://docs.stripe.com/api/topups/create>.
const TOPUP: Descriptor = Descriptor { most: 15, ..PAYOUT };

/// Refuses statement descriptors and countries of addresses that Stripe doesn't take, wherever in a request they stand.
pub(crate) fn check(path: &str, form: &Node) -> Result<(), ApiError> {
    walk(path, "", "", form)
}

fn walk(path: &str, at: &str, within: &str, form: &Node) -> Result<(), ApiError> {
    for (name, node) in form.children() {
        let param = if at.is_empty() {
            name.clone()
        } else {
            format!("{at}[{name}]")
        };
        match node {
            Node::Tree(_) if name == "metadata" => {}
            Node::Tree(_) => walk(path, &param, name, node)?,
            Node::Leaf(text) if text.is_empty() => {}
            Node::Leaf(text) if name == "country" && within.ends_with("address") => {
                countries::check(&text.to_ascii_uppercase(), &param)?;
            }
            Node::Leaf(text) => {
                if let Some(rule) = rule(path, within, name) {
                    rule.check(text, &param)?;
                }
            }
        }
    }
    Ok(())
}

fn rule(path: &str, within: &str, name: &str) -> Option<Descriptor> {
    let under = |noun: &str| path.starts_with(noun);
    Some(match name {
        "statement_descriptor_prefix" => PREFIX,
        "statement_descriptor_suffix" => SUFFIX,
        "statement_descriptor" if under("/v1/topups") => TOPUP,
        "statement_descriptor" if under("/v1/payouts") || within == "payouts" => PAYOUT,
        "statement_descriptor"
            if under("/v1/products") || under("/v1/invoices") || within == "product_data" =>
        {
            SOLD
        }
        "statement_descriptor" => COMPLETE,
        _ => return None,
    })
}

impl Descriptor {
    fn check(self, text: &str, param: &str) -> Result<(), ApiError> {
        let count = text.chars().count();
        let refuse = |why: String| {
            let error = ApiError::invalid(format!("The statement descriptor {why}."));
            Err(error.param(param))
        };
        if count > self.most {
            return refuse(format!("must be at most {} characters", self.most));
        }
        if count < self.least {
            return refuse(format!("must be at least {} characters", self.least));
        }
        let special =
            |c: char| matches!(c, '<' | '>' | '\\' | '\'' | '"') || self.latin && c == '*';
        if text.contains(special) {
            return refuse("may not contain <, >, \\, ', \" or *".to_owned());
        }
        // U+024F ends the Latin letters that languages of Europe are written in.
        if self.latin && text.chars().any(|c| c > '\u{24f}') || self == TOPUP && !text.is_ascii() {
            return refuse("may contain Latin characters only".to_owned());
        }
        if self.letter && !text.contains(char::is_alphabetic) {
            return refuse("must contain at least one letter".to_owned());
        }
        if text.chars().all(|c| c.is_ascii_digit()) {
            return refuse("may not consist of digits only".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str, body: &str) -> Option<String> {
        let form = Node::parse(body).expect("form");
        check(path, &form)
            .err()
            .map(|e| e.param.unwrap_or_default())
    }

    #[test]
    fn a_descriptor_is_refused_by_the_rule_of_its_place() {
        let complete = "/v1/payment_intents";
        for text in [
            "Shop",
            "12345",
            "a<bcd",
            "a>bcd",
            "a\\bcd",
            "a'bcd",
            "a\"bcd",
            "a*bcd",
            "Лампы и чай",
            "a2345678901234567890123",
        ] {
            let body = format!("statement_descriptor={text}");
            assert_eq!(
                refused(complete, &body).as_deref(),
                Some("statement_descriptor"),
                "{text}"
            );
        }
        for text in [
            "Shop1",
            "MIRA S LAMPS",
            "a234567890123456789012",
            "Café%2012",
            "",
        ] {
            assert_eq!(
                refused(complete, &format!("statement_descriptor={text}")),
                None,
                "{text}"
            );
        }
    }

    #[test]
    fn each_place_has_its_own_rule() {
        for (path, body, param) in [
            (
                "/v1/accounts/acct_1",
                "settings[card_payments][statement_descriptor_prefix]=M",
                true,
            ),
            (
                "/v1/accounts/acct_1",
                "settings[card_payments][statement_descriptor_prefix]=Mi",
                false,
            ),
            (
                "/v1/accounts/acct_1",
                "settings[card_payments][statement_descriptor_prefix]=a2345678901",
                true,
            ),
            (
                "/v1/accounts",
                "settings[payments][statement_descriptor]=Shop",
                true,
            ),
            (
                "/v1/accounts",
                "settings[payouts][statement_descriptor]=Shop",
                false,
            ),
            (
                "/v1/accounts",
                "settings[payouts][statement_descriptor]=2026",
                true,
            ),
            (
                "/v1/payouts",
                "statement_descriptor=a2345678901234567890123",
                true,
            ),
            ("/v1/products", "statement_descriptor=Tea", false),
            ("/v1/prices", "product_data[statement_descriptor]=12", true),
            ("/v1/invoices", "statement_descriptor=12", true),
            ("/v1/topups", "statement_descriptor=a234567890123456", true),
            ("/v1/topups", "statement_descriptor=Caf%C3%A9", true),
            ("/v1/charges", "statement_descriptor_suffix=7", true),
            ("/v1/charges", "statement_descriptor_suffix=No7", false),
            (
                "/v1/checkout/sessions",
                "payment_intent_data[statement_descriptor]=Shop",
                true,
            ),
        ] {
            assert_eq!(refused(path, body).is_some(), param, "{path} {body}");
        }
    }

    #[test]
    fn an_addresss_country_is_a_country_wherever_it_stands() {
        for param in [
            "address[country]",
            "shipping[address][country]",
            "billing_details[address][country]",
            "business_profile[support_address][country]",
            "individual[registered_address][country]",
            "payment_intent_data[shipping][address][country]",
        ] {
            assert_eq!(
                refused("/v1/customers", &format!("{param}=XX")).as_deref(),
                Some(param)
            );
            for fine in ["DE", "de", "KP", ""] {
                assert_eq!(refused("/v1/customers", &format!("{param}={fine}")), None);
            }
        }
        assert_eq!(
            refused("/v1/customers", "metadata[address][country]=XX"),
            None
        );
    }
}
