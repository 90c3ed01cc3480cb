//! Files: uploaded, refused, and named by evidence.

use serde_json::{Value, json};

use crate::support::{DAY, PNG, Stripe};

/// A PDF of so many pages.
fn pdf(pages: usize) -> Vec<u8> {
    let mut pdf = b"%PDF-1.7\n<</Type /Pages>>\n".to_vec();
    for _ in 0..pages {
        pdf.extend(b"<</Type /Page>>\n");
    }
    pdf
}

async fn disputed(s: &Stripe, acct: &str, card: &str) -> String {
    let session = s.session(acct, 3000, "").await;
    s.pay(&session, json!({ "card": card })).await;
    let charge = s.charge_of(acct, &session).await;
    let id = charge["id"].as_str().expect("id");
    if charge["disputed"] != true {
        s.post(&format!("/_simulator/charges/{id}/dispute"), "")
            .await;
    }
    let path = format!("/v1/charges/{id}/dispute");
    let dispute = s.get_on(acct, &path).await;
    format!("/v1/disputes/{}", dispute["id"].as_str().expect("id"))
}

fn id(answer: &Value) -> &str {
    answer["id"].as_str().expect("id")
}

#[tokio::test]
async fn a_file_is_uploaded_read_listed_and_belongs_to_its_account() {
    let s = Stripe::start().await;
    let (acct, other) = (s.seller().await, s.seller().await);
    let made = s
        .upload(&acct, "dispute_evidence", "a;b.pdf", &pdf(2))
        .await;
    assert_eq!(made.status, 200, "{}", made.body);
    let file = made.body;
    assert_eq!(
        (
            &file["object"],
            &file["type"],
            &file["purpose"],
            &file["size"]
        ),
        (
            &json!("file"),
            &json!("pdf"),
            &json!("dispute_evidence"),
            &json!(pdf(2).len())
        )
    );
    let path = format!("/v1/files/{}", id(&file));
    assert_eq!(s.get_on(&acct, &path).await, file);
    let foreign = s
        .send("GET", &path, "", &[("Stripe-Account", &other)])
        .await;
    assert_eq!(foreign.status, 404);
    s.upload(&acct, "identity_document", "me.png", PNG).await;
    let list = s.get_on(&acct, "/v1/files?purpose=dispute_evidence").await;
    assert_eq!(list["data"], json!([file]));
}

#[tokio::test]
async fn what_stripe_does_not_take_is_refused() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let mut big = PNG.to_vec();
    big.resize(5 * (1 << 20) + 1, 0);
    for (purpose, bytes, param) in [
        ("dispute_evidence", &b"plain text"[..], "file"),
        ("dispute_evidence", b"", "file"),
        ("dispute_evidence", b"GIF89a", "file"),
        ("dispute_evidence", &big, "file"),
        ("dispute_evidence", &pdf(50), "file"),
        ("pci_document", PNG, "file"),
        ("mood", PNG, "purpose"),
    ] {
        let refused = s.upload(&acct, purpose, "a.png", bytes).await;
        assert_eq!(
            (refused.status, refused.error("param")),
            (400, param),
            "{purpose}"
        );
    }
    big.truncate(5 << 20);
    let most = s.upload(&acct, "dispute_evidence", "a.png", &big).await;
    assert_eq!(most.status, 200);
    let form = "purpose=dispute_evidence&file=data:name=a;base64,iVBORw0KGgo=";
    let plain = s.send("POST", "/v1/files", form, &[]).await;
    assert!(plain.error("message").contains("multipart/form-data"));
}

#[tokio::test]
async fn evidence_names_files_of_its_account_and_purpose_that_have_not_expired() {
    let s = Stripe::under("overdue_dispute", "waits").await;
    let (acct, other) = (s.seller().await, s.seller().await);
    let dispute = disputed(&s, &acct, "4000000000000259").await;
    let mine = s.upload(&acct, "dispute_evidence", "a.png", PNG).await.body;
    let signature = s
        .upload(&acct, "customer_signature", "a.png", PNG)
        .await
        .body;
    let foreign = s
        .upload(&other, "dispute_evidence", "a.png", PNG)
        .await
        .body;
    let send = async |field: &str, file: &str| {
        let body = format!("submit=false&evidence[{field}]={file}");
        s.send("POST", &dispute, &body, &[("Stripe-Account", &acct)])
            .await
    };
    assert_eq!(send("receipt", id(&mine)).await.status, 200);
    assert_eq!(send("customer_signature", id(&signature)).await.status, 200);
    assert_eq!(send("receipt", id(&signature)).await.status, 400);
    for unknown in [id(&foreign), "file_none", "text"] {
        let refused = send("shipping_documentation", unknown).await;
        assert_eq!(refused.error("param"), "evidence[shipping_documentation]");
        assert_eq!(refused.error("code"), "resource_missing");
    }
    s.simulator.advance(8 * DAY).await;
    assert_eq!(send("customer_signature", id(&signature)).await.status, 400);
}

#[tokio::test]
async fn the_files_of_a_dispute_are_limited_together() {
    for (answer, refused) in [("in_all", true), ("per_file", false)] {
        let s = Stripe::under("evidence_pages", answer).await;
        let acct = s.seller().await;
        let thick = s.upload(&acct, "dispute_evidence", "a.pdf", &pdf(20)).await;
        let body = format!("submit=false&evidence[receipt]={}", id(&thick.body));
        let visa = disputed(&s, &acct, "4000000000000259").await;
        s.on(&acct, &visa, &body).await;
        let mastercard = disputed(&s, &acct, "5555555555554444").await;
        let answer = s
            .send("POST", &mastercard, &body, &[("Stripe-Account", &acct)])
            .await;
        assert_eq!(answer.status == 400, refused);
        if refused {
            assert_eq!(answer.error("code"), "dispute_evidence_page_limit_exceeded");
        }
    }
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let dispute = disputed(&s, &acct, "4000000000000259").await;
    let mut big = PNG.to_vec();
    big.resize(3_000_000, 0);
    let mut body = "submit=false".to_owned();
    for field in ["receipt", "uncategorized_file"] {
        let file = s.upload(&acct, "dispute_evidence", "a.png", &big).await;
        body += &format!("&evidence[{field}]={}", id(&file.body));
    }
    let refused = s
        .send("POST", &dispute, &body, &[("Stripe-Account", &acct)])
        .await;
    assert!(
        refused.error("message").contains("total size"),
        "{}",
        refused.body
    );
}
