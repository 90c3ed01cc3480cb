//! Proofs of addresses: a code that is mailed there counts once, for a while, and is kept nowhere.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt;

use crate::client_secrets::Logged;
use crate::harness::{Answer, Guest, Has, TestApp, on_postgres, text};

const SAM: &str = "sam@example.com";

async fn confirm(app: &TestApp, id: &str, code: &str) -> Answer {
    let path = format!("/v1/address_verifications/{id}/confirm");
    app.post(path, json!({ "code": code })).await
}

/// Another code than this one.
fn wrong(code: &str) -> &'static str {
    match code {
        "00000000" => "11111111",
        _ => "00000000",
    }
}

#[tokio::test]
async fn an_address_is_proved_by_its_code_and_the_answer_is_the_same_whoevers_it_is() {
    let app = TestApp::start().await;
    app.member("known").await;
    let mut shapes = BTreeSet::new();
    for email in ["known@example.com", "unknown@example.com"] {
        let body = json!({ "email": format!(" {} ", email.to_uppercase()) });
        let asked = app.post("/v1/address_verifications", body).expect(202);
        let asked = asked.await;
        asked.has(json!({ "object": "address_verification", "email": email }));
        let names: Vec<String> = asked
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        shapes.insert((names, text(&asked, "expires_at")));
        app.settle().await;
        let codes = app.codes_to(email);
        assert_eq!(codes.len(), 1, "{email}: {codes:?}");
        let proved = confirm(&app, &text(&asked, "id"), &codes[0]).await;
        let proved = proved.expect(200);
        proved.has(json!({ "object": "verified_address", "email": email, "expires_in": 3600 }));
        assert!(text(proved, "guest_token").starts_with("gst_"));
    }
    assert_eq!(shapes.len(), 1, "{shapes:?}");
    assert_eq!(app.mails_called("Your code to confirm your address"), 2);
    // A guest's proof says nothing of the user with the same address.
    let proved = "users WHERE email_verified_at IS NOT NULL";
    assert_eq!(app.count(proved).await, 0);
    assert_eq!(app.count("customers").await, 0);
    for email in ["", "sam", "sam@", "a b@example.com"] {
        app.post("/v1/address_verifications", json!({ "email": email }))
            .refuses_field("email")
            .await;
    }
}

#[tokio::test]
async fn wrong_old_and_used_codes_prove_nothing() {
    let app = TestApp::start().await;
    let (id, code) = app.mailed_code(SAM).await;
    let (other, others) = app.mailed_code("eve@example.com").await;
    // Another's code is as wrong as any.
    for code in [wrong(&code), &others, wrong(&code), "abcdefgh"] {
        let refused = confirm(&app, &id, code).await;
        refused
            .refused(422, "code_wrong")
            .has(json!({ "param": "code" }));
    }
    confirm(&app, &id, &code).await.expect(200);
    confirm(&app, &id, &code)
        .await
        .refused(409, "verification_over");
    // Five wrong ones, and then not even the right one.
    for _ in 0..5 {
        confirm(&app, &other, wrong(&others))
            .await
            .refused(422, "code_wrong");
    }
    confirm(&app, &other, &others)
        .await
        .refused(409, "verification_over");
    let (old, code) = app.mailed_code(SAM).await;
    app.advance(900).await;
    confirm(&app, &old, &code)
        .await
        .refused(409, "verification_over");
    confirm(&app, "avr_0", &code)
        .await
        .refused(404, "not_found");
    // The mail of one that is over is not sent.
    let body = json!({ "email": SAM });
    app.post("/v1/address_verifications", body)
        .expect(202)
        .await;
    app.advance(901).await;
    app.settle().await;
    assert_eq!(app.codes_to(SAM).len(), 2);
}

#[tokio::test]
async fn a_token_lives_for_an_hour_and_any_other_is_refused() {
    let app = TestApp::start().await;
    let sam = app.guest(SAM).await;
    let list = || app.get("/v1/payment_methods");
    list().by_guest(&sam).expect(200).await;
    let mut wrong = sam.clone();
    for token in ["", "gst_1", &format!("{}x", sam.token)] {
        token.clone_into(&mut wrong.token);
        list().by_guest(&wrong).refused(401, "invalid_token").await;
    }
    list().refused(401, "unauthenticated").await;
    // Who is logged in is who they are, whatever else they send.
    let eve = app.member("eve").await;
    list().by(&eve).by_guest(&wrong).expect(200).await;
    app.advance(3_600).await;
    list().by_guest(&sam).refused(401, "invalid_token").await;
    // What is over is deleted after a day.
    app.advance(86_400).await;
    let tx = app.app.db.begin_write().await.expect("begins");
    souk::identity::addresses::delete_old(&tx)
        .await
        .expect("deletes");
    tx.commit().await.expect("commits");
    assert_eq!(app.count("address_verifications").await, 0);
    app.settle().await;
}

