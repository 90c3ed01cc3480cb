//! Search: the query language, pages, refusals.

use serde_json::Value;
use souk_simulator::Options;

use crate::support::{Answer, Stripe, options};

async fn search(stripe: &Stripe, noun: &str, query: &str, more: &str) -> Answer {
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let path = format!("/v1/{noun}/search?query={query}{more}");
    stripe.send("GET", &path, "", &[]).await
}

/// The names of the customers that are found, oldest first.
async fn names(stripe: &Stripe, query: &str) -> Vec<String> {
    let answer = search(stripe, "customers", query, "").await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    let mut names: Vec<_> = answer.body["data"]
        .as_array()
        .expect("list")
        .iter()
        .map(|c| c["name"].as_str().unwrap_or("?").to_owned())
        .collect();
    names.reverse();
    names
}

async fn customers(stripe: &Stripe) {
    for body in [
        "name=Ann&email=ann@example.com&metadata[team]=red&phone=123",
        "name=Bob&email=bob@example.com&metadata[team]=blue",
        "name=Cy \"C\" O'Hara&metadata[team]=red",
    ] {
        stripe.post("/v1/customers", body).await;
    }
}

#[tokio::test]
async fn clauses_are_exact_partial_negated_absent_and_joined() {
    let stripe = Stripe::start().await;
    customers(&stripe).await;
    let cy = "Cy \"C\" O'Hara";
    for (query, wanted) in [
        ("email:'ann@example.com'", vec!["Ann"]),
        ("email:\"ANN@example.com\"", vec!["Ann"]),
        ("email:'ann'", vec![]),
        ("email~'EXAMPLE'", vec!["Ann", "Bob"]),
        ("metadata['team']:'red'", vec!["Ann", cy]),
        ("metadata[\"team\"]:'red' AND email~'ann@'", vec!["Ann"]),
        ("metadata['team']:'red' email~'ann@'", vec!["Ann"]),
        ("name:'Ann' or name:'Bob'", vec!["Ann", "Bob"]),
        ("-metadata['team']:'red'", vec!["Bob"]),
        ("email:null", vec![cy]),
        ("-email:NULL -phone:null", vec!["Ann"]),
        ("name:'Cy \"C\" O\\'Hara'", vec![cy]),
        ("created>0 created<=1790000000", vec!["Ann", "Bob", cy]),
        ("created>1790000000", vec![]),
        ("-created:1790000000", vec![]),
    ] {
        assert_eq!(names(&stripe, query).await, wanted, "{query}");
    }
}

/// What is searched, for what, and how the refusal begins.
const REFUSED: [(&str, &str, &str); 12] = [
    (
        "customers",
        "description:'x'",
        "Field `description` is an unsupported search field for resource `customers`. See http://stripe.com/docs/search#query-fields-for-customers",
    ),
    (
        "payment_intents",
        "id:'x'",
        "Field `id` is an unsupported search field for resource `payment_intents`. See http://stripe.com/docs/search#query-fields-for-payment-intents",
    ),
    (
        "customers",
        "tags['x']:'y'",
        "Field `tags[\"x\"]` is an unsupported",
    ),
    (
        "customers",
        "email",
        "We were unable to parse your search query.",
    ),
    (
        "customers",
        "email:ann",
        "We were unable to parse your search query.",
    ),
    (
        "customers",
        "email:'ann",
        "We were unable to parse your search query.",
    ),
    (
        "customers",
        "(email:'ann')",
        "We were unable to parse your search query.",
    ),
    (
        "customers",
        "email:'a' AND email:'b' OR email:'c'",
        "We were unable to parse your search query.",
    ),
    (
        "customers",
        "email~'an'",
        "Substring search terms must be at least 3 characters",
    ),
    ("charges", "status~'succ'", "Field `status` doesn't support"),
    ("customers", "email>'a'", "Field `email` doesn't support"),
    (
        "charges",
        "amount>'ten'",
        "Field `amount` must be compared with a number",
    ),
];

#[tokio::test]
async fn what_cannot_be_searched_is_refused() {
    let stripe = Stripe::start().await;
    for (noun, query, message) in REFUSED {
        let answer = search(&stripe, noun, query, "").await;
        assert_eq!(
            (answer.status, answer.error("param")),
            (400, "query"),
            "{query}"
        );
        assert!(
            answer.error("message").starts_with(message),
            "{query}: {}",
            answer.body
        );
    }
    let long = ["name:'x'"; 11].join(" ");
    assert_eq!(search(&stripe, "customers", &long, "").await.status, 400);
    let page = search(&stripe, "customers", "name:'x'", "&page=2").await;
    assert_eq!(page.error("param"), "page");
    let missing = stripe.send("GET", "/v1/customers/search", "", &[]).await;
    assert_eq!(missing.error("code"), "parameter_missing");
}

#[tokio::test]
async fn pages_follow_one_another_while_new_ones_come() {
    let stripe = Stripe::start().await;
    for n in 0..5 {
        stripe
            .post("/v1/customers", &format!("name=c{n}&metadata[a]=b"))
            .await;
    }
    let query = "metadata['a']:'b'";
    let mut seen = Vec::new();
    let mut more = "&limit=2&expand[]=total_count".to_owned();
    loop {
        let page = search(&stripe, "customers", query, &more).await.body;
        assert_eq!(page["object"], "search_result", "{page}");
        assert_eq!(page["url"], "/v1/customers/search");
        if seen.is_empty() {
            assert_eq!(page["total_count"], 5);
        }
        let data = page["data"].as_array().expect("list");
        seen.extend(
            data.iter()
                .map(|c| c["name"].as_str().expect("name").to_owned()),
        );
        stripe
            .post("/v1/customers", "name=late&metadata[a]=b")
            .await;
        match &page["next_page"] {
            Value::String(next) => more = format!("&limit=2&page={next}"),
            _ => break assert_eq!(page["has_more"], false),
        }
    }
    assert_eq!(seen, ["c4", "c3", "c2", "c1", "c0"]);
}

#[tokio::test]
async fn payments_are_found_on_their_account_by_card_and_amount() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    stripe.sale(&seller, 1000, 0).await;
    let query = "amount>999%20payment_method_details.card.last4:'4242'%20refunded:'false'";
    let path = format!("/v1/charges/search?query={query}");
    let found = stripe.get_on(&seller, &path).await;
    assert_eq!(found["data"][0]["amount"], 1000, "{found}");
    assert_eq!(stripe.get(&path).await["data"], serde_json::json!([]));
    for (noun, query) in [
        ("payment_intents", "status:'succeeded' AND amount=1000"),
        ("prices", "active:'false' type:'one_time'"),
        ("products", "name:'tea' -description:'x'"),
    ] {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let found = stripe
            .get_on(&seller, &format!("/v1/{noun}/search?query={query}"))
            .await;
        assert_eq!(
            found["data"].as_array().map(Vec::len),
            Some(1),
            "{noun}: {found}"
        );
    }
    for noun in ["invoices", "subscriptions"] {
        let found = search(&stripe, noun, "status:'active'", "").await;
        assert_eq!(found.status, 200, "{}", found.body);
    }
}

#[tokio::test]
async fn search_may_lag_behind() {
    let mut late = Options { ..options() };
    late.assumptions
        .set_pair("search=after_a_minute")
        .expect("a switch");
    let stripe = Stripe::with(late).await;
    stripe.post("/v1/customers", "name=Ann").await;
    assert!(names(&stripe, "name:'ann'").await.is_empty());
    stripe.simulator.advance(61).await;
    assert_eq!(names(&stripe, "name:'ann'").await, ["Ann"]);
}
