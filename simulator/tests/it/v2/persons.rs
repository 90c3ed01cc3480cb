//! Persons and tokens by `/v2`.

use serde_json::{Value, json};
use souk_simulator::API_VERSION;

use super::{direct, events, marketplace, read};
use crate::support::{Answer, Stripe};

/// An account whose requirements the platform collects.
async fn company(s: &Stripe) -> String {
    let mut body = marketplace();
    body["dashboard"] = json!("none");
    body["identity"]["entity_type"] = json!("company");
    let account = s.post_v2("/v2/core/accounts", body).await;
    account["id"].as_str().expect("id").to_owned()
}

fn mira() -> Value {
    json!({
        "given_name": "Mira", "surname": "Sommer", "email": "mira@example.com", "phone": "+4930123456",
        "date_of_birth": { "day": 1, "month": 1, "year": 1902 },
        "address": { "line1": "Weg 1", "city": "Berlin", "postal_code": "10115", "country": "de" },
        "relationship": { "representative": true, "owner": true, "percent_ownership": "62.5", "title": "Owner" },
        "id_numbers": [{ "type": "de_stn", "value": "12/345/67890" }],
        "nationalities": ["de"],
        "political_exposure": "none",
        "metadata": { "a": "b" },
    })
}

#[tokio::test]
async fn persons_are_made_changed_listed_and_taken_away_in_both_namespaces() {
    let s = Stripe::start().await;
    let account = company(&s).await;
    let path = format!("/v2/core/accounts/{account}/persons");
    let person = s.post_v2(&path, mira()).await;
    let id = person["id"].as_str().expect("id").to_owned();
    assert_eq!(person["object"], "v2.core.account_person");
    assert_eq!(person["relationship"]["percent_ownership"], "62.5");
    assert_eq!(
        person["id_numbers"],
        json!([{ "type": "de_stn" }]),
        "never the number itself"
    );
    assert_eq!(
        (&person["nationalities"], &person["address"]["country"]),
        (&json!(["de"]), &json!("de"))
    );
    let v1 = s.get(&format!("/v1/accounts/{account}/persons/{id}")).await;
    assert_eq!(
        (&v1["first_name"], &v1["id_number_provided"]),
        (&json!("Mira"), &json!(true))
    );
    assert_eq!(v1["relationship"]["percent_ownership"], 62.5);

    let one = format!("{path}/{id}");
    let changed = s
        .post_v2(
            &one,
            json!({ "surname": "Winter", "political_exposure": null }),
        )
        .await;
    assert_eq!(
        (&changed["surname"], &changed["political_exposure"]),
        (&json!("Winter"), &Value::Null)
    );
    assert_eq!(s.get_v2(&one).await, changed);
    assert_eq!(s.get_v2(&path).await["data"], json!([changed]));
    let gone = s.v2("DELETE", &one, &Value::Null, &[]).await;
    assert_eq!(
        gone.body,
        json!({ "id": id, "object": "v2.core.account_person" })
    );
    assert_eq!(
        s.v2("GET", &one, &Value::Null, &[]).await.error("code"),
        "not_found"
    );
    let types: Vec<String> = events(&s, &account)
        .await
        .into_iter()
        .map(|e| e.0)
        .collect();
    for what in ["created", "updated", "deleted"] {
        let name = format!("v2.core.account_person.{what}");
        assert_eq!(types.iter().filter(|t| **t == name).count(), 1, "{types:?}");
    }
}

#[tokio::test]
async fn who_may_be_what_is_refused_by_its_code() {
    let s = Stripe::start().await;
    let account = company(&s).await;
    let path = format!("/v2/core/accounts/{account}/persons");
    s.post_v2(&path, mira()).await;
    for (relationship, code) in [
        (
            json!({ "representative": true }),
            "additional_representative_not_allowed",
        ),
        (
            json!({ "owner": true, "percent_ownership": "0" }),
            "person_percent_ownership_invalid",
        ),
    ] {
        let body = json!({ "given_name": "Ana", "relationship": relationship });
        assert_eq!(s.v2("POST", &path, &body, &[]).await.error("code"), code);
    }
    let individual = s.post_v2("/v2/core/accounts", {
        let mut body = direct();
        body["identity"]["individual"] = json!({ "given_name": "Mira", "legal_gender": "female" });
        body
    });
    let id = individual.await["id"].as_str().expect("id").to_owned();
    let shown = read(&s, &id).await;
    assert_eq!(shown["identity"]["individual"]["given_name"], "Mira");
    assert_eq!(shown["identity"]["individual"]["legal_gender"], "female");
    let path = format!("/v2/core/accounts/{id}/persons");
    let refused = s
        .v2("POST", &path, &json!({ "given_name": "Ana" }), &[])
        .await;
    assert_eq!(
        refused.error("code"),
        "individual_additional_person_not_allowed"
    );
}

