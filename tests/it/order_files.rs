//! Notes and files of orders: kept as they came, for the seller's people only, and never shown by a browser.

use futures_util::TryStreamExt;
use serde_json::{Value, json};

use crate::harness::{Answer, Checkout, Has, Shop, TestApp, User, text};

const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\n";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF";

/// Of 5 MB, as large as a file may be, and no part of it like another.
fn large() -> Vec<u8> {
    let lines = (0_u32..).flat_map(|n| format!("{n}\n").into_bytes());
    PDF.iter().copied().chain(lines).take(5_000_000).collect()
}

#[tokio::test]
async fn a_large_file_is_read_part_by_part() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let bytes = large();
    let to = files(&checkout, "kind=receipt");
    let answer = upload(&app, &shop.owner, to, "application/pdf", &bytes).await;
    let id = text(answer.expect(201), "id");
    let path = format!("{}/v1/order_files/{id}/content", app.base);
    let download = reqwest::Client::new()
        .get(path)
        .bearer_auth(&shop.owner.token);
    let download = download.send().await.expect("an answer");
    assert_eq!(download.content_length(), Some(5_000_000));
    assert!(download.bytes().await.expect("bytes") == bytes);
    let id = id.as_str().into();
    let parts = souk::orders::files::content(&app.app.db, &id);
    let parts: Vec<_> = parts.try_collect().await.expect("reads");
    assert!(parts.iter().all(|part| part.len() <= 256 * 1024));
    assert!(parts.concat() == bytes);
}

async fn sold(app: &TestApp) -> (Shop, Checkout) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(10)).await;
    let checkout = app.sale(&lamp).await;
    (shop, checkout)
}

async fn upload(app: &TestApp, by: &User, to: String, kind: &str, bytes: &[u8]) -> Answer {
    let call = app.call("POST", to).content(kind, bytes);
    call.by(by).await
}

fn files(checkout: &Checkout, query: &str) -> String {
    format!("/v1/orders/{}/files?{query}", checkout.order)
}

#[tokio::test]
async fn a_file_is_kept_as_it_came_and_only_ever_sent_to_be_saved() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let send = app.post(
        format!("/v1/orders/{}/shipments", checkout.order),
        json!({}),
    );
    let shipment = text(&send.by(&shop.owner).expect(201).await, "id");
    let mut kept = vec![];
    for (kind, content, bytes) in [
        ("shipping_documentation", "application/pdf", PDF),
        ("customer_communication", "image/png", PNG),
        ("customer_signature", "image/jpeg; charset=binary", JPEG),
    ] {
        let to = files(&checkout, &format!("kind={kind}&shipment_id={shipment}"));
        let answer = upload(&app, &shop.owner, to.clone(), content, bytes).await;
        let file = answer.expect(201).clone();
        let content = content.split(';').next().expect("a type");
        file.has(json!({
            "object": "order_file", "order_id": checkout.order, "shipment_id": shipment, "kind": kind, "content_type": content,
            "size": bytes.len(), "created_by": shop.owner.id,
        }));
        // The same again is the same.
        let again = upload(&app, &shop.owner, to, content, bytes).await;
        assert_eq!(*again.expect(201), file);
        let path = format!("/v1/order_files/{}", text(&file, "id"));
        assert_eq!(app.get(&path).by(&shop.owner).expect(200).await, file);
        let download = reqwest::Client::new()
            .get(format!("{}{path}/content", app.base))
            .bearer_auth(&shop.owner.token);
        let download = download.send().await.expect("an answer");
        let header = |name: &str| {
            let value = download.headers()[name].to_str().expect("a text");
            value.to_owned()
        };
        assert_eq!(header("content-type"), "application/octet-stream");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-disposition").starts_with("attachment; filename=\"ofl_"));
        assert_eq!(download.bytes().await.expect("bytes"), bytes);
        kept.push(file);
    }
    let list = app.get(files(&checkout, "limit=2")).by(&shop.owner);
    let list = list.expect(200).await;
    list.has(json!({ "has_more": true, "data": [kept[2], kept[1]] }));
    assert_eq!(
        app.count("audit_log WHERE action = 'order_file.created'")
            .await,
        3
    );
    assert_eq!(app.count("order_file_contents").await, 3);
    app.settle().await;
}

