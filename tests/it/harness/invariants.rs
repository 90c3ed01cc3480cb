//! Rules that must hold in the database after every test.

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

/// Each query names rows that break a rule.
const RULES: [(&str, &str); 11] = [
    (
        "a journal does not sum to zero",
        "SELECT journal_id AS who FROM entries GROUP BY journal_id, currency HAVING SUM(amount) <> 0",
    ),
    ("stock is negative", "SELECT id AS who FROM products WHERE available < 0"),
    (
        "stock is not the sum of its movements",
        "SELECT p.id AS who FROM products p WHERE p.available IS NOT NULL AND p.available <>
           (SELECT COALESCE(SUM(m.delta), 0) FROM stock_movements m WHERE m.product_id = p.id)",
    ),
    (
        "a paid line has not one sale",
        // A renewed period takes from stock what is shipped with it.
        "SELECT l.id AS who FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE o.status = 'paid' AND
           (SELECT COUNT(*) FROM stock_movements m WHERE m.order_line_id = l.id AND m.reason = 'sale') <>
           CASE WHEN EXISTS (SELECT 1 FROM payment_orders x JOIN payments p ON p.id = x.payment_id
             WHERE x.order_id = o.id AND p.kind = 'invoice' AND p.request = '' AND p.status = 'paid')
             AND NOT l.ships_period THEN 0 ELSE 1 END",
    ),
    (
        "more of a line came back than was sold",
        "SELECT l.id AS who FROM order_lines l WHERE
           (SELECT COALESCE(SUM(m.delta), 0) FROM stock_movements m WHERE m.returned_line_id = l.id) >
           (SELECT COALESCE(-SUM(m.delta), 0) FROM stock_movements m WHERE m.order_line_id = l.id)",
    ),
    (
        "more of a line was sent than was bought",
        "SELECT l.id AS who FROM order_lines l WHERE l.quantity <
           (SELECT COALESCE(SUM(x.quantity), 0) FROM shipment_lines x JOIN shipments s ON s.id = x.shipment_id
              WHERE x.order_line_id = l.id AND s.voided_at IS NULL)",
    ),
    (
        "a paid payment's order is neither paid nor on its way back",
        "SELECT p.id AS who FROM payments p JOIN payment_orders x ON x.payment_id = p.id JOIN orders o ON o.id = x.order_id
           WHERE p.status = 'paid' AND o.status NOT IN ('paid', 'refund_due', 'refunded')
             AND NOT (o.status IN ('cancelled', 'cancelled_sold_out') AND x.amount_paid = 0)",
    ),
    (
        "an order is paid by no payment",
        "SELECT o.id AS who FROM orders o WHERE o.status IN ('paid', 'refund_due', 'refunded') AND NOT EXISTS
           (SELECT 1 FROM payment_orders x JOIN payments p ON p.id = x.payment_id
              WHERE x.order_id = o.id AND p.status = 'paid')",
    ),
    (
        "a payment on one account pays an order of another's",
        "SELECT p.id AS who FROM payments p JOIN payment_orders x ON x.payment_id = p.id JOIN orders o ON o.id = x.order_id
           JOIN sellers s ON s.id = o.seller_id WHERE s.stripe_account <> p.charge_account",
    ),
    (
        "the shares of a payment don't add up to it",
        "SELECT p.id AS who FROM payments p JOIN payment_orders x ON x.payment_id = p.id
           GROUP BY p.id HAVING SUM(x.amount_subtotal) <> p.amount_subtotal OR SUM(x.application_fee) <> p.application_fee
             OR SUM(x.amount_refunded) <> p.amount_refunded OR COALESCE(SUM(x.amount_paid), -1) <> COALESCE(p.amount_paid, -1)
             OR COALESCE(SUM(x.amount_discount), -1) <> COALESCE(p.amount_discount, -1)",
    ),
    (
        "the shares of a refund don't add up to it",
        "SELECT r.id AS who FROM refunds r LEFT JOIN refund_orders x ON x.refund_id = r.id
           GROUP BY r.id HAVING COALESCE(SUM(x.amount), 0) <> r.amount",
    ),
];

/// Rows that a test must not leave behind unless it says so. `?` is the time.
const LEFT_OVER: [(&str, &str); 2] = [
    (
        "a job is due or dead",
        "SELECT kind || ' ' || subject || ': ' || COALESCE(last_error, state) AS who FROM jobs
           WHERE state IN ('leased', 'dead') OR (state = 'ready' AND run_at <= ?)",
    ),
    (
        "an event is unfinished",
        "SELECT kind || ' ' || id || ': ' || COALESCE(error, state) AS who FROM inbox_events
           WHERE state IN ('failed', 'deferred', 'dead') AND received_at <= ?",
    ),
];

async fn named(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let query = Statement::from_string(db.get_database_backend(), sql);
    let rows = db
        .query_all_raw(query)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
    rows.iter()
        .map(|row| row.try_get("", "who").expect("a text"))
        .collect()
}

/// The rows that break a rule.
pub async fn violations(url: &str, now: i64, unfinished_work_too: bool) -> Vec<String> {
    let db = sea_orm::Database::connect(url).await.expect("connects");
    let mut faults = vec![];
    let left_over = LEFT_OVER.iter().filter(|_| unfinished_work_too);
    for (rule, sql) in RULES.iter().chain(left_over) {
        for who in named(&db, &sql.replace('?', &now.to_string())).await {
            faults.push(format!("{rule}: {who}"));
        }
    }
    db.close().await.expect("closes");
    faults
}
