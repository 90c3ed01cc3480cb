//! Stripe's client secrets (docs.stripe.com/api/payment_intents/object#payment_intent_object-client_secret). Whoever holds one
//! can pay, or save a card, in a buyer's place, so they are for the buyer's browser alone: none is stored, and none is logged.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

/// How they begin: those of payment intents, setup intents, Checkout Sessions, customer sessions, account sessions, sources.
const KINDS: [&str; 6] = ["pi_", "seti_", "cs_", "cuss_", "accs_", "src_"];
/// What stands before the secret part.
const MARK: &str = "_secret_";
const MASK: &str = "***";
/// Every event is searched for the mark.
static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(MARK));

/// Whether a text holds one.
pub fn is_in(text: &str) -> bool {
    secret_parts(text).next().is_some()
}

/// The text with the secret part of each replaced. A JSON text stays one.
pub fn masked(text: &str) -> Cow<'_, str> {
    let mut parts = secret_parts(text).peekable();
    if parts.peek().is_none() {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for part in parts {
        masked += &text[from..part.start];
        masked += MASK;
        from = part.end;
    }
    masked += &text[from..];
    Cow::Owned(masked)
}

/// A request's path, as it may be logged.
pub fn masked_path(path: &str) -> Cow<'_, str> {
    if path.contains('%') {
        let pairs = form_urlencoded::parse(path.as_bytes());
        let is_hidden = |(name, value): (Cow<'_, str>, Cow<'_, str>)| is_in(&name) || is_in(&value);
        if pairs.into_iter().any(is_hidden) {
            return Cow::Owned(MASK.to_owned());
        }
    }
    masked(path)
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Where the secret parts are. Every event of an intent has one, so only what is near a mark is looked at.
fn secret_parts(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut seen = 0;
    FINDER.find_iter(text.as_bytes()).filter_map(move |at| {
        // A word counts by its first mark.
        if at < seen {
            return None;
        }
        let begin = text[..at].trim_end_matches(is_of_word).len();
        let end = text[at..].find(|c| !is_of_word(c));
        let end = end.map_or(text.len(), |length| at + length);
        seen = end;
        secret_part(&text[begin..end]).map(|part| begin + part..end)
    })
}

/// Where the secret part of a word begins, if it is a client secret.
fn secret_part(word: &str) -> Option<usize> {
    if !KINDS.iter().any(|kind| word.starts_with(kind)) {
        return None;
    }
    let at = word.find(MARK)? + MARK.len();
    (at < word.len() && !word.ends_with(MASK)).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_part_of_each_client_secret_is_masked_and_nothing_else_changes() {
        for (text, is) in [
            ("pi_1_secret_2", "pi_1_secret_***"),
            ("\"seti_1Ab_secret_9Zz\",", "\"seti_1Ab_secret_***\","),
            ("cs_test_a1_secret_fid%2F", "cs_test_a1_secret_***%2F"),
            (
                "https://hooks.stripe.com/r?client_secret=src_client_secret_Ab1&source=src_1",
                "https://hooks.stripe.com/r?client_secret=src_client_secret_***&source=src_1",
            ),
            ("pi_1_secret_2_secret_3 pi_4", "pi_1_secret_*** pi_4"),
            (
                "ü accs_secret__Ab cuss_secret_1",
                "ü accs_secret_*** cuss_secret_***",
            ),
        ] {
            assert_eq!(masked(text), is);
            assert!(is_in(text), "{text}");
            assert!(!is_in(is), "{is}");
        }
    }

    #[test]
    fn a_path_hides_none_by_its_encoding() {
        for (path, is) in [
            (
                "/v1/payment_intents/pi_1_secret_2/verify",
                "/v1/payment_intents/pi_1_secret_***/verify",
            ),
            ("/v1/payment_intents/pi_1%5Fsecret%5F2", "***"),
            ("/v1/orders/ord_1%0A", "/v1/orders/ord_1%0A"),
        ] {
            assert_eq!(masked_path(path), is);
        }
    }

    #[test]
    fn what_is_no_client_secret_stays_as_it_is() {
        for text in [
            "",
            "pi_1",
            "cs_test_a1",
            "\"client_secret\": null",
            "payment_intent_client_secret=",
            "my_secret_note",
            "my_secret_pi_1_secret_2",
            "pi_1_secret_",
            "whsec_secret_1",
        ] {
            assert!(matches!(masked(text), Cow::Borrowed(same) if same == text));
        }
    }
}
