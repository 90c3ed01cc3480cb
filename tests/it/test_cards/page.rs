//! docs/test-cards.md, made of the table.

use std::fmt::Write;

use super::PENDING;
use super::table::{After, CARDS, Card, Decline, NOT_AUTHENTICATED, OffSession, OnSession};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/test-cards.md");
/// If it is set, the page is written anew.
const WRITE: &str = "WRITE_TEST_CARDS";

const HEAD: &str = "# Test cards

What each of Stripe's test cards (docs.stripe.com/testing) does here, by every way to pay. This page is made of the table of
`tests/it/test_cards`, which plays all of it and then compares the books with Stripe's. To write it anew:
`WRITE_TEST_CARDS=1 cargo nextest run --workspace --test it -E 'test(page_of_test_cards)'`.

A decline leaves the order `pending`, and another card then pays the same session or intent. On Stripe's page and in Stripe's form
for `elements` Stripe tells the buyer why, and `verify` says \"PENDING\"
Of an intent, `last_error` and `verify` say it: the codes as the seller sees them, and in parentheses what the buyer sees instead,
where a thief must not learn more. `pm_card_…` names a card where no form is filled in.

Where the bank wants to see the buyer and they don't show who they are, the order stays `pending`, `last_error` is
`NOT_AUTHENTICATED`, and the buyer may try again.
";

#[test]
fn the_page_of_test_cards_is_what_the_table_says() {
    let wanted = page();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(PATH, &wanted).expect("is written");
    }
    let there = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        there == wanted,
        "docs/test-cards.md is stale: run this test with {WRITE}=1"
    );
}

fn page() -> String {
    let head = HEAD.replace("PENDING", PENDING);
    let mut page = head.replace("NOT_AUTHENTICATED", NOT_AUTHENTICATED.code);
    let mut group = "";
    for card in &CARDS {
        if card.group != group {
            group = card.group;
            let _ = write!(
                page,
                "\n## {group}\n\n| card | `pm_card_…` | | the buyer is there | off session |\n\
                 | --- | --- | --- | --- | --- |\n"
            );
        }
        let _ = writeln!(
            page,
            "| {} | `{}` | {} | {} | {} |",
            spaced(card.number),
            card.name,
            card.about,
            on_session(card),
            off_session(card)
        );
    }
    page.push_str("\n## What a buyer is told\n\n| `last_error` | |\n| --- | --- |\n");
    let mut told: Vec<String> = vec![];
    for decline in CARDS.iter().flat_map(declines) {
        let line = format!("| {} | {} |", codes(decline), decline.says);
        if !told.contains(&line) {
            told.push(line);
        }
    }
    page.push_str(&told.join("\n"));
    page.push('\n');
    page
}

/// As it is printed on a card.
fn spaced(number: &str) -> String {
    let digits: Vec<char> = number.chars().collect();
    let parts: Vec<String> = digits.chunks(4).map(|four| four.iter().collect()).collect();
    parts.join(" ")
}

fn declines(card: &Card) -> Vec<&'static Decline> {
    match card.on_session {
        OnSession::Pays => vec![],
        OnSession::Declines(why) => vec![why],
        OnSession::Asks(after) => [&NOT_AUTHENTICATED].into_iter().chain(after).collect(),
    }
}

fn codes(decline: &Decline) -> String {
    let mut codes = format!("`{}`", decline.code);
    if let Some(code) = decline.decline_code {
        let _ = write!(codes, ", `{code}`");
    }
    if let Some(shown) = decline
        .shown
        .filter(|_| decline.shown != decline.decline_code)
    {
        let _ = write!(codes, " (`{shown}`)");
    }
    codes
}

fn on_session(card: &Card) -> String {
    let after = match card.after {
        After::Nothing => String::new(),
        After::Disputed { status, reason } => format!(", then a dispute: `{status}`, `{reason}`"),
        After::Suspected => ", then the finding `early_fraud_warning`".to_owned(),
        After::RefundIs { first, then } => {
            format!(", and a refund of it is `{first}`, then `{then}`")
        }
    };
    match card.on_session {
        OnSession::Pays => format!("paid{after}"),
        OnSession::Declines(why) => format!("declined: {}", codes(why)),
        OnSession::Asks(None) => "asked by the bank, then paid".to_owned(),
        OnSession::Asks(Some(why)) => {
            format!("asked by the bank, then declined: {}", codes(why))
        }
    }
}

fn off_session(card: &Card) -> &'static str {
    match card.off_session {
        OffSession::Pays => "paid, as there",
        OffSession::AsksBuyer => "`needs_buyer`: a mail with a page to authenticate",
        OffSession::Retried(_) => "`trying`: again after a day",
        OffSession::Unsaved => "can't be saved",
    }
}
