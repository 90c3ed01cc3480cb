//! Databases that an older version made.

use std::collections::BTreeSet;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use souk_migration::{Migrator, MigratorTrait};

use crate::harness::{Database, Souk, on_postgres, settings};

const SHARES: &str = "m20261129_000032_shares";
const PRICES: &str = "m20261130_000061_prices";
const LASTING_CODES: &str = "m20261130_000062_lasting_codes";

async fn run(db: &DatabaseConnection, text: &str) {
    let done = db.execute_unprepared(text).await;
    done.unwrap_or_else(|e| panic!("{text}: {e}"));
}

/// The first column of each row.
async fn texts(db: &DatabaseConnection, query: &str) -> Vec<String> {
    let query = Statement::from_string(db.get_database_backend(), query);
    let rows = db.query_all_raw(query).await.expect("is answered");
    let text = |row: &sea_orm::QueryResult| row.try_get_by_index(0).expect("a text");
    rows.iter().map(text).collect()
}

async fn count(db: &DatabaseConnection, of: &str) -> i64 {
    let query = format!("SELECT COUNT(*) FROM {of}");
    let query = Statement::from_string(db.get_database_backend(), query);
    let row = db.query_one_raw(query).await.expect("is answered");
    row.expect("a row").try_get_by_index(0).expect("a number")
}

/// Whether a migration has run.
async fn made(db: &DatabaseConnection, migration: &str) -> bool {
    let done = format!("seaql_migrations WHERE version = '{migration}'");
    count(db, &done).await == 1
}

/// So many paid orders of one seller with their payments, which had two columns less then. Each third has a refund of a part,
/// and each fifth a dispute.
async fn fill(db: &DatabaseConnection, rows: u32) {
    let numbers = match on_postgres() {
        true => format!("generate_series(1, {rows}) AS t (n)"),
        false => format!(
            "(WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {rows}) SELECT n FROM t)"
        ),
    };
    let requirements = r#"{"currently_due":[],"past_due":[],"eventually_due":[],"pending_verification":[],"disabled_reason":null,"current_deadline":null}"#;
    for text in [
        "INSERT INTO installation (id, mode, created_at) VALUES (1, 'test', 1)".to_owned(),
        "INSERT INTO users (id, email, name, password_hash, role, created_at, updated_at)
           VALUES ('usr_1', 'mira@example.com', 'Mira', '', 'member', 1, 1)"
            .to_owned(),
        format!(
            "INSERT INTO sellers (id, owner_id, name, email, country, stripe_account, livemode, dashboard, status,
               charges_enabled, payouts_enabled, details_submitted, requirements, metadata, created_at, updated_at)
             VALUES ('sel_1', 'usr_1', 'Shop', 'mira@example.com', 'US', 'acct_1', FALSE, 'full', 'active',
               TRUE, TRUE, TRUE, '{requirements}', '{{}}', 1, 1)"
        ),
        format!(
            "INSERT INTO orders (id, seller_id, email, status, livemode, currency, amount_subtotal, metadata, created_at,
               updated_at)
             SELECT 'ord_' || n, 'sel_1', 'a@example.com', 'paid', FALSE, 'usd', 1000 + n, '{{}}', n, n FROM {numbers}"
        ),
        format!(
            "INSERT INTO payments (id, charge_account, livemode, kind, stripe_object, payment_intent, charge, status, currency,
               amount_subtotal, amount_discount, amount_paid, amount_refunded, application_fee, allow_discounts, attempt,
               request, success_url, cancel_url, expires_at, failure_code, created_at, updated_at)
             SELECT 'pay_' || n, 'acct_1', FALSE, 'checkout_session', 'cs_' || n, 'pi_' || n, 'ch_' || n, 'paid', 'usd',
               1000 + n, 100, 900 + n, CASE WHEN n % 3 = 0 THEN 50 ELSE 0 END, 90, TRUE, 'session:pay_' || n,
               '{{}}', 'https://shop.test/', 'https://shop.test/', n, NULL, n, n FROM {numbers}"
        ),
        format!("INSERT INTO payment_orders (payment_id, order_id) SELECT 'pay_' || n, 'ord_' || n FROM {numbers}"),
        format!(
            "INSERT INTO refunds (id, payment_id, order_id, seller_id, amount, currency, origin, status, stripe_refund, key_number,
               key_until, requested_by, created_at, updated_at)
             SELECT 'rfd_' || n, 'pay_' || n, 'ord_' || n, 'sel_1', 50, 'usd', 'requested', 'succeeded', 're_' || n, 1, 1,
               'usr_1', n, n FROM {numbers} WHERE n % 3 = 0"
        ),
        format!(
            "INSERT INTO disputes (id, payment_id, order_id, seller_id, stripe_account, livemode, amount, currency, reason, status,
               is_charge_refundable, funds_withdrawn, stripe_created, synced_at, created_at, updated_at)
             SELECT 'du_' || n, 'pay_' || n, 'ord_' || n, 'sel_1', 'acct_1', FALSE, 900 + n, 'usd', 'general', 'won', TRUE, FALSE,
               n, n, n, n FROM {numbers} WHERE n % 5 = 0"
        ),
    ] {
        run(db, &text).await;
    }
}

