//! A buyer's browser: publishable keys, from which pages they may be used, and what the stand-in for Stripe.js shows in frames.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Stripe};

const PUBLISHABLE: (&str, &str) = ("Authorization", "Bearer pk_test_anything");
const NOT_CARD_ALONE: &str =
    "amount=2000&currency=eur&application_fee_amount=200&metadata[order]=7";

/// Sends a request as a page of the shop does, on a seller's account.
async fn ask(s: &Stripe, account: &str, method: &str, path: &str, body: &str) -> Answer {
    let request = s
        .http
        .request(method.parse().expect("method"), s.url(path))
        .header(PUBLISHABLE.0, PUBLISHABLE.1)
        .header("Stripe-Account", account)
        .header("Origin", "https://shop.example")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body.to_owned());
    let answer = request.send().await.expect("answer");
    Answer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        body: json_of(answer).await,
    }
}

async fn json_of(answer: reqwest::Response) -> Value {
    let text = answer.text().await.expect("a text");
    serde_json::from_str(&text).expect("JSON")
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().expect("a text")
}

/// An open intent, its path and its client secret.
async fn intent(s: &Stripe, account: &str) -> (String, String) {
    let made = s.on(account, "/v1/payment_intents", NOT_CARD_ALONE).await;
    let path = format!("/v1/payment_intents/{}", text(&made, "id"));
    (path, text(&made, "client_secret").to_owned())
}

fn has_private_field(value: &Value) -> bool {
    let private = [
        "application_fee_amount",
        "amount_received",
        "customer",
        "latest_charge",
        "metadata",
        "transfer_data",
    ];
    private.iter().any(|name| value.get(name).is_some())
}

#[tokio::test]
async fn a_publishable_key_sees_of_an_intent_what_its_buyer_may_see() {
    let s = Stripe::start().await;
    let account = s.seller().await;
    let (path, secret) = intent(&s, &account).await;
    let whole = s.get_on(&account, &path).await;
    assert_eq!(
        (
            &whole["application_fee_amount"],
            &whole["metadata"]["order"]
        ),
        (&json!(200), &json!("7"))
    );
    let asked = format!("{path}?client_secret={secret}");
    let seen = ask(&s, &account, "GET", &asked, "").await;
    assert_eq!(
        (seen.status, text(&seen.body, "status")),
        (200, "requires_payment_method")
    );
    assert_eq!(
        (&seen.body["amount"], &seen.body["client_secret"]),
        (&json!(2000), &json!(secret))
    );
    assert!(!has_private_field(&seen.body), "{}", seen.body);
    // Neither without the secret nor with another's.
    let (_, other) = intent(&s, &account).await;
    for (query, code) in [
        (String::new(), "parameter_missing"),
        (
            format!("?client_secret={other}"),
            "payment_intent_invalid_parameter",
        ),
    ] {
        let refused = ask(&s, &account, "GET", &format!("{path}{query}"), "").await;
        assert_eq!((refused.status, refused.error("code")), (400, code));
    }
    // On another account it isn't there, whatever is known of it.
    let elsewhere = s.seller().await;
    let refused = ask(&s, &elsewhere, "GET", &asked, "").await;
    assert_eq!(
        (refused.status, refused.error("code")),
        (404, "resource_missing")
    );
}

