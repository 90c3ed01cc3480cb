//! The rules that must hold when a run is over, in plain SQL over Souk's tables and Stripe's own books (`oracle_…`, which
//! `checker.rs` writes beside them). Each query selects the rows that break a rule, and must select none.

/// A rule.
pub struct Check {
    /// Its name in the report.
    pub category: &'static str,
    /// What is wrong with a row that it finds.
    pub wrong: &'static str,
    /// Selects `who`.
    pub sql: &'static str,
}

/// Those that hold of random lives, too, where refunds and payouts fail, transactions can't be read, and sellers leave.
pub const OF_LIVES: [&str; 25] = [
    "amount_differs",
    "settled_twice",
    "stock_negative",
    "stock_sum",
    "stock_sale",
    "refund_twice",
    "refund_unrecorded",
    "refund_unasked",
    "refund_doubled",
    "refund_forgotten",
    "refunded_differs",
    "line_over",
    "restock",
    "dispute_differs",
    "evidence_twice",
    "dispute_told",
    "shares",
    "paid_by_hold",
    "held_differs",
    "held_for_nothing",
    "canceled_differs",
    "captured_over",
    "captured_unasked",
    "capture_undone",
    "hold_stock",
];

pub const CHECKS: [Check; 56] = [
    Check {
        category: "acknowledged_lost",
        wrong: "Stripe was answered 2xx, and the event is not in the database",
        // An event of the other mode is answered and not kept.
        sql: "SELECT id AS who FROM oracle_deliveries d WHERE acknowledged > 0 AND id NOT LIKE 'evt_forged_mode%'
                AND NOT EXISTS (SELECT 1 FROM inbox_events i WHERE i.id = d.id)",
    },
    Check {
        category: "event_lost",
        wrong: "an event that was never delivered was not caught up with",
        sql: "SELECT id AS who FROM oracle_events e
                WHERE type IN ('checkout.session.completed', 'checkout.session.expired', 'refund.created',
                  'refund.updated', 'refund.failed', 'charge.refunded', 'account.updated', 'charge.dispute.created',
                  'charge.dispute.updated', 'charge.dispute.closed', 'charge.dispute.funds_withdrawn',
                  'charge.dispute.funds_reinstated', 'payment_intent.amount_capturable_updated', 'payment_intent.canceled',
                  'payment_intent.payment_failed', 'payment_intent.requires_action', 'payment_intent.succeeded',
                  'customer.subscription.updated', 'customer.subscription.deleted', 'invoice.paid')
                AND NOT EXISTS (SELECT 1 FROM inbox_events i WHERE i.id = e.id)",
    },
    Check {
        category: "event_unfinished",
        wrong: "an event's effect was neither done nor found needless",
        sql: "SELECT id || ': ' || COALESCE(error, state) AS who FROM inbox_events
                WHERE state NOT IN ('processed', 'ignored') AND id NOT LIKE 'evt_poison%'",
    },
    Check {
        category: "poison_passed",
        wrong: "an event whose effect must fail did not",
        sql: "SELECT id AS who FROM inbox_events
                WHERE id LIKE 'evt_poison%' AND state NOT IN ('failed', 'dead')",
    },
    Check {
        category: "payment_unrecorded",
        wrong: "Stripe has the money, and the payment is not paid",
        sql: "SELECT s.id AS who FROM oracle_sessions s WHERE s.paid = 1 AND NOT EXISTS
                (SELECT 1 FROM payments p WHERE p.stripe_object = s.id AND p.charge_account = s.account
                   AND p.status = 'paid')",
    },
    Check {
        category: "paid_for_nothing",
        wrong: "the payment is paid, and Stripe has no money for it",
        sql: "SELECT p.id AS who FROM payments p WHERE p.status = 'paid' AND NOT EXISTS
                (SELECT 1 FROM oracle_sessions s WHERE s.id = p.stripe_object AND s.account = p.charge_account
                   AND s.paid = 1)",
    },
    Check {
        category: "amount_differs",
        wrong: "the payment's amount or intent is not Stripe's",
        sql: "SELECT p.id AS who FROM payments p JOIN oracle_sessions s ON s.id = p.stripe_object
                WHERE p.status = 'paid' AND (p.amount_paid <> s.amount_total OR p.payment_intent <> s.intent)",
    },
    Check {
        category: "order_behind",
        wrong: "a payment is paid, and its order is neither paid nor refunded",
        sql: "SELECT o.id || ' ' || o.status AS who FROM payments p
                JOIN payment_orders x ON x.payment_id = p.id JOIN orders o ON o.id = x.order_id
                WHERE p.status = 'paid' AND o.status NOT IN ('paid', 'refunded')",
    },
    Check {
        category: "order_ahead",
        wrong: "an order is paid or refunded without a paid payment",
        sql: "SELECT o.id AS who FROM orders o WHERE o.status IN ('paid', 'refund_due', 'refunded') AND NOT EXISTS
                (SELECT 1 FROM payment_orders x JOIN payments p ON p.id = x.payment_id
                   WHERE x.order_id = o.id AND p.status = 'paid')",
    },
    Check {
        category: "settled_twice",
        wrong: "an order's timeline says more than once, or never, that it was paid",
        sql: "SELECT o.id AS who FROM orders o
                WHERE o.refund_reason IS NULL AND o.status IN ('paid', 'refunded') AND 1 <>
                  (SELECT COUNT(*) FROM order_events e WHERE e.order_id = o.id AND e.kind = 'paid')",
    },
    Check {
        category: "stock_negative",
        wrong: "more was sold than there was",
        sql: "SELECT id AS who FROM products WHERE available < 0",
    },
    Check {
        category: "stock_sum",
        wrong: "the stock is not the sum of its movements",
        sql: "SELECT p.id AS who FROM products p WHERE p.available IS NOT NULL AND p.available <>
                (SELECT COALESCE(SUM(m.delta), 0) FROM stock_movements m WHERE m.product_id = p.id)",
    },
    Check {
        category: "stock_sale",
        wrong: "a sold line took no stock or took it twice, or one that was not sold took some",
        // What was taken for money that was held, and came back since, stays a sale. Where one batch had both, nothing moved.
        // A renewal takes nothing.
        sql: "SELECT l.id AS who FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE NOT (o.status = 'expired' AND
                NOT EXISTS (SELECT 1 FROM stock_movements m WHERE m.order_line_id = l.id OR m.returned_line_id = l.id)) AND
                CASE WHEN EXISTS (SELECT 1 FROM payment_orders x JOIN payments p ON p.id = x.payment_id
                    WHERE x.order_id = o.id AND p.kind = 'invoice' AND p.request = '' AND NOT l.ships_period) THEN 0
                  WHEN o.refund_reason IS NULL AND o.status IN ('paid', 'refunded', 'authorized') OR EXISTS
                  (SELECT 1 FROM order_events e WHERE e.order_id = o.id AND e.kind = 'authorized')
                  THEN -l.quantity ELSE 0 END <>
                (SELECT COALESCE(SUM(m.delta), 0) FROM stock_movements m
                   WHERE m.order_line_id = l.id AND m.reason = 'sale')",
    },
    Check {
        category: "refund_twice",
        wrong: "Stripe gave more back than was paid, or gave an automatic refund twice",
        sql: "SELECT p.id AS who FROM payments p JOIN oracle_refunds r ON r.intent = p.payment_intent
                WHERE r.status NOT IN ('failed', 'canceled') GROUP BY p.id, p.amount_paid
                HAVING SUM(r.amount) > p.amount_paid
                  OR COUNT(*) > (SELECT COUNT(*) FROM refunds f WHERE f.payment_id = p.id)",
    },
    Check {
        category: "refund_missing",
        wrong: "money that must go back has not",
        // What a seller asked for is not refunded beside a dispute.
        sql: "SELECT f.id || ' ' || f.status || ' ' || COALESCE(f.failure_reason, '') AS who FROM refunds f
                WHERE (f.status <> 'succeeded' OR NOT EXISTS
                (SELECT 1 FROM oracle_refunds r WHERE r.id = f.stripe_refund AND r.amount = f.amount
                   AND r.status = 'succeeded'))
                AND NOT (f.origin = 'requested' AND f.status = 'canceled' AND f.stripe_refund IS NULL AND EXISTS
                  (SELECT 1 FROM disputes d WHERE d.payment_id = f.payment_id))",
    },
    Check {
        category: "refund_unrecorded",
        wrong: "Stripe gave money back that we know nothing of",
        sql: "SELECT r.id AS who FROM oracle_refunds r
                WHERE NOT EXISTS (SELECT 1 FROM refunds f WHERE f.stripe_refund = r.id)",
    },
    Check {
        category: "refund_unasked",
        wrong: "Stripe gave money back that nobody had asked for: in a run nobody refunds at Stripe itself",
        sql: "SELECT id AS who FROM refunds WHERE origin = 'stripe'",
    },
    Check {
        category: "refund_needless",
        wrong: "an order paid once was refunded as if it had been paid twice",
        sql: "SELECT f.id AS who FROM refunds f WHERE f.origin = 'duplicate_payment' AND 2 >
                (SELECT COUNT(*) FROM payment_orders x JOIN payments p ON p.id = x.payment_id
                   WHERE x.order_id = f.order_id AND p.status = 'paid')",
    },
    Check {
        category: "refund_short",
        wrong: "an order was not to be kept, and not all of its money went back",
        sql: "SELECT o.id AS who FROM orders o JOIN payment_orders x ON x.order_id = o.id
                JOIN payments p ON p.id = x.payment_id AND p.status = 'paid'
                WHERE o.refund_reason IS NOT NULL AND p.amount_paid <>
                  (SELECT COALESCE(SUM(r.amount), 0) FROM oracle_refunds r WHERE r.intent = p.payment_intent)",
    },
    Check {
        category: "refund_doubled",
        wrong: "a request that was sent several times was several refunds",
        sql: "SELECT order_id AS who FROM refunds f WHERE origin = 'requested' GROUP BY order_id HAVING COUNT(*) >
                (SELECT COUNT(DISTINCT a.key) FROM asked_refunds a WHERE a.order_id = f.order_id)",
    },
    Check {
        category: "refund_forgotten",
        wrong: "a seller was answered a refund that isn't there",
        sql: "SELECT a.refund AS who FROM asked_refunds a WHERE a.refund IS NOT NULL AND NOT EXISTS
                (SELECT 1 FROM refunds f WHERE f.id = a.refund AND f.order_id = a.order_id)",
    },
    Check {
        category: "refunded_differs",
        wrong: "what counts as refunded of a payment is not what Stripe gave back",
        sql: "SELECT p.id AS who FROM payments p WHERE p.amount_refunded <> COALESCE((SELECT SUM(r.amount)
                FROM oracle_refunds r WHERE r.intent = p.payment_intent AND r.status NOT IN ('failed', 'canceled')), 0)",
    },
    Check {
        category: "line_over",
        wrong: "more units of a line were refunded than were bought",
        sql: "SELECT l.id AS who FROM order_lines l JOIN refund_lines x ON x.order_line_id = l.id
                JOIN refunds f ON f.id = x.refund_id AND f.status NOT IN ('failed', 'canceled', 'blocked')
                GROUP BY l.id, l.quantity HAVING SUM(x.quantity) > l.quantity",
    },
    Check {
        category: "line_cost",
        wrong: "a refund of lines gave something else back than what the lines had cost",
        sql: "SELECT f.id AS who FROM refunds f JOIN refund_lines x ON x.refund_id = f.id
                JOIN order_lines l ON l.id = x.order_line_id
                WHERE f.status = 'succeeded' AND f.origin = 'requested' AND EXISTS (SELECT 1 FROM asked_refunds a
                  WHERE a.refund = f.id AND (a.key LIKE 'back-unit-%' OR a.key LIKE 'back-line-%'))
                GROUP BY f.id, f.amount HAVING SUM(x.quantity * l.unit_amount) <> f.amount",
    },
    Check {
        category: "restock",
        wrong: "units that a refund was to bring back to stock came not, twice, or without it",
        // Goods stay back if the refund fails later. Those of released money come back without a refund.
        sql: "SELECT x.refund_id || ' ' || x.order_line_id AS who FROM refund_lines x JOIN refunds f ON f.id = x.refund_id
                WHERE (SELECT COALESCE(SUM(m.delta), 0) FROM stock_movements m
                   WHERE m.refund_id = x.refund_id AND m.returned_line_id = x.order_line_id) NOT IN
                (CASE WHEN x.restock AND f.status IN ('succeeded', 'failed') THEN x.quantity ELSE 0 END,
                  CASE WHEN x.restock AND f.status = 'succeeded' THEN x.quantity ELSE 0 END)
              UNION ALL
              SELECT m.returned_line_id FROM stock_movements m JOIN order_lines l ON l.id = m.returned_line_id
                GROUP BY m.returned_line_id, l.quantity HAVING SUM(m.delta) > l.quantity
              UNION ALL
              SELECT m.id FROM stock_movements m WHERE m.reason = 'returned' AND m.refund_id IS NOT NULL AND NOT EXISTS
                (SELECT 1 FROM refund_lines x WHERE x.refund_id = m.refund_id AND x.order_line_id = m.returned_line_id)",
    },
    Check {
        category: "fee_kept",
        wrong: "all went back to the buyer, and the platform kept its fee",
        sql: "SELECT f.id AS who FROM oracle_fees f WHERE f.charge_back = f.charge_amount AND f.amount_refunded <> f.amount",
    },
    Check {
        category: "fee_share",
        wrong: "of the platform's fee another share went back than of the payment, rounded to the cent",
        // What was captured in part has a rule of its own.
        sql: "SELECT f.id AS who FROM oracle_fees f WHERE f.charge_amount > 0 AND f.amount_refunded <>
                (2 * f.amount * f.charge_back + f.charge_amount) / (2 * f.charge_amount) AND NOT EXISTS
                (SELECT 1 FROM payments p WHERE p.payment_intent = f.intent AND p.capture_method = 'manual')",
    },
    Check {
        category: "capture_fee",
        wrong: "of a capture the platform has another share than of the whole, less what went back with refunds",
        // Here the fee is a share of what is paid, without a fixed part. Each division rounds half up.
        sql: "SELECT y.id AS who FROM (SELECT x.*, (2 * x.whole * x.charge_amount + x.held) / (2 * x.held) AS due FROM
                (SELECT f.id, f.amount - f.amount_refunded AS kept, f.charge_amount, f.charge_back, i.amount AS held,
                   (i.amount * p.fee_bps + 5000) / 10000 AS whole
                 FROM oracle_fees f JOIN oracle_intents i ON i.id = f.intent
                 JOIN payments p ON p.payment_intent = i.id AND p.capture_method = 'manual') x) y
                WHERE y.kept <> y.due - (2 * y.due * y.charge_back + y.charge_amount) / (2 * y.charge_amount)",
    },
    Check {
        category: "paid_by_hold",
        wrong: "an order is paid whose money is only held",
        sql: "SELECT x.order_id AS who FROM payment_orders x JOIN payments p ON p.id = x.payment_id
                JOIN oracle_intents i ON i.id = p.payment_intent JOIN orders o ON o.id = x.order_id
                WHERE i.status = 'requires_capture' AND (p.status = 'paid'
                  OR p.status = 'authorized' AND o.status IN ('refund_due', 'refunded'))",
    },
    Check {
        category: "held_differs",
        wrong: "what Stripe holds, and how much of it, isn't what is held here",
        sql: "SELECT i.id AS who FROM oracle_intents i WHERE i.status = 'requires_capture' AND NOT EXISTS
                (SELECT 1 FROM payments p WHERE p.payment_intent = i.id AND p.charge_account = i.account
                   AND p.status = 'authorized' AND p.amount_capturable = i.capturable)
              UNION ALL
              SELECT p.id FROM payments p JOIN oracle_intents i ON i.id = p.payment_intent
                WHERE p.status = 'authorized' AND i.status <> 'requires_capture'",
    },
    Check {
        category: "held_for_nothing",
        wrong: "money is held that no order wants, or an order waits for a capture of nothing",
        sql: "SELECT p.id AS who FROM payments p WHERE p.status = 'authorized' AND NOT EXISTS
                (SELECT 1 FROM payment_orders x JOIN orders o ON o.id = x.order_id
                   WHERE x.payment_id = p.id AND o.status = 'authorized')
              UNION ALL
              SELECT o.id FROM orders o WHERE o.status = 'authorized' AND NOT EXISTS
                (SELECT 1 FROM payment_orders x JOIN payments p ON p.id = x.payment_id
                   WHERE x.order_id = o.id AND p.status = 'authorized')",
    },
    Check {
        category: "canceled_differs",
        wrong: "an intent is canceled at Stripe and not here, or the reverse",
        sql: "SELECT p.id || ' ' || p.status || ' ' || i.status AS who FROM payments p JOIN oracle_intents i
                ON i.id = COALESCE(p.payment_intent, p.stripe_object) AND i.account = p.charge_account
                WHERE (p.status = 'canceled' AND i.status <> 'canceled') OR (p.status <> 'canceled' AND i.status = 'canceled')",
    },
    Check {
        category: "captured_over",
        wrong: "money was captured twice, or more of it than was held",
        sql: "SELECT i.id AS who FROM oracle_intents i WHERE i.captures > 1 OR i.received > i.amount
              UNION ALL
              SELECT p.id FROM payments p JOIN oracle_intents i ON i.id = p.payment_intent WHERE p.amount_paid > i.amount",
    },
    Check {
        category: "captured_unasked",
        wrong: "of a hold something was captured that nobody had asked for",
        sql: "SELECT i.id AS who FROM oracle_intents i JOIN payments p ON p.payment_intent = i.id
                WHERE p.capture_method = 'manual' AND i.status = 'succeeded' AND NOT EXISTS
                (SELECT 1 FROM asked_of_holds a WHERE a.intent = i.id AND a.amount = i.received)",
    },
    Check {
        category: "capture_undone",
        wrong: "a capture that was asked for was neither made nor refused",
        sql: "SELECT id AS who FROM payments WHERE status = 'authorized' AND capture_amount IS NOT NULL",
    },
    Check {
        category: "released_unasked",
        wrong: "a hold was released that an order had and that nobody had asked to release",
        sql: "SELECT i.id AS who FROM oracle_intents i JOIN payments p ON p.payment_intent = i.id
                JOIN payment_orders x ON x.payment_id = p.id
                WHERE p.capture_method = 'manual' AND i.status = 'canceled' AND EXISTS
                (SELECT 1 FROM order_events e WHERE e.order_id = x.order_id AND e.kind = 'authorized') AND NOT EXISTS
                (SELECT 1 FROM asked_of_holds a WHERE a.intent = i.id AND a.amount IS NULL)",
    },
    Check {
        category: "hold_stock",
        wrong: "of money that is or was held the goods were not taken, not given back on release, or more often than once",
        sql: "SELECT l.id || ' ' || o.status AS who FROM order_lines l JOIN orders o ON o.id = l.order_id
                WHERE EXISTS (SELECT 1 FROM order_events e WHERE e.order_id = o.id AND e.kind = 'authorized') AND
                (SELECT COALESCE(SUM(m.delta), 0) FROM stock_movements m WHERE m.order_line_id = l.id AND m.reason = 'sale'
                   OR m.returned_line_id = l.id AND m.refund_id IS NULL) <>
                CASE WHEN o.status IN ('authorized', 'paid', 'refunded') THEN -l.quantity ELSE 0 END",
    },
    Check {
        category: "dispute_differs",
        wrong: "a dispute is not as Stripe shows it",
        sql: "SELECT o.id || ' ' || o.status || ' ' || COALESCE(d.status, 'unknown') AS who FROM oracle_disputes o
                LEFT JOIN disputes d ON d.id = o.id AND d.stripe_account = o.account
                WHERE d.id IS NULL OR d.status <> o.status OR d.amount <> o.amount OR d.submission_count <> o.submissions
                  OR d.evidence_due_by <> o.due_by * 1000
                  OR CASE WHEN d.is_charge_refundable THEN 1 ELSE 0 END <> o.refundable
                  OR CASE WHEN d.funds_withdrawn THEN 1 ELSE 0 END <> o.withdrawn
                  OR CASE WHEN d.has_evidence THEN 1 ELSE 0 END <> o.has_evidence
                  OR NOT EXISTS (SELECT 1 FROM payments p WHERE p.id = d.payment_id AND p.payment_intent = o.intent)",
    },
    Check {
        category: "evidence_twice",
        wrong: "Stripe has evidence more often than sellers submitted it in a phase, or less",
        sql: "SELECT o.id AS who FROM oracle_disputes o WHERE o.submissions <>
                (SELECT COUNT(*) FROM dispute_submissions s WHERE s.dispute_id = o.id AND s.status = 'submitted')",
    },
    Check {
        category: "dispute_told",
        wrong: "an order's timeline says more than once, or never, that its payment is disputed",
        sql: "SELECT x.order_id AS who FROM payment_orders x
                WHERE (SELECT COUNT(*) FROM disputes d WHERE d.payment_id = x.payment_id) <>
                (SELECT COUNT(*) FROM order_events e WHERE e.order_id = x.order_id AND e.kind = 'dispute_created')",
    },
    Check {
        category: "finding_needless",
        wrong: "a finding about money is open, though all books agree",
        sql: "SELECT kind || ' ' || subject AS who FROM findings WHERE state = 'open' AND kind IN
                ('cross_book_fee', 'fee_mismatch', 'fee_refund_missing', 'balance_drift', 'returned_twice',
                  'amount_mismatch', 'suspense_nonzero', 'immutable_changed', 'refund_failed', 'refund_disputed',
                  'capture_failed')
              UNION ALL
              SELECT kind || ' ' || subject FROM findings WHERE state = 'open' AND NOT EXISTS
                (SELECT 1 FROM oracle_disputes o WHERE o.id = subject AND o.status LIKE '%needs_response')
                AND kind IN ('dispute_needs_response', 'dispute_not_accepted')",
    },
    Check {
        category: "mail",
        wrong: "buyer and seller of a paid order are told so not once each",
        sql: "SELECT o.id AS who FROM orders o
                WHERE o.refund_reason IS NULL AND o.status IN ('paid', 'refunded') AND '1 1' <>
                  (SELECT COUNT(CASE WHEN j.effect_key LIKE '%:seller' THEN NULL ELSE 1 END) || ' '
                       || COUNT(CASE WHEN j.effect_key LIKE '%:seller' THEN 1 END)
                     FROM jobs j WHERE j.kind = 'mail' AND j.subject = o.id
                       AND j.effect_key LIKE 'mail:order_paid:%' AND j.state = 'done')",
    },
    Check {
        category: "hold_mail",
        wrong: "buyer and seller of an order whose money was held are told so not once each",
        sql: "SELECT e.order_id AS who FROM order_events e WHERE e.kind = 'authorized' AND '1 1' <>
                (SELECT COUNT(CASE WHEN j.effect_key LIKE '%:seller' THEN NULL ELSE 1 END) || ' '
                     || COUNT(CASE WHEN j.effect_key LIKE '%:seller' THEN 1 END)
                   FROM jobs j WHERE j.kind = 'mail' AND j.subject = e.order_id
                     AND j.effect_key LIKE 'mail:order_authorized:%' AND j.state = 'done')",
    },
    Check {
        category: "job_stuck",
        wrong: "work is left that nobody does",
        // An invoice is looked at again hours later.
        sql: "SELECT kind || ' ' || subject || ': ' || COALESCE(last_error, state) AS who FROM jobs
                WHERE state <> 'done' AND subject <> 'all'
                  AND NOT (kind = 'sync_invoice' AND state = 'ready' AND attempts = 0)",
    },
    Check {
        category: "journal",
        wrong: "a journal does not sum to zero",
        sql: "SELECT journal_id AS who FROM entries GROUP BY journal_id, currency HAVING SUM(amount) <> 0",
    },
    Check {
        category: "suspense",
        wrong: "money stands in suspense, which no rule could place",
        sql: "SELECT book_id AS who FROM entries WHERE account = 'suspense' GROUP BY book_id, currency
                HAVING SUM(amount) <> 0",
    },
    Check {
        category: "transaction_lost",
        wrong: "a balance transaction of an account that we deal with is not in its book, or not with its net",
        sql: "SELECT t.id || ' ' || t.kind || ' of ' || COALESCE(t.source, 'nothing') AS who FROM oracle_transactions t JOIN books k ON k.stripe_account = t.account
                WHERE NOT EXISTS (SELECT 1 FROM balance_transactions b
                  WHERE b.book_id = k.id AND b.id = t.id AND b.net = t.net)",
    },
    Check {
        category: "book_differs",
        wrong: "the book's balance is not Stripe's",
        sql: "SELECT o.account || ' ' || o.currency AS who FROM oracle_balances o
                JOIN books b ON b.stripe_account = o.account WHERE o.total <>
                (SELECT COALESCE(SUM(e.amount), 0) FROM entries e WHERE e.book_id = b.id
                   AND e.currency = o.currency AND e.account LIKE 'stripe_balance:%')",
    },
    Check {
        category: "shares",
        wrong: "the orders' shares of a payment, or of a refund, don't add up to it",
        sql: "SELECT p.id AS who FROM payments p JOIN payment_orders x ON x.payment_id = p.id
                GROUP BY p.id HAVING SUM(x.amount_subtotal) <> p.amount_subtotal
                  OR COALESCE(SUM(x.amount_paid), -1) <> COALESCE(p.amount_paid, -1)
                  OR SUM(x.amount_refunded) <> p.amount_refunded
              UNION ALL
              SELECT r.id FROM refunds r LEFT JOIN refund_orders x ON x.refund_id = r.id
                GROUP BY r.id HAVING COALESCE(SUM(x.amount), 0) <> r.amount",
    },
    Check {
        category: "platform_unbooked",
        wrong: "the platform's own account has money and no book",
        sql: "SELECT o.account AS who FROM oracle_balances o JOIN oracle_platform p ON p.account = o.account
                WHERE NOT EXISTS (SELECT 1 FROM books b WHERE b.stripe_account = o.account AND b.seller_id IS NULL)",
    },
    Check {
        category: "income_differs",
        wrong: "the platform's book has another income than Stripe's fees come to",
        sql: "SELECT f.currency AS who FROM
                (SELECT currency, SUM(amount - amount_refunded) AS net FROM oracle_fees GROUP BY currency) f
                WHERE f.net <> (SELECT COALESCE(-SUM(e.amount), 0) FROM entries e JOIN books b ON b.id = e.book_id
                  WHERE b.seller_id IS NULL AND e.currency = f.currency AND e.account LIKE 'income:%')",
    },
    Check {
        category: "wrong_account",
        wrong: "a payment on one account pays an order of another's",
        sql: "SELECT p.id AS who FROM payments p JOIN payment_orders x ON x.payment_id = p.id
                JOIN orders o ON o.id = x.order_id JOIN sellers s ON s.id = o.seller_id
                WHERE s.stripe_account <> p.charge_account",
    },
    Check {
        category: "subscription_differs",
        wrong: "a subscription is not as Stripe shows it",
        sql: "SELECT o.id || ' ' || o.status || ' ' || COALESCE(s.status, 'unknown') AS who FROM oracle_subscriptions o
                LEFT JOIN subscriptions s ON s.stripe_subscription = o.id AND s.stripe_account = o.account
                WHERE s.id IS NULL OR s.status <> o.status OR COALESCE(s.current_period_end, 0) <> o.period_end * 1000
                  OR COALESCE(s.ended_at, 0) <> COALESCE(o.ended_at, 0) * 1000
                  OR CASE WHEN s.cancel_at_period_end THEN 1 ELSE 0 END <> o.ends",
    },
    Check {
        category: "period_orders",
        wrong: "a subscription has not one order for each invoice that was paid",
        sql: "SELECT o.id AS who FROM oracle_subscriptions o WHERE
                (SELECT COUNT(*) FROM oracle_invoices i WHERE i.subscription = o.id AND i.status = 'paid' AND i.amount_paid > 0) <>
                (SELECT COUNT(DISTINCT x.order_id) FROM payments p JOIN payment_orders x ON x.payment_id = p.id
                   WHERE p.subscription = o.id AND p.charge_account = o.account AND p.status = 'paid' AND p.amount_paid > 0)",
    },
    Check {
        category: "charged_after_end",
        wrong: "a period was charged that begins after the subscription was to end, or was charged twice",
        sql: "SELECT i.id AS who FROM oracle_invoices i JOIN asked_ends a ON a.subscription = i.subscription
                WHERE i.amount_paid > 0 AND i.period_start >= a.ends_at
              UNION ALL
              SELECT subscription || ' ' || period_start FROM oracle_invoices WHERE amount_paid > 0 AND reason = 'subscription_cycle'
                GROUP BY subscription, period_start HAVING COUNT(*) > 1",
    },
    Check {
        category: "access_differs",
        wrong: "somebody is entitled who must not be, or is not who must be",
        // The seller's grace is seven days from the beginning of the unpaid period.
        sql: "SELECT a.subscription || ' ' || o.status AS who FROM asked_access a JOIN oracle_subscriptions o ON o.id = a.subscription
                WHERE a.entitled <> CASE WHEN o.status IN ('trialing', 'active')
                  OR o.status = 'past_due' AND o.period_start + 7 * 86400 > a.at THEN 1 ELSE 0 END",
    },
];
