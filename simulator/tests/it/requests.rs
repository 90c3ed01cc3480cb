//! Bad input, versions, keys, expansion: an error in Stripe's shape and books that hold.

use serde_json::{Value, json};

use crate::support::{Answer, START, Stripe, check_books};

const FORM: &str = "application/x-www-form-urlencoded";

/// Sends raw bytes with one more header.
async fn raw(s: &Stripe, path: &str, kind: &str, body: Vec<u8>) -> Answer {
    let answer = s
        .http
        .post(s.url(path))
        .header("Authorization", "Bearer sk_test_anything")
        .header("Content-Type", kind)
        .body(body)
        .send()
        .await
        .expect("answer");
    Answer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        body: serde_json::from_str(&answer.text().await.expect("text")).expect("JSON"),
    }
}

#[tokio::test]
async fn whatever_comes_is_answered_in_stripes_shape_and_changes_nothing() {
    let s = Stripe::start().await;
    let before = s.simulator.oracle().await;
    let deep = format!("metadata{}=1", "[a]".repeat(1000));
    let wide: String = (0..6000).map(|n| format!("metadata[k{n}]=v&")).collect();
    let huge = vec![b'a'; 10 << 20];
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        (FORM, b"country=%zz".to_vec(), 400),
        (FORM, b"country=%".to_vec(), 400),
        (FORM, b"country=\xff\xfe".to_vec(), 400),
        (FORM, b"country=%ff".to_vec(), 400),
        (FORM, b"country=DE%00".to_vec(), 400),
        (FORM, b"country=DE\0".to_vec(), 400),
        (FORM, b"country[a]=DE".to_vec(), 400),
        (FORM, b"metadata=x&metadata[a]=1".to_vec(), 400),
        (FORM, b"metadata[a]=1&metadata=x".to_vec(), 400),
        (FORM, b"expand[a]=x".to_vec(), 400),
        (FORM, b"expand=x".to_vec(), 400),
        (FORM, b"controller[fees][payer][x]=account".to_vec(), 400),
        (FORM, b"metadata[a=1".to_vec(), 400),
        (FORM, b"metadata]a[=1".to_vec(), 400),
        (FORM, b"metadata[a]b=1".to_vec(), 400),
        (FORM, deep.into_bytes(), 400),
        (FORM, wide.into_bytes(), 400),
        (FORM, huge, 413),
        ("application/json", b"{\"country\":\"DE\"}".to_vec(), 400),
        ("multipart/form-data; boundary=x", b"--x--".to_vec(), 400),
        ("text/plain", b"country=DE".to_vec(), 400),
    ];
    for (kind, body, status) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = raw(&s, "/v1/accounts", kind, body).await;
        assert_eq!(answer.status, status, "{shown}: {}", answer.body);
        assert_eq!(answer.error("type"), "invalid_request_error", "{shown}");
        assert!(!answer.error("message").is_empty(), "{shown}");
        assert!(answer.headers.contains_key("request-id"), "{shown}");
    }
    assert_eq!(s.simulator.oracle().await, before);
    let json = raw(&s, "/v1/accounts", "application/json", b"{}".to_vec()).await;
    assert!(
        json.error("message")
            .starts_with("Invalid request (check that your POST content type is")
    );
    let last = raw(&s, "/v1/accounts", FORM, b"country=FR&country=DE".to_vec()).await;
    assert_eq!(last.body["country"], "DE", "of two the last counts");
}

#[tokio::test]
async fn odd_methods_paths_and_hosts_are_no_trouble() {
    let s = Stripe::start().await;
    for (method, path) in [
        ("PUT", "/v1/accounts"),
        ("PATCH", "/v1/balance"),
        ("GET", "/v1"),
        ("GET", "/v1/"),
        ("GET", "/v1/charges/a/b/c/d"),
        ("GET", "/v1/charges/%ff%00"),
        ("GET", "/v1/../../etc/passwd"),
        ("GET", "/v3/charges"),
        ("POST", "/nothing"),
    ] {
        let answer = s.send(method, path, "", &[]).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.body);
        assert_eq!(answer.error("type"), "invalid_request_error", "{path}");
    }
    let elsewhere = s.send("GET", "/v1/balance", "", &[("Host", "api.stripe.com")]);
    assert_eq!(elsewhere.await.status, 200);
}

