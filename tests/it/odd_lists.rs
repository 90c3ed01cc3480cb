//! Lists of balance transactions as Stripe shouldn't give them: nothing is lost in silence, and one row holds up no other.

use serde_json::{Value, json};
use souk::ledger::{self, Outcome, check_book};
use souk_entity::AccountId;

use crate::harness::{Between, Has, Shop, TestApp, text};

const LIST: &str = "/v1/balance_transactions?";

/// The seller charges somebody in their own Stripe account.
async fn own_charge(app: &TestApp, shop: &Shop, amount: i64) {
    let amount = amount.to_string();
    let intent = [
        ("amount", amount.as_str()),
        ("currency", "usd"),
        ("payment_method", "pm_card_visa"),
        ("confirm", "true"),
        ("return_url", "https://shop.example/ok"),
    ];
    app.stripe_api("POST", "/payment_intents", &shop.account, &intent)
        .await;
}

async fn pull(app: &TestApp, shop: &Shop) -> souk::error::Result<()> {
    ledger::pull(&app.app, &AccountId(shop.account.clone()), false).await
}

/// A pull as a job, until it is done or given up.
async fn pull_by_job(app: &TestApp, shop: &Shop) {
    let tx = app.app.db.begin_write().await.expect("begins");
    let job = souk::jobs::Job::Pull {
        account: AccountId(shop.account.clone()),
        livemode: false,
    };
    souk::jobs::stage(&tx, &job).await.expect("stages");
    tx.commit().await.expect("commits");
    for _ in 0..13 {
        app.run_jobs().await;
        app.advance(600).await;
    }
}

async fn findings(app: &TestApp, kind: &str) -> Vec<Value> {
    let admin = app.admin().await;
    let path = format!("/v1/ledger/findings?kind={kind}");
    let list = app.get(path).by(&admin).expect(200).await;
    list["data"].as_array().expect("a list").clone()
}

async fn agrees(app: &TestApp, shop: &Shop) {
    let account = AccountId(shop.account.clone());
    let check = check_book(&app.app, &account, false).await.expect("checks");
    assert_eq!(check.outcome, Outcome::Equal, "{check:?}");
}

async fn transactions(app: &TestApp) -> i64 {
    app.count("balance_transactions").await
}

#[tokio::test]
async fn an_odd_row_holds_up_no_other_and_is_a_finding_until_it_can_be_read() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    let odd = [
        ("reporting_category", Value::Null),
        ("amount", json!(i64::MAX - 7)),
        ("net", json!(i64::MIN)),
        ("currency", json!("zz")),
        ("fee_details", json!([{ "amount": "7" }])),
        ("type", json!("a\0b")),
        ("created", json!(i64::MAX)),
    ];
    let count = odd.len();
    for n in 0..count + 2 {
        own_charge(&app, &shop, 1000 + i64::try_from(n).expect("few")).await;
    }
    app.intercept().await;
    app.advance(61).await;
    between.edit(move |path, _, answer| {
        if !path.starts_with(LIST) {
            return;
        }
        let rows = answer["data"].as_array_mut().expect("rows");
        for (row, (field, value)) in rows.iter_mut().skip(1).zip(&odd) {
            row[field] = value.clone();
        }
        // The last is none of a list's rows at all, and the one before it comes with its whole source.
        if let Some(row) = rows.last_mut() {
            row["source"] = json!({ "id": row["source"], "object": "charge", "amount": 1 });
        }
        rows.push(json!({ "object": "balance_transaction" }));
        rows.push(json!(7));
    });
    for _ in 0..2 {
        pull(&app, &shop).await.expect("pulls");
        assert_eq!(transactions(&app).await, 2);
        let found = findings(&app, "unreadable_transaction").await;
        assert_eq!(found.len(), count + 2);
        assert!(found.iter().all(|finding| finding["state"] == "open"));
    }
    let kept: String = app
        .query("SELECT raw AS it FROM unreadable_transactions WHERE raw LIKE '%\"zz\"%'")
        .await;
    assert!(kept.contains("\"zz\""), "{kept}");
    let source: String = app
        .query("SELECT MIN(source) AS it FROM balance_transactions")
        .await;
    assert!(source.starts_with("ch_"), "{source}");

    between.be_honest();
    pull(&app, &shop).await.expect("pulls");
    assert_eq!(
        transactions(&app).await,
        i64::try_from(count + 2).expect("few")
    );
    let found = findings(&app, "unreadable_transaction").await;
    let open: Vec<_> = found.iter().filter(|f| f["state"] == "open").collect();
    // Rows that Stripe never gave an id can't be asked about: a person says what they were.
    assert!(open.iter().all(|f| text(f, "subject").starts_with("row_")));
    assert_eq!(open.len(), 2);
    agrees(&app, &shop).await;
}

