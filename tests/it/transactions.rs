//! What must not happen while a transaction is open.

use souk::ledger;
use souk_entity::AccountId;

use crate::harness::TestApp;

#[tokio::test]
async fn whoever_asks_stripe_while_a_transaction_is_open_is_stopped() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let (server, account) = (app.app.clone(), AccountId::from(shop.account.as_str()));
    // A task, since a transaction belongs to one.
    let asks = async |inside: bool| {
        let (server, account) = (server.clone(), account.clone());
        let asked = tokio::spawn(async move {
            let open = match inside {
                true => Some(server.db.begin_write().await.expect("begins")),
                false => None,
            };
            let asked = ledger::check_book(&server, &account, false).await;
            drop(open);
            asked.is_ok()
        });
        asked.await
    };
    assert!(asks(false).await.expect("no panic"));
    let stopped = asks(true).await.expect_err("Stripe was asked");
    let why = stopped.into_panic();
    let why = why.downcast_ref::<&str>().copied().unwrap_or_default();
    assert_eq!(why, "a network call while a transaction is open");
}