/// The indexes and triggers of payments, as the database tells them.
async fn made_of_payments(db: &DatabaseConnection) -> BTreeSet<String> {
    let query = match on_postgres() {
        true => {
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'payments' UNION ALL SELECT pg_get_triggerdef(oid) FROM \
                 pg_trigger WHERE tgrelid = 'payments'::regclass AND NOT tgisinternal"
        }
        false => {
            "SELECT sql FROM sqlite_master WHERE tbl_name = 'payments' AND type IN ('index', 'trigger') AND sql IS NOT NULL"
        }
    };
    texts(db, query).await.into_iter().collect()
}

/// What must be true of a filled database of so many payments, once it is upgraded.
async fn check_upgraded(db: &DatabaseConnection, rows: i64) {
    assert_eq!(
        count(
            db,
            "payments WHERE kind = 'session' AND charge_type = 'direct'"
        )
        .await,
        rows
    );
    let wrong = "payment_orders x JOIN payments p ON p.id = x.payment_id WHERE x.amount_subtotal <> p.amount_subtotal \
         OR x.amount_paid <> p.amount_paid OR x.amount_discount <> p.amount_discount \
         OR x.amount_refunded <> p.amount_refunded OR x.application_fee <> p.application_fee";
    assert_eq!(count(db, wrong).await, 0);
    assert_eq!(
        count(
            db,
            "payment_orders WHERE amount_paid > 900 AND application_fee = 90"
        )
        .await,
        rows
    );
    let shares = "refunds r JOIN refund_orders x ON x.refund_id = r.id AND x.order_id = r.order_id AND x.amount = r.amount";
    assert_eq!(count(db, shares).await, rows / 3);
    assert_eq!(
        count(db, "disputes d JOIN payments p ON p.id = d.payment_id").await,
        rows / 5
    );
    if !on_postgres() {
        assert_eq!(
            texts(db, "SELECT \"table\" FROM pragma_foreign_key_check").await,
            [""; 0]
        );
        assert_eq!(texts(db, "PRAGMA integrity_check").await, ["ok"]);
    }
}

#[tokio::test]
async fn payments_keep_their_rows_children_and_indexes_and_get_their_shares() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_database, db) = Database::before(folder.path(), SHARES).await;
    fill(&db, 60).await;
    let before = made_of_payments(&db).await;
    // As the server does it: in one transaction.
    let tx = sea_orm::TransactionTrait::begin(&db).await.expect("begins");
    Migrator::up(&tx, None).await.expect("migrates");
    tx.commit().await.expect("commits");
    check_upgraded(&db, 60).await;
    let after = made_of_payments(&db).await;
    let gone: Vec<_> = before.difference(&after).collect();
    match on_postgres() {
        true => assert!(
            gone.len() == 1 && gone[0].contains("(stripe_object)"),
            "{gone:?}"
        ),
        false => assert_eq!(gone, [""; 0]),
    }
    // One object is one payment's, on its account and in its mode.
    let copy = |account: &str| {
        format!(
            "INSERT INTO payments (id, charge_account, livemode, kind, stripe_object, status, currency, amount_subtotal,
               amount_refunded, application_fee, allow_discounts, attempt, request, created_at, updated_at)
             SELECT id || '{account}', '{account}', livemode, 'intent', stripe_object, 'authorized', currency, amount_subtotal,
               0, 0, FALSE, attempt || '{account}', request, 1, 1 FROM payments WHERE id = 'pay_1'"
        )
    };
    run(&db, &copy("acct_2")).await;
    assert!(db.execute_unprepared(&copy("acct_1")).await.is_err());
    assert!(
        db.execute_unprepared("DELETE FROM payments WHERE id = 'pay_1'")
            .await
            .is_err()
    );
    db.close().await.expect("closes");
}