#[tokio::test]
async fn one_intent_confirmed_by_many_at_once_is_paid_once() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let session = s.session(&acct, 2500, "").await;
    let id = session["id"].as_str().expect("id").to_owned();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (http, url) = (
            s.http.clone(),
            s.url(&format!("/_simulator/checkout/sessions/{id}/pay")),
        );
        all.spawn(async move {
            http.post(url)
                .body("{}")
                .send()
                .await
                .expect("answer")
                .status()
        });
    }
    let fine = all.join_all().await.into_iter().filter(|s| s.is_success());
    assert_eq!(fine.count(), 1);
    let charges = s.get_on(&acct, "/v1/charges").await;
    assert_eq!(charges["data"].as_array().map(Vec::len), Some(1));
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn the_clock_goes_neither_back_nor_out_of_sight() {
    let s = Stripe::start().await;
    s.seller().await;
    for seconds in ["-1", "9223372036854775807", "\"soon\"", "1e99"] {
        let body = format!("{{\"seconds\":{seconds}}}");
        let answer = s
            .send("POST", "/_simulator/clock/advance", &body, &[])
            .await;
        assert_eq!(answer.status, 400, "{seconds}");
    }
    s.simulator.advance(-100).await;
    assert_eq!(s.simulator.now(), START);
}

#[tokio::test]
async fn expansion_reaches_what_the_description_says_and_nothing_else() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let charge = s.sale(&acct, 1000, 100).await;
    let id = charge["id"].as_str().expect("id");
    let one = format!(
        "/v1/charges/{id}?expand[]=refunds&expand[]=balance_transaction.source&expand[]=application_fee"
    );
    let got = s.get_on(&acct, &one).await;
    assert_eq!(got["balance_transaction"]["source"]["id"], charge["id"]);
    assert_eq!(got["application_fee"]["object"], "application_fee");
    assert_eq!(got["refunds"]["object"], "list");
    let list = "/v1/charges?expand[]=data.payment_intent&expand[]=data.balance_transaction";
    let got = s.get_on(&acct, list).await;
    assert_eq!(got["data"][0]["payment_intent"]["object"], "payment_intent");
    let on = [("Stripe-Account", acct.as_str())];
    for (path, message) in [
        (
            format!("/v1/charges/{id}?expand[]=amount"),
            "This property cannot be expanded (amount).",
        ),
        (
            "/v1/charges?expand[]=customer".to_owned(),
            "This property cannot be expanded (customer). You may want to try expanding 'data.customer' instead.",
        ),
        (
            format!("/v1/charges/{id}?expand[]=a.b.c.d.e"),
            "You cannot expand more than 4 levels of a property. Property: a.b.c.d.e",
        ),
    ] {
        let refused = s.send("GET", &path, "", &on).await;
        assert_eq!((refused.status, refused.error("message")), (400, message));
    }
    let before = s.get("/v1/accounts").await;
    let refused = s
        .send("POST", "/v1/accounts", "expand[]=country", &[])
        .await;
    assert_eq!(refused.status, 400);
    assert_eq!(s.get("/v1/accounts").await, before, "nothing was made");
}

#[tokio::test]
async fn an_older_version_is_answered_with_a_note_and_a_nonsense_one_refused() {
    let s = Stripe::start().await;
    let ask = async |version: &'static str, path: &'static str, body: &'static str| {
        let method = if body.is_empty() { "GET" } else { "POST" };
        s.send(method, path, body, &[("Stripe-Version", version)])
            .await
    };
    for version in [
        "2026-09-30.endive",
        "2026-10-28.endive",
        "2026-09-30.preview; x=v1",
    ] {
        let fine = ask(version, "/v1/balance", "").await;
        assert_eq!(fine.status, 200, "{version}");
        assert!(!fine.headers.contains_key("simulator-note"), "{version}");
    }
    let older = ask("2024-06-20", "/v1/balance", "").await;
    assert_eq!(older.status, 200);
    assert_eq!(older.headers["stripe-version"], souk_simulator::API_VERSION);
    assert!(older.headers.contains_key("simulator-note"));
    for nonsense in [
        "yesterday",
        "2024-13-01",
        "2024-06-20.",
        "1999-01-01",
        "2024-06-20.9",
    ] {
        let refused = ask(nonsense, "/v1/balance", "").await;
        assert_eq!(refused.status, 400, "{nonsense}");
        let message = format!("Invalid Stripe API version: {nonsense}");
        assert_eq!(refused.error("message"), message);
    }
    let old_words = "mode=payment&payment_method_types[]=card";
    let path = "/v1/checkout/sessions";
    let now = s.send("POST", path, old_words, &[]).await;
    assert_eq!(now.error("param"), "payment_method_types");
    let then = ask("2024-06-20", path, old_words).await;
    assert_ne!(then.error("code"), "parameter_unknown", "{}", then.body);
}