#[tokio::test]
async fn a_code_counts_once_and_five_tries_are_five_however_many_come_at_once() {
    let app = TestApp::start().await;
    let (id, code) = app.mailed_code(SAM).await;
    // No more than the tries: each counts.
    let answers = join_all((0..5).map(|_| confirm(&app, &id, &code))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    let count = |status| statuses.iter().filter(|one| **one == status).count();
    assert_eq!((count(200), count(409)), (1, 4), "{statuses:?}");
    let (id, code) = app.mailed_code(SAM).await;
    let answers = join_all((0..20).map(|_| confirm(&app, &id, wrong(&code)))).await;
    let tried = answers.iter().filter(|answer| answer.status == 422).count();
    assert_eq!(tried, 5);
    assert!(
        answers
            .iter()
            .all(|answer| [409, 422].contains(&answer.status))
    );
}

#[tokio::test]
async fn codes_to_one_address_are_rationed() {
    let app = TestApp::start().await;
    let ask = |email: &str| app.post("/v1/address_verifications", json!({ "email": email }));
    for _ in 0..3 {
        ask(SAM).expect(202).await;
    }
    for typed in [SAM, " SAM@example.com"] {
        let refused = ask(typed).await;
        refused.refused(429, "too_many_requests");
        assert!(refused.header("retry-after").is_some());
    }
    ask("eve@example.com").expect(202).await;
    assert_eq!(app.count("address_verifications").await, 4);
    app.settle().await;
}

/// All that the database holds, as one text.
async fn everything(app: &TestApp) -> String {
    let names = match on_postgres() {
        true => {
            "SELECT string_agg(tablename::text, ',') AS it FROM pg_tables WHERE schemaname = 'public'"
        }
        false => "SELECT group_concat(name) AS it FROM sqlite_master WHERE type = 'table'",
    };
    let tables: String = app.query(names).await;
    let mut all = String::new();
    for table in tables.split(',') {
        let rows = match on_postgres() {
            true => {
                format!("SELECT COALESCE(string_agg(t::text, ' '), '') AS it FROM \"{table}\" t")
            }
            false => {
                let columns = format!(
                    "SELECT group_concat('COALESCE(quote(\"' || name || '\"), '''')', ' || ') AS it FROM pragma_table_info('{table}')"
                );
                let columns: String = app.query(&columns).await;
                format!("SELECT COALESCE(group_concat({columns}, ' '), '') AS it FROM \"{table}\"")
            }
        };
        all += &app.query::<String>(&rows).await;
    }
    all
}

#[tokio::test]
async fn neither_code_nor_token_is_in_a_table_a_job_or_the_log() {
    let logged = Logged::default();
    let subscriber = tracing_subscriber::registry().with(logged.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let body = json!({ "email": SAM });
    let asked = app.post("/v1/address_verifications", body).expect(202);
    let id = text(&asked.await, "id");
    let before_the_mail = everything(&app).await;
    app.settle().await;
    let code = app.codes_to(SAM).remove(0);
    confirm(&app, &id, wrong(&code)).await.expect(422);
    let proved = app.prove(&(id.clone(), code.clone())).await;
    let sam = Guest {
        email: SAM.to_owned(),
        token: text(&proved, "guest_token"),
    };
    let body = json!({ "seller_id": shop.id });
    let opened = app.post("/v1/setup_intents", body).by_guest(&sam);
    opened.expect(201).await;
    app.settle().await;
    let stored = everything(&app).await;
    let logged = logged.text();
    // The looking finds what is there.
    assert!(stored.contains(&id) && stored.contains(SAM));
    assert!(
        logged.contains("/v1/address_verifications/avr_"),
        "{logged}"
    );
    for place in [&before_the_mail, &stored, &logged] {
        assert!(!place.contains(&code), "the code is kept");
        assert!(!place.contains(&sam.token), "the token is kept");
    }
}