#[tokio::test]
async fn products_keep_their_rows_lines_and_stock_and_need_no_price_of_their_own_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_database, db) = Database::before(folder.path(), SHARES).await;
    fill(&db, 6).await;
    let product = "id, seller_id, name, unit_amount, currency, available, status, metadata, created_at, updated_at";
    for text in [
        format!(
            "INSERT INTO products ({product}) VALUES
               ('prd_1', 'sel_1', 'Brass lamp', 2500, 'usd', 7, 'active', '{{}}', 1, 2),
               ('prd_2', 'sel_1', 'Rug', 900, 'eur', NULL, 'archived', '{{\"shelf\":\"3\"}}', 3, 4)"
        ),
        "INSERT INTO order_lines (id, order_id, position, product_id, name, unit_amount, quantity, amount)
           VALUES ('oln_1', 'ord_1', 0, 'prd_1', 'Brass lamp', 2500, 1, 2500)"
            .to_owned(),
        "INSERT INTO stock_movements (id, product_id, delta, reason, actor, created_at)
           VALUES ('stk_1', 'prd_1', 7, 'initial', 'usr_1', 1)"
            .to_owned(),
    ] {
        run(&db, &text).await;
    }
    let whole = "SELECT id || seller_id || name || unit_amount || currency || COALESCE(available, -1) || status || metadata \
         || created_at || updated_at FROM products ORDER BY id";
    let before = texts(&db, whole).await;
    // As the server does it: in one transaction.
    let tx = sea_orm::TransactionTrait::begin(&db).await.expect("begins");
    Migrator::up(&tx, None).await.expect("migrates");
    tx.commit().await.expect("commits");
    assert!(made(&db, PRICES).await);
    assert_eq!(before.len(), 2);
    assert_eq!(texts(&db, whole).await, before);
    let children = "products p JOIN order_lines l ON l.product_id = p.id JOIN stock_movements m ON m.product_id = p.id";
    assert_eq!(count(&db, children).await, 1);
    // One that is sold by its prices only; and what was forbidden still is.
    let price = "prices (id, product_id, unit_amount, \"interval\", interval_count, active, created_at, updated_at)";
    run(
        &db,
        "UPDATE products SET unit_amount = NULL WHERE id = 'prd_1'",
    )
    .await;
    run(
        &db,
        &format!("INSERT INTO {price} VALUES ('prc_1', 'prd_1', 900, 'month', 1, TRUE, 1, 1)"),
    )
    .await;
    for wrong in [
        "UPDATE products SET unit_amount = 0 WHERE id = 'prd_2'".to_owned(),
        "UPDATE products SET available = -1 WHERE id = 'prd_1'".to_owned(),
        "UPDATE products SET status = 'gone' WHERE id = 'prd_1'".to_owned(),
        "UPDATE products SET seller_id = 'sel_none' WHERE id = 'prd_1'".to_owned(),
        "DELETE FROM products WHERE id = 'prd_1'".to_owned(),
        format!("INSERT INTO {price} VALUES ('prc_2', 'prd_none', 900, 'month', 1, TRUE, 1, 1)"),
        format!("INSERT INTO {price} VALUES ('prc_2', 'prd_1', 0, 'month', 1, TRUE, 1, 1)"),
        format!("INSERT INTO {price} VALUES ('prc_2', 'prd_1', 900, 'decade', 1, TRUE, 1, 1)"),
        "UPDATE prices SET min_quantity = 3, max_quantity = 2".to_owned(),
    ] {
        assert!(db.execute_unprepared(&wrong).await.is_err(), "{wrong}");
    }
    if on_postgres() {
        let index = "pg_indexes WHERE indexname = 'products_seller'";
        assert_eq!(count(&db, index).await, 1);
    } else {
        assert_eq!(
            count(&db, "sqlite_master WHERE name = 'products_seller'").await,
            1
        );
        assert_eq!(
            texts(&db, "SELECT \"table\" FROM pragma_foreign_key_check").await,
            [""; 0]
        );
        assert_eq!(texts(&db, "PRAGMA integrity_check").await, ["ok"]);
    }
    db.close().await.expect("closes");
}