#[tokio::test]
async fn a_publishable_key_may_do_little() {
    let s = Stripe::start().await;
    let key = [("Authorization", "Bearer pk_test_x")];
    let ask = async |method: &str, path: &str, body: &str| {
        let request = s.http.request(method.parse().expect("method"), s.url(path));
        let request = request.header(key[0].0, key[0].1).body(body.to_owned());
        let answer = request
            .header("Content-Type", FORM)
            .send()
            .await
            .expect("answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("text");
        (status, serde_json::from_str::<Value>(&text).expect("JSON"))
    };
    for (method, path) in [
        ("GET", "/v1/balance"),
        ("GET", "/v1/charges"),
        ("POST", "/v1/accounts"),
    ] {
        let (status, body) = ask(method, path, "").await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (401, &json!("secret_key_required"))
        );
    }
    let (status, body) = ask("GET", "/v1/payment_intents/pi_none", "").await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (404, &json!("resource_missing"))
    );
}

#[tokio::test]
async fn lists_refuse_what_stripe_refuses() {
    let s = Stripe::start().await;
    for (query, status, param) in [
        ("limit=0", 400, "limit"),
        ("limit=101", 400, "limit"),
        ("limit=-1", 400, "limit"),
        ("limit=ten", 400, "limit"),
        ("starting_after=acct_none", 404, "starting_after"),
        ("ending_before=acct_none", 404, "ending_before"),
        ("created[near]=5", 400, "created[near]"),
        ("created=soon", 400, "created"),
    ] {
        let answer = s
            .send("GET", &format!("/v1/accounts?{query}"), "", &[])
            .await;
        assert_eq!(
            (answer.status, answer.error("param")),
            (status, param),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn a_key_belongs_to_one_account_and_one_path_and_to_posts() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let key = ("Idempotency-Key", "k");
    let first = s.send("POST", "/v1/accounts", "country=DE", &[key]).await;
    let original = first.headers["request-id"].clone();
    let again = s.send("POST", "/v1/accounts", "country=DE", &[key]).await;
    assert_eq!(again.headers["original-request"], original);
    assert_ne!(again.headers["request-id"], original);
    let on = [key, ("Stripe-Account", acct.as_str())];
    let elsewhere = s.send("POST", "/v1/refunds", "charge=ch_none", &on).await;
    assert_eq!(
        elsewhere.status, 404,
        "another account's key is another key"
    );
    let id = first.body["id"].as_str().expect("id");
    let path = s
        .send("POST", &format!("/v1/accounts/{id}"), "country=DE", &[key])
        .await;
    assert_eq!(
        (path.status, path.error("type")),
        (400, "idempotency_error")
    );
    for odd in ["", &"k".repeat(256)] {
        let answer = s
            .send("POST", "/v1/accounts", "", &[("Idempotency-Key", odd)])
            .await;
        assert_eq!(answer.status, 400);
    }
    let hook = s
        .post(
            "/v1/webhook_endpoints",
            "url=https://x.example/a&enabled_events[]=*",
        )
        .await;
    let path = format!("/v1/webhook_endpoints/{}", hook["id"].as_str().expect("id"));
    let gone = s.send("DELETE", &path, "", &[key]).await;
    assert_eq!(gone.body["deleted"], true, "a DELETE takes no key");
    assert_eq!(s.send("DELETE", &path, "", &[key]).await.status, 404);
}

#[tokio::test]
async fn the_control_api_answers_this_machine_only() {
    let s = Stripe::start().await;
    for (header, value) in [
        ("Host", "evil.example"),
        ("Origin", "https://evil.example"),
        ("Authorization", "Bearer nonsense"),
    ] {
        let request = s
            .http
            .get(s.url("/_simulator/oracle"))
            .header(header, value);
        let status = request.send().await.expect("answer").status().as_u16();
        assert!([401, 403].contains(&status), "{header}: {status}");
    }
    for body in [
        "{",
        "[]",
        "{\"kind\":\"nonsense\"}",
        "{\"kind\":\"reset\",\"rate\":2}",
        "\u{0}",
    ] {
        let answer = s.send("POST", "/_simulator/faults", body, &[]).await;
        assert_eq!(answer.status, 400, "{body}");
    }
}

#[tokio::test]
async fn a_filtered_list_is_paged_and_knows_other_accounts_nothing() {
    let s = Stripe::start().await;
    let (acct, other) = (s.seller().await, s.seller().await);
    s.sale(&acct, 50_000, 0).await;
    let charge = s.sale(&acct, 5000, 0).await;
    let id = charge["id"].as_str().expect("id");
    let mut made = Vec::new();
    for _ in 0..5 {
        let refund = s
            .on(&acct, "/v1/refunds", &format!("charge={id}&amount=100"))
            .await;
        made.insert(0, refund["id"].clone());
    }
    let mut seen = Vec::new();
    let mut path = format!("/v1/refunds?charge={id}&limit=2");
    loop {
        let page = s.get_on(&acct, &path).await;
        let data = page["data"].as_array().expect("list");
        seen.extend(data.iter().map(|r| r["id"].clone()));
        if page["has_more"] == false {
            break;
        }
        let last = seen.last().and_then(Value::as_str).expect("one");
        path = format!("/v1/refunds?charge={id}&limit=2&starting_after={last}");
    }
    assert_eq!(seen, made);
    let elsewhere = s.get_on(&other, &format!("/v1/refunds?charge={id}")).await;
    assert_eq!(elsewhere["data"], json!([]));
    let intent = charge["payment_intent"].as_str().expect("id");
    let found = s
        .get_on(&acct, &format!("/v1/charges?payment_intent={intent}"))
        .await;
    assert_eq!(found["data"].as_array().map(Vec::len), Some(1));
    let txns = s
        .get_on(&acct, &format!("/v1/balance_transactions?source={id}"))
        .await;
    assert_eq!(txns["data"][0]["source"], charge["id"]);
}

#[tokio::test]
async fn what_was_made_since_is_listed_and_a_coupons_own_codes() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let coupon = async |id: &str| {
        let body = format!("id={id}&percent_off=20&duration=once");
        s.on(&acct, "/v1/coupons", &body).await
    };
    let code = async |coupon: &str, code: &str| {
        let body = format!("promotion[type]=coupon&promotion[coupon]={coupon}&code={code}");
        s.on(&acct, "/v1/promotion_codes", &body).await
    };
    s.session(&acct, 2500, "").await;
    coupon("one").await;
    code("one", "ONE").await;
    s.simulator.advance(600).await;
    let since = START + 600;
    let made = [
        s.session(&acct, 2500, "&metadata[ours]=yes").await,
        s.post("/v1/accounts", "country=DE&metadata[ours]=yes")
            .await,
        coupon("two").await,
        code("two", "TWO").await,
    ];
    for (made, path) in made.iter().zip([
        format!("/v1/checkout/sessions?created[gte]={since}"),
        format!("/v1/accounts?created[gte]={since}"),
        format!("/v1/coupons?created[gte]={since}"),
        "/v1/promotion_codes?coupon=two".to_owned(),
    ]) {
        let list = match path.starts_with("/v1/accounts") {
            true => s.get(&path).await,
            false => s.get_on(&acct, &path).await,
        };
        assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "{path}");
        assert_eq!(list["data"][0]["id"], made["id"], "{path}");
        assert_eq!(list["data"][0]["metadata"], made["metadata"], "{path}");
    }
}