#[tokio::test]
async fn a_file_that_is_no_pdf_jpeg_or_png_or_too_large_or_one_too_many_is_refused() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let to = || files(&checkout, "kind=uncategorized_file");
    let html = b"<script>alert(1)</script>".as_slice();
    for (content, bytes) in [
        ("application/pdf", html),
        ("application/pdf", PNG),
        ("application/pdf", b"".as_slice()),
        ("image/png", JPEG),
        ("image/jpeg", b"GIF89a".as_slice()),
        ("image/png", b"\x89PNG".as_slice()),
    ] {
        let answer = upload(&app, &shop.owner, to(), content, bytes).await;
        let problem = answer.refused(422, "invalid_request");
        assert_eq!(problem["param"], "body", "{content} {bytes:?}");
    }
    for content in [
        "text/html",
        "image/svg+xml",
        "application/json",
        "image/gif",
    ] {
        let answer = upload(&app, &shop.owner, to(), content, PNG).await;
        answer.refused(415, "unsupported_media_type");
    }
    let file = |bytes: usize| [PDF, &vec![b'x'; bytes - PDF.len()]].concat();
    let answer = upload(&app, &shop.owner, to(), "application/pdf", &file(5_000_001)).await;
    answer.refused(413, "payload_too_large");
    let none = app.count("order_files").await;
    assert_eq!(none, 0);
    let largest = upload(&app, &shop.owner, to(), "application/pdf", &file(5_000_000)).await;
    largest.expect(201).has(json!({ "size": 5_000_000 }));

    let rival = app.new_shop("rival", "US").await;
    let theirs = app.product(&shop, 900, None).await;
    let other = app.sale(&theirs).await;
    let send = app.post(format!("/v1/orders/{}/shipments", other.order), json!({}));
    let shipment = text(&send.by(&shop.owner).expect(201).await, "id");
    let query = format!("kind=receipt&shipment_id={shipment}");
    let answer = upload(
        &app,
        &shop.owner,
        files(&checkout, &query),
        "application/pdf",
        PDF,
    )
    .await;
    let problem = answer.refused(404, "not_found");
    assert_eq!(problem["param"], "shipment_id");
    let answer = upload(&app, &rival.owner, to(), "application/pdf", PDF).await;
    answer.refused(404, "not_found");

    let all = (0..24).map(|n| {
        let bytes = [PDF, format!("{n}").as_bytes()].concat();
        upload(
            &app,
            &shop.owner,
            to(),
            "application/pdf",
            &bytes.leak()[..],
        )
    });
    let answers = futures_util::future::join_all(all).await;
    let kept = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(kept, 19, "and the large one");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.refused(409, "too_many_files");
    }
    app.settle().await;
}

#[tokio::test]
async fn notes_and_messages_stay_as_they_were_written_and_the_buyer_sees_none() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let path = format!("/v1/orders/{}/notes", checkout.order);
    let said = json!({ "kind": "message_from_buyer", "text": "It has arrived, thank you!", "happened_at": "2026-11-17T09:00:00Z" });
    let ask = |body: &Value| {
        app.post(&path, body.clone())
            .by(&shop.owner)
            .keyed("note-1")
    };
    let note = ask(&said).await.expect_first(201).clone();
    note.has(json!({
        "object": "order_note", "kind": "message_from_buyer", "text": "It has arrived, thank you!",
        "happened_at": "2026-11-17T09:00:00.000Z", "created_by": shop.owner.id,
    }));
    assert_eq!(*ask(&said).await.expect_replay(201), note);
    let own = json!({ "kind": "note", "text": "Packed by Omar" });
    ask(&own).refused(422, "idempotency_mismatch").await;
    let own = app.post(&path, own).by(&shop.owner).expect(201).await;
    for (field, value) in [
        ("kind", json!("letter")),
        ("text", json!("")),
        ("text", json!("x".repeat(5001))),
        ("happened_at", json!("2027-01-01T00:00:00Z")),
        ("happened_at", json!("yesterday")),
    ] {
        let mut body = said.clone();
        body[field] = value;
        app.post(&path, body)
            .by(&shop.owner)
            .refuses_field(field)
            .await;
    }
    let list = app.get(&path).by(&shop.owner).expect(200).await;
    assert_eq!(list["data"], json!([own, note]));
    let secret = checkout.secret.as_deref().expect("a guest's");
    for call in [app.get(&path), app.post(&path, said.clone())] {
        call.with_secret(secret).refused(403, "forbidden").await;
    }
    let order = app.order(&checkout).await.to_string();
    assert!(!order.contains("Packed by Omar") && !order.contains("arrived"));
    for change in [
        "UPDATE order_notes SET text = ''",
        "DELETE FROM order_notes",
        "DELETE FROM order_files",
    ] {
        if change.contains("files") {
            upload(
                &app,
                &shop.owner,
                files(&checkout, "kind=receipt"),
                "image/png",
                PNG,
            )
            .await
            .expect(201);
        }
        let refusal = app.try_sql(change).await.expect_err(change);
        assert!(refusal.contains("append-only"), "{refusal}");
    }
    let lamp = app.product(&shop, 2500, None).await;
    let other = app.sale(&lamp).await;
    let path = format!("/v1/orders/{}/notes", other.order);
    let keyed = app.post(path, said).by(&shop.owner).keyed("note-1");
    keyed.refused(422, "idempotency_mismatch").await;
}

#[tokio::test]
async fn a_note_whose_key_is_at_work_is_refused() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let checkout = app.sale(&lamp).await;
    let body = json!({ "kind": "note", "text": "Called." });
    let hash = souk::ids::sha256_hex(body.to_string().as_bytes());
    let path = format!("/v1/orders/{}/notes", checkout.order);
    for (n, route) in [path.as_str(), "/v1/orders/{id}/notes"]
        .into_iter()
        .enumerate()
    {
        let (owner, now) = (&shop.owner.id, app.app.clock.now().0);
        app.sql(&format!(
            "INSERT INTO idempotency_keys (id, scope, key, request_hash, resource_id, status, lease_until, created_at)
             VALUES ('idk_{n}', '{owner} {route}', 'busy', '{hash}', 'nte_{n}', NULL, {}, {now})",
            now + 60_000
        ))
        .await;
    }
    app.post(&path, body)
        .by(&shop.owner)
        .keyed("busy")
        .refused(409, "idempotency_in_flight")
        .await;
}