/// Asks with a publishable key, as a browser does.
async fn publishable(s: &Stripe, path: &str, body: &Value) -> Answer {
    let answer = s
        .http
        .post(s.url(path))
        .header("Authorization", "Bearer pk_test_anything")
        .header("Stripe-Version", API_VERSION)
        .header("Content-Type", "application/json")
        .body(body.to_string())
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
async fn a_token_brings_an_accounts_data_once() {
    let s = Stripe::start().await;
    let data = json!({
        "display_name": "Mira's Lamps", "contact_email": "mira@example.com",
        "identity": { "entity_type": "individual", "attestations": { "terms_of_service": { "account": { "shown_and_accepted": true } } } },
    });
    let token = publishable(&s, "/v2/core/account_tokens", &data).await;
    assert_eq!(
        (token.status, &token.body["used"]),
        (200, &json!(false)),
        "{}",
        token.body
    );
    let id = token.body["id"].as_str().expect("id");
    let mut body = direct();
    body["account_token"] = json!(id);
    let refused = s.v2("POST", "/v2/core/accounts", &body, &[]).await;
    assert_eq!(refused.error("code"), "param_alongside_account_token");
    for name in ["display_name", "contact_email"] {
        body.as_object_mut().expect("object").remove(name);
    }
    body["identity"] = json!({ "country": "de" });
    let account = s.post_v2("/v2/core/accounts", body.clone()).await;
    assert_eq!(account["contact_email"], "mira@example.com");
    let shown = read(&s, account["id"].as_str().expect("id")).await;
    let accepted = &shown["identity"]["attestations"]["terms_of_service"]["account"];
    assert_eq!(
        (&accepted["date"], &accepted["ip"]),
        (&json!("2026-09-21T14:13:20.000Z"), &json!("127.0.0.1"))
    );
    assert_eq!(
        s.get_v2(&format!("/v2/core/account_tokens/{id}")).await["used"],
        true
    );
    assert_eq!(
        s.v2("POST", "/v2/core/accounts", &body, &[])
            .await
            .error("code"),
        "token_already_used"
    );

    let late = s.post_v2("/v2/core/account_tokens", data).await;
    s.simulator.advance(3600).await;
    for (id, code) in [
        (late["id"].as_str().expect("id"), "token_expired"),
        ("accttok_1nobody", "invalid_account_token"),
        ("ct_1nobody", "v1_token_invalid_in_v2"),
    ] {
        body["account_token"] = json!(id);
        assert_eq!(
            s.v2("POST", "/v2/core/accounts", &body, &[])
                .await
                .error("code"),
            code
        );
    }
}

#[tokio::test]
async fn a_persons_token_is_good_on_its_own_account() {
    let s = Stripe::start().await;
    let (account, other) = (company(&s).await, company(&s).await);
    let tokens = format!("/v2/core/accounts/{account}/person_tokens");
    let token = s.post_v2(&tokens, json!({ "given_name": "Ana" })).await;
    let id = token["id"].as_str().expect("id");
    assert_eq!(s.get_v2(&format!("{tokens}/{id}")).await, token);
    let path = |account: &str| format!("/v2/core/accounts/{account}/persons");
    let by = json!({ "person_token": id });
    let refused = s.v2("POST", &path(&other), &by, &[]).await;
    assert_eq!(refused.error("code"), "incorrect_account_for_person_token");
    let both = json!({ "person_token": id, "surname": "Li" });
    let refused = s.v2("POST", &path(&account), &both, &[]).await;
    assert_eq!(refused.error("code"), "param_alongside_person_token");
    assert_eq!(s.post_v2(&path(&account), by).await["given_name"], "Ana");
    let account_token = s.post_v2("/v2/core/account_tokens", json!({})).await;
    let wrong = json!({ "person_token": account_token["id"] });
    let refused = s.v2("POST", &path(&account), &wrong, &[]).await;
    assert_eq!(refused.error("code"), "incorrect_token_wrong_type");
}