#[tokio::test]
async fn a_list_that_breaks_off_moves_no_cursor_and_is_a_finding_until_it_goes_on() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    own_charge(&app, &shop, 1000).await;
    app.intercept().await;
    app.advance(61).await;
    between.edit(|path, _, answer| {
        if path.starts_with(LIST) {
            answer["data"] = json!([]);
            answer["has_more"] = json!(true);
        }
    });
    pull_by_job(&app, &shop).await;
    assert_eq!(app.count("books WHERE pulled_to IS NOT NULL").await, 0);
    let found = findings(&app, "pull_failed").await;
    found.has(json!([{ "state": "open", "stripe_account": shop.account }]));
    let said = text(&found[0], "message");
    assert!(
        said.contains("12 times") && said.contains("breaks off"),
        "{said}"
    );

    between.be_honest();
    pull_by_job(&app, &shop).await;
    assert_eq!(transactions(&app).await, 1);
    findings(&app, "pull_failed")
        .await
        .has(json!([{ "state": "resolved" }]));
    agrees(&app, &shop).await;
}

#[tokio::test]
async fn a_pull_that_stripe_refuses_is_a_finding_at_once_unless_the_account_is_disconnected() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    own_charge(&app, &shop, 1000).await;
    app.intercept().await;
    app.advance(61).await;
    let refuse = |path: &str, status: &mut u16, answer: &mut Value| {
        if path.starts_with(LIST) {
            *status = 400;
            *answer = json!({ "error": {
                "type": "invalid_request_error", "message": "Not permitted.",
            } });
        }
    };
    between.edit(refuse);
    pull_by_job(&app, &shop).await;
    let found = findings(&app, "pull_failed").await;
    found.has(json!([{ "state": "open", "stripe_account": shop.account }]));
    assert!(text(&found[0], "message").contains("tried once: Stripe refused: Not permitted."));
    between.be_honest();
    pull_by_job(&app, &shop).await;
    findings(&app, "pull_failed")
        .await
        .has(json!([{ "state": "resolved" }]));

    between.edit(refuse);
    app.sql("UPDATE sellers SET deauthorized_at = 7").await;
    pull_by_job(&app, &shop).await;
    findings(&app, "pull_failed")
        .await
        .has(json!([{ "state": "resolved" }]));
    app.allow_unfinished_work();
}

#[tokio::test]
async fn a_first_pull_of_many_pages_that_is_interrupted_goes_on_where_it_stopped() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    for n in 0..25 {
        own_charge(&app, &shop, 1000 + n).await;
    }
    app.intercept().await;
    app.advance(61).await;
    let pages_of_one = |path: &str| path.replace("limit=100", "limit=1");
    between.ask(pages_of_one);
    let mut pages = 0;
    between.edit(move |path, status, answer| {
        pages += u32::from(path.starts_with(LIST));
        if pages > 3 && path.starts_with(LIST) {
            *status = 500;
            *answer = json!({ "error": { "type": "api_error" } });
        }
    });
    pull(&app, &shop).await.expect_err("Stripe is away");
    assert_eq!(transactions(&app).await, 3);
    assert_eq!(app.count("books WHERE pulled_to IS NULL").await, 1);
    // Meanwhile there is another, newer than all.
    own_charge(&app, &shop, 5000).await;
    app.intercept().await;
    app.advance(61).await;

    between.be_honest();
    between.ask(pages_of_one);
    between.asked();
    pull(&app, &shop).await.expect("pulls");
    let asked = between.asked();
    assert_eq!(asked.len(), 20, "a run reads so many pages");
    assert!(asked.iter().all(|path| path.contains("starting_after=")));
    assert_eq!(transactions(&app).await, 23);
    assert_eq!(
        app.count("jobs WHERE kind = 'pull' AND state = 'ready'")
            .await,
        1
    );
    between.be_honest();
    app.run_jobs().await;
    // The rest, and at once what came meanwhile: the job that asked for that has been done with this one.
    let asked = between.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0].contains("starting_after=") && !asked[1].contains("starting_after="));
    assert_eq!(transactions(&app).await, 26);
    assert_eq!(
        app.count("books WHERE pulled_to IS NOT NULL AND page_after IS NULL")
            .await,
        1
    );
    agrees(&app, &shop).await;
}

#[tokio::test]
async fn a_pull_whose_place_stripe_does_not_know_any_more_begins_anew() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    own_charge(&app, &shop, 1000).await;
    app.intercept().await;
    app.advance(61).await;
    pull(&app, &shop).await.expect("pulls");
    own_charge(&app, &shop, 2000).await;
    app.intercept().await;
    app.advance(61).await;
    app.sql("UPDATE books SET page_after = 'txn_gone'").await;
    pull(&app, &shop).await.expect("pulls");
    assert_eq!(transactions(&app).await, 2);
    assert_eq!(app.count("books WHERE page_after IS NULL").await, 1);
}