#[tokio::test]
async fn codes_from_before_they_could_last_last_once_and_ask_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_database, db) = Database::before(folder.path(), SHARES).await;
    fill(&db, 1).await;
    run(
        &db,
        "INSERT INTO promotion_codes (id, seller_id, code, percent_off, active, created_at, updated_at)
           VALUES ('pmc_1', 'sel_1', 'WELCOME', 20, TRUE, 1, 1)",
    )
    .await;
    // As the server does it: in one transaction.
    let tx = sea_orm::TransactionTrait::begin(&db).await.expect("begins");
    Migrator::up(&tx, None).await.expect("migrates");
    tx.commit().await.expect("commits");
    assert!(made(&db, LASTING_CODES).await);
    let same = "promotion_codes WHERE duration = 'once' AND duration_in_months IS NULL AND minimum_amount IS NULL \
         AND minimum_amount_currency IS NULL AND NOT first_time_transaction";
    assert_eq!(count(&db, same).await, 1);
    for wrong in [
        "duration = 'twice'",
        "duration = 'repeating'",
        "duration_in_months = 3",
        "minimum_amount = 0, minimum_amount_currency = 'usd'",
        "minimum_amount = 5000",
        "minimum_amount_currency = 'usd'",
    ] {
        let text = format!("UPDATE promotion_codes SET {wrong}");
        assert!(db.execute_unprepared(&text).await.is_err(), "{wrong}");
    }
    run(
        &db,
        "UPDATE promotion_codes SET duration = 'repeating', duration_in_months = 3",
    )
    .await;
    db.close().await.expect("closes");
}

#[tokio::test]
async fn an_upgrade_that_is_killed_in_the_middle_leaves_the_old_database_or_the_new_one() {
    const ROWS: u32 = 100_000;
    let folder = tempfile::tempdir().expect("a folder");
    let (database, db) = Database::before(folder.path(), SHARES).await;
    fill(&db, ROWS).await;
    let secrets = ("whsec_platform", "whsec_connect");
    let mut settings = settings("http://127.0.0.1:9", secrets, &database.url, folder.path());
    settings.insert("STRIPE_SECRET_KEY".to_owned(), "sk_test_suite".to_owned());
    let mut killed = 0;
    for ms in [400, 1_200] {
        let mut upgrade = Souk::migrate(&settings);
        tokio::time::sleep(Duration::from_millis(ms)).await;
        upgrade.start_kill().expect("is killed");
        upgrade.wait().await.expect("ends");
        if made(&db, SHARES).await {
            break;
        }
        killed += 1;
        assert_eq!(
            count(&db, "payments WHERE kind = 'checkout_session'").await,
            i64::from(ROWS)
        );
        let shares = db
            .execute_unprepared("SELECT amount_paid FROM payment_orders LIMIT 1")
            .await;
        assert!(shares.is_err(), "half of it is there");
    }
    assert!(killed > 0, "it was never killed in the middle");
    assert!(
        Souk::migrate(&settings)
            .wait()
            .await
            .expect("ends")
            .success()
    );
    check_upgraded(&db, i64::from(ROWS)).await;
    db.close().await.expect("closes");
}