#[tokio::test]
async fn a_publishable_key_pays_with_the_client_secret_and_is_told_no_more_in_a_refusal() {
    let s = Stripe::start().await;
    let account = s.seller().await;
    let (path, secret) = intent(&s, &account).await;
    let confirm = format!("{path}/confirm");
    let with = async |number: &str| {
        let card = format!(
            "type=card&card[number]={number}&card[exp_month]=12&card[exp_year]=2034&card[cvc]=123"
        );
        let method = ask(&s, &account, "POST", "/v1/payment_methods", &card).await;
        assert_eq!((method.status, method.body.get("metadata")), (200, None));
        let id = text(&method.body, "id");
        format!("client_secret={secret}&return_url=https://shop.example/back&payment_method={id}")
    };
    let body = with("4000000000009995").await;
    let declined = ask(&s, &account, "POST", &confirm, &body).await;
    assert_eq!(
        (declined.status, declined.error("decline_code")),
        (402, "insufficient_funds")
    );
    let carried = &declined.body["error"]["payment_intent"];
    assert_eq!(text(carried, "status"), "requires_payment_method");
    assert!(!has_private_field(carried), "{carried}");
    let method = &carried["last_payment_error"]["payment_method"];
    assert_eq!(method["card"]["last4"], "9995");
    assert!(method["card"].get("fingerprint").is_none(), "{method}");
    let body = with("4242424242424242").await;
    let paid = ask(&s, &account, "POST", &confirm, &body).await;
    assert_eq!(
        (paid.status, text(&paid.body, "status")),
        (200, "succeeded")
    );
    assert!(!has_private_field(&paid.body), "{}", paid.body);
    assert_eq!(s.get_on(&account, &path).await["amount_received"], 2000);
    for (method, path) in [
        ("POST", path.clone()),
        ("POST", format!("{path}/cancel")),
        ("POST", format!("{path}/capture")),
        ("GET", "/v1/payment_intents".to_owned()),
    ] {
        let body = format!("client_secret={secret}");
        let refused = ask(&s, &account, method, &path, &body).await;
        assert_eq!(
            (refused.status, refused.error("code")),
            (401, "secret_key_required"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn pages_of_any_origin_may_use_a_publishable_key_and_no_other() {
    let s = Stripe::start().await;
    let account = s.seller().await;
    let (path, secret) = intent(&s, &account).await;
    let allowed = |answer: &Answer| answer.headers.get("access-control-allow-origin").cloned();
    for (query, status) in [
        (format!("?client_secret={secret}"), 200),
        (String::new(), 400),
    ] {
        let seen = ask(&s, &account, "GET", &format!("{path}{query}"), "").await;
        assert_eq!(
            (seen.status, allowed(&seen).expect("a header")),
            (status, "*".parse().expect("a value"))
        );
    }
    let with_secret = s
        .send("GET", &path, "", &[("Stripe-Account", &account)])
        .await;
    assert_eq!((with_secret.status, allowed(&with_secret)), (200, None));
    let preflight = async |path: &str, method: &str| {
        let request = s.http.request(Method::OPTIONS, s.url(path));
        let request = request.header("Origin", "https://shop.example");
        let asked = request.header("Access-Control-Request-Method", method);
        let answer = asked.send().await.expect("answer");
        let headers = answer.headers();
        headers.get("access-control-allow-headers").is_some()
    };
    assert!(preflight(&path, "GET").await);
    assert!(preflight(&format!("{path}/confirm"), "POST").await);
    assert!(preflight("/v1/payment_methods", "POST").await);
    assert!(!preflight(&path, "POST").await);
    assert!(!preflight("/v1/refunds", "POST").await);
    assert!(!preflight("/_simulator/clock/advance", "POST").await);
}

/// Confirms an intent with a card whose bank asks, and answers what is to be done.
async fn challenged(s: &Stripe, account: &str, more: &str) -> Value {
    let (path, secret) = intent(s, account).await;
    let body = format!(
        "client_secret={secret}&return_url=https://shop.example/back&payment_method=pm_card_threeDSecure2Required{more}"
    );
    let confirmed = ask(s, account, "POST", &format!("{path}/confirm"), &body).await;
    assert_eq!(text(&confirmed.body, "status"), "requires_action");
    confirmed.body["next_action"].clone()
}

/// Asks for a page as a browser does, in a frame or not.
async fn page(s: &Stripe, url: &str, form: Option<&str>, dest: &str) -> reqwest::Response {
    let request = match form {
        Some(form) => s
            .http
            .post(url)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form.to_owned()),
        None => s.http.get(url),
    };
    request
        .header("Sec-Fetch-Dest", dest)
        .send()
        .await
        .expect("a page")
}

fn policy(page: &reqwest::Response) -> &str {
    page.headers()["content-security-policy"]
        .to_str()
        .expect("a text")
}

#[tokio::test]
async fn a_challenge_is_a_redirect_or_for_stripe_js_a_frame_that_says_when_it_is_done() {
    let s = Stripe::start().await;
    let account = s.seller().await;
    let redirect = challenged(&s, &account, "").await;
    let url = text(&redirect["redirect_to_url"], "url");
    let shown = page(&s, url, None, "document").await;
    assert!(policy(&shown).contains("frame-ancestors 'none'"));
    let answered = page(&s, url, Some("outcome=complete"), "document").await;
    let back = answered.headers()["location"].to_str().expect("a text");
    assert!(
        back.starts_with("https://shop.example/back?payment_intent=pi_"),
        "{back}"
    );

    let framed = challenged(&s, &account, "&use_stripe_sdk=true").await;
    assert_eq!(
        (text(&framed, "type"), framed.get("redirect_to_url")),
        ("use_stripe_sdk", None)
    );
    let url = text(&framed["use_stripe_sdk"], "stripe_js");
    let shown = page(&s, url, None, "iframe").await;
    assert!(
        !policy(&shown).contains("frame-ancestors"),
        "{}",
        policy(&shown)
    );
    let answered = page(&s, url, Some("outcome=fail"), "iframe").await;
    assert_eq!(
        (
            answered.status().as_u16(),
            policy(&answered).contains("script-src 'self'")
        ),
        (200, true)
    );
    let text = answered.text().await.expect("a page");
    assert!(
        text.contains("/js/frame.js") && text.contains("data-url=\"\""),
        "{text}"
    );
    // What has a page of its own leads there, with Stripe.js too.
    let (path, secret) = intent(&s, &account).await;
    let body = format!(
        "client_secret={secret}&return_url=https://shop.example/back&use_stripe_sdk=true&payment_method_data[type]=bancontact\
         &payment_method_data[billing_details][name]=Sam"
    );
    let confirmed = ask(&s, &account, "POST", &format!("{path}/confirm"), &body).await;
    assert_eq!(
        confirmed.body["next_action"]["type"], "redirect_to_url",
        "{}",
        confirmed.body
    );
}

#[tokio::test]
async fn only_the_embedded_page_of_whoever_has_its_secret_is_framed_and_leads_back_through_the_page_around_it()
 {
    let s = Stripe::start().await;
    let account = s.seller().await;
    let tea = "&line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]=900&line_items[0][price_data][product_data][name]=Tea&line_items[0][quantity]=1";
    let body =
        format!("mode=payment&ui_mode=embedded_page&return_url=https://shop.example/ok{tea}");
    let session = s.on(&account, "/v1/checkout/sessions", &body).await;
    let body = format!("mode=payment&ui_mode=elements&return_url=https://shop.example/ok{tea}");
    let elements = s.on(&account, "/v1/checkout/sessions", &body).await;
    let open = async |secret: &str, account: &str| {
        let sent = s.http.post(s.url("/js/embedded_checkout"));
        let sent = sent.header("Content-Type", "application/x-www-form-urlencoded");
        let answer = sent.body(format!("client_secret={secret}&account={account}"));
        let answer = answer.send().await.expect("answer");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        (answer.status().as_u16(), json_of(answer).await)
    };
    let secret = text(&session, "client_secret");
    let (status, found) = open(secret, &account).await;
    assert_eq!(
        (status, text(&found, "redirect_on_completion")),
        (200, "always")
    );
    let elsewhere = s.seller().await;
    for (secret, account, status) in [
        (secret, elsewhere.as_str(), 404),
        (&secret[..secret.len() - 1], &account, 404),
        (text(&session, "id"), &account, 404),
        (text(&elements, "client_secret"), &account, 400),
    ] {
        assert_eq!(open(secret, account).await.0, status, "{secret}");
    }
    let url = text(&found, "url");
    assert!(!policy(&page(&s, url, None, "iframe").await).contains("frame-ancestors"));
    let form = Some("email=sam%40example.com&card=4242424242424242");
    let paid = page(&s, url, form, "iframe").await;
    assert_eq!(paid.status().as_u16(), 200);
    let shown = paid.text().await.expect("a page");
    assert!(
        shown.contains("data-url=\"https://shop.example/ok\""),
        "{shown}"
    );
    // Stripe's own page is never framed.
    let hosted = s.session(&account, 900, "").await;
    let url = text(&hosted, "url");
    assert!(policy(&page(&s, url, None, "iframe").await).contains("frame-ancestors 'none'"));
    let script = s
        .http
        .get(s.url("/js/stripe.js"))
        .send()
        .await
        .expect("a script");
    assert_eq!(
        script.headers()["content-type"],
        "text/javascript; charset=utf-8"
    );
}