/// Customers had to be users' once.
#[tokio::test]
async fn customers_keep_their_cards_when_guests_may_have_some_and_each_is_of_one_buyer() {
    const GUESTS: &str = "m20261130_000060_address_verifications";
    let folder = tempfile::tempdir().expect("a folder");
    let (_database, db) = Database::before(folder.path(), GUESTS).await;
    let customer = |id: &str, columns: &str, values: &str| {
        format!(
            "INSERT INTO customers (id, {columns}, stripe_account, livemode, stripe_customer, metadata, unsent, revision, key_number,
               key_until, created_at, updated_at)
             VALUES ('{id}', {values}, 'acct_1', FALSE, 'cus_{id}', '{{}}', '[]', 0, 1, 1, 1, 1)"
        )
    };
    for text in [
        "INSERT INTO users (id, email, name, password_hash, role, created_at, updated_at)
           VALUES ('usr_1', 'sam@example.com', 'Sam', '', 'member', 1, 1)"
            .to_owned(),
        customer("ctm_1", "user_id", "'usr_1'"),
        "INSERT INTO payment_methods (id, customer_id, stripe_account, livemode, kind, brought_by, created_at, updated_at)
           VALUES ('pm_1', 'ctm_1', 'acct_1', FALSE, 'card', 'sti_1', 1, 1)"
            .to_owned(),
    ] {
        run(&db, &text).await;
    }
    let tx = sea_orm::TransactionTrait::begin(&db).await.expect("begins");
    Migrator::up(&tx, None).await.expect("migrates");
    tx.commit().await.expect("commits");
    let kept = "customers c JOIN payment_methods m ON m.customer_id = c.id AND c.user_id = 'usr_1' AND c.verified_email IS NULL";
    assert_eq!(count(&db, kept).await, 1);
    let guest = |id: &str| customer(id, "verified_email", "'sam@example.com'");
    run(&db, &guest("ctm_2")).await;
    for (text, why) in [
        (guest("ctm_3"), "a second one of a guest"),
        (
            customer("ctm_4", "user_id", "'usr_1'"),
            "a second one of a user",
        ),
        (customer("ctm_5", "user_id", "NULL"), "nobody's"),
        (
            customer(
                "ctm_6",
                "user_id, verified_email",
                "'usr_1', 'a@example.com'",
            ),
            "of two",
        ),
        (
            "DELETE FROM customers WHERE id = 'ctm_1'".to_owned(),
            "one with a card goes",
        ),
    ] {
        assert!(db.execute_unprepared(&text).await.is_err(), "{why}");
    }
    db.close().await.expect("closes");
}

#[tokio::test]
async fn orders_keep_what_they_have_when_one_may_come_to_nothing() {
    const SUBSCRIPTIONS: &str = "m20261130_000064_subscriptions";
    let folder = tempfile::tempdir().expect("a folder");
    let (_database, db) = Database::before(folder.path(), SUBSCRIPTIONS).await;
    let order = |id: &str, subtotal: i64| {
        format!(
            "INSERT INTO orders (id, seller_id, status, livemode, currency, amount_subtotal, metadata, created_at, updated_at)
               VALUES ('{id}', 'sel_1', 'paid', FALSE, 'eur', {subtotal}, '{{}}', 1, 1)"
        )
    };
    for text in [
        "INSERT INTO users (id, email, name, password_hash, role, created_at, updated_at)
           VALUES ('usr_1', 'sam@example.com', 'Sam', '', 'member', 1, 1)"
            .to_owned(),
        "INSERT INTO sellers (id, owner_id, name, email, country, livemode, dashboard, status, charges_enabled, payouts_enabled,
           details_submitted, requirements, metadata, created_at, updated_at)
           VALUES ('sel_1', 'usr_1', 'Shop', 'mira@example.com', 'US', FALSE, 'full', 'active', TRUE, TRUE, TRUE, '{}', '{}', 1, 1)"
            .to_owned(),
        "INSERT INTO products (id, seller_id, name, unit_amount, currency, status, metadata, created_at, updated_at)
           VALUES ('prd_1', 'sel_1', 'Lamp', 5000, 'eur', 'active', '{}', 1, 1)"
            .to_owned(),
        order("ord_1", 5000),
        "INSERT INTO order_lines (id, order_id, position, product_id, name, unit_amount, quantity, amount)
           VALUES ('oln_1', 'ord_1', 0, 'prd_1', 'Lamp', 5000, 1, 5000)"
            .to_owned(),
    ] {
        run(&db, &text).await;
    }
    assert!(db.execute_unprepared(&order("ord_2", 0)).await.is_err());
    let tx = sea_orm::TransactionTrait::begin(&db).await.expect("begins");
    Migrator::up(&tx, None).await.expect("migrates");
    tx.commit().await.expect("commits");
    let kept = "orders o JOIN order_lines l ON l.order_id = o.id AND o.amount_subtotal = 5000 JOIN sellers s ON s.id = o.seller_id
        AND s.subscription_grace_days = 7";
    assert_eq!(count(&db, kept).await, 1);
    run(&db, &order("ord_2", 0)).await;
    for (text, why) in [
        (order("ord_3", -1), "less than nothing"),
        (order("ord_1", 1), "one twice"),
        (
            "DELETE FROM orders WHERE id = 'ord_1'".to_owned(),
            "one with a line goes",
        ),
    ] {
        assert!(db.execute_unprepared(&text).await.is_err(), "{why}");
    }
    db.close().await.expect("closes");
}
