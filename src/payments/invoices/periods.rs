//! The order and the payment of each later period of a subscription, which come with its paid invoice.

use std::collections::{HashMap, HashSet};

use sea_orm::{ActiveEnum, EntityTrait};
use serde_json::json;
use souk_entity::order::OrderStatus;
use souk_entity::payment::{CaptureMethod, ChargeType, PaymentKind, PaymentStatus};
use souk_entity::{
    AccountId, OrderEventId, OrderId, OrderLineId, PaymentId, ProductId, SellerId, Timestamp,
    UserId, payment,
};

use crate::db::set_wise::{SetWise, read_in_order};
use crate::db::{self, Tx};
use crate::error::Result;
use crate::ids;
use crate::jobs::{self, Job};
use crate::money::FeeRule;
use crate::stripe::views::{Expandable, IdView, InvoiceLineView, InvoiceView};

use super::super::checkout::METADATA_PAYMENT;
use super::super::snapshot::{SnapshotStatus, StripeObject};
use super::Paid;

/// The most characters of the name of a line.
const NAME_LIMIT: usize = 250;
/// `billing_reason` of the invoice of a new period.
const RENEWAL: &str = "subscription_cycle";

/// A subscription of ours, and what its orders have of its first one.
struct SubscribedRow {
    /// Which of the given invoices is of it.
    at: i64,
    /// None: Stripe hasn't been asked about it yet.
    seller_id: Option<SellerId>,
    buyer_id: Option<UserId>,
    email: Option<String>,
    secret_hash: Option<String>,
    refund_policy: Option<String>,
    refund_policy_url: Option<String>,
    customer: Option<String>,
    fee_bps: Option<i32>,
    fee_fixed: Option<i64>,
    /// The first product of its first order.
    product_id: Option<ProductId>,
}

read_in_order!(SubscribedRow {
    at,
    seller_id,
    buyer_id,
    email,
    secret_hash,
    refund_policy,
    refund_policy_url,
    customer,
    fee_bps,
    fee_fixed,
    product_id,
});

const SUBSCRIBED: SetWise = SetWise {
    text: "SELECT input.at, s.seller_id, o.buyer_id, o.email, o.secret_hash, o.refund_policy, o.refund_policy_url, p.customer, p.fee_bps, \
               p.fee_fixed, l.product_id \
           FROM {input} JOIN subscriptions s ON s.stripe_subscription = input.subscription AND s.stripe_account = input.account \
               AND s.livemode = input.livemode \
           JOIN orders o ON o.id = s.order_id \
           JOIN order_lines l ON l.order_id = o.id AND l.position = 0 \
           JOIN payment_orders x ON x.order_id = o.id \
           JOIN payments p ON p.id = x.payment_id AND p.subscription = s.stripe_subscription",
    columns: &[
        ("at", "bigint"),
        ("subscription", "text"),
        ("account", "text"),
        ("livemode", "boolean"),
    ],
};

/// What an invoice bills, by a price of ours.
struct BilledRow {
    stripe_price: String,
    account: AccountId,
    livemode: bool,
    product_id: ProductId,
    takes_stock_each_period: bool,
}

read_in_order!(BilledRow {
    stripe_price,
    account,
    livemode,
    product_id,
    takes_stock_each_period,
});

const BILLED: SetWise = SetWise {
    text: "SELECT m.stripe_price, m.stripe_account, m.livemode, p.product_id, p.takes_stock_each_period \
           FROM {input} JOIN stripe_prices m ON m.stripe_price = input.price AND m.stripe_account = input.account \
               AND m.livemode = input.livemode \
           JOIN prices p ON p.id = m.price_id",
    columns: &[
        ("price", "text"),
        ("account", "text"),
        ("livemode", "boolean"),
    ],
};

/// A payment whose invoice is written here for the first time.
struct InsertedRow {
    id: PaymentId,
}

read_in_order!(InsertedRow { id });

const PAYMENTS: SetWise = SetWise {
    text: "INSERT INTO payments (id, charge_account, livemode, kind, stripe_object, status, currency, amount_subtotal, amount_refunded, \
               application_fee, fee_bps, fee_fixed, allow_discounts, attempt, key_number, key_until, request, charge_type, customer, \
               subscription, stripe_invoice, capture_method, created_at, updated_at) \
           SELECT input.id, input.account, input.livemode, $3, input.invoice, $4, input.currency, input.subtotal, 0, input.fee, \
               input.fee_bps, CASE WHEN input.fee_bps IS NULL THEN NULL ELSE COALESCE(input.fee_fixed, 0) END, true, input.attempt, 1, 0, '', $5, input.customer, \
               input.subscription, input.invoice, $6, $2, $2 \
           FROM {input} WHERE true ON CONFLICT (stripe_object, charge_account, livemode) DO NOTHING RETURNING id",
    columns: &[
        ("id", "text"),
        ("account", "text"),
        ("livemode", "boolean"),
        ("invoice", "text"),
        ("currency", "text"),
        ("subtotal", "bigint"),
        ("fee", "bigint"),
        ("fee_bps", "integer"),
        ("fee_fixed", "bigint"),
        ("attempt", "text"),
        ("customer", "text"),
        ("subscription", "text"),
    ],
};

const ORDERS: SetWise = SetWise {
    text: "INSERT INTO orders (id, seller_id, buyer_id, email, status, livemode, currency, amount_subtotal, secret_hash, refund_policy, \
               refund_policy_url, metadata, created_at, updated_at) \
           SELECT input.id, input.seller, input.buyer, input.email, $3, input.livemode, input.currency, input.subtotal, input.secret, \
               input.policy, input.policy_url, '{}', $2, $2 FROM {input}",
    columns: &[
        ("id", "text"),
        ("seller", "text"),
        ("buyer", "text"),
        ("email", "text"),
        ("livemode", "boolean"),
        ("currency", "text"),
        ("subtotal", "bigint"),
        ("secret", "text"),
        ("policy", "text"),
        ("policy_url", "text"),
    ],
};

const LINES: SetWise = SetWise {
    text: "INSERT INTO order_lines (id, order_id, position, product_id, name, unit_amount, quantity, amount, ships_period) \
           SELECT input.id, input.of, input.position, input.product, COALESCE(input.name, p.name), input.unit_amount, input.quantity, \
               input.amount, input.ships \
           FROM {input} JOIN products p ON p.id = input.product",
    columns: &[
        ("id", "text"),
        ("of", "text"),
        ("position", "integer"),
        ("product", "text"),
        ("name", "text"),
        ("unit_amount", "bigint"),
        ("quantity", "bigint"),
        ("amount", "bigint"),
        ("ships", "boolean"),
    ],
};

const SHARES: SetWise = SetWise {
    text: "INSERT INTO payment_orders (payment_id, order_id, amount_subtotal, amount_refunded, application_fee) \
           SELECT input.payment, input.of, input.subtotal, 0, input.fee FROM {input}",
    columns: &[
        ("payment", "text"),
        ("of", "text"),
        ("subtotal", "bigint"),
        ("fee", "bigint"),
    ],
};

const TIMELINE: SetWise = SetWise {
    text: "INSERT INTO order_events (id, order_id, at, kind, data) \
           SELECT input.id, input.of, $2, 'created', input.data FROM {input}",
    columns: &[("id", "text"), ("of", "text"), ("data", "text")],
};

/// A line of a period's order.
struct Line {
    product: ProductId,
    /// None: the product's.
    name: Option<String>,
    unit_amount: i64,
    quantity: i64,
    amount: i64,
    /// Whether it takes from stock.
    ships: bool,
}

/// A price that an invoice bills: what it is of, and whether each period takes from stock.
type Billed = HashMap<(String, AccountId, bool), (ProductId, bool)>;

/// Writes the order and the payment of each invoice that is a later one of a subscription of ours, once. Answers the invoices that
/// wait for their subscription, which Stripe is asked about now.
pub(super) async fn insert(tx: &Tx, invoices: &[&Paid]) -> Result<HashMap<StripeObject, String>> {
    let later = invoices
        .iter()
        .filter(|one| one.snapshot.status == SnapshotStatus::Paid && !one.begins() && one.sells());
    let later: Vec<(i64, &Paid, &str)> = (0..)
        .zip(later)
        .filter_map(|(at, one)| Some((at, *one, one.snapshot.subscription.as_deref()?)))
        .collect();
    if later.is_empty() {
        return Ok(HashMap::new());
    }
    let asked = later.iter().map(|(at, one, subscription)| {
        let object = &one.snapshot.object;
        (*at, *subscription, &object.account, object.livemode)
    });
    let asked: Vec<_> = asked.collect();
    let rows: Vec<SubscribedRow> = SUBSCRIBED.all(tx, &asked, []).await?;
    let rows: HashMap<i64, SubscribedRow> = rows.into_iter().map(|row| (row.at, row)).collect();
    let products = products(tx, &later).await?;
    let mut new = Vec::new();
    let mut waiting = HashMap::new();
    let mut reads = Vec::new();
    for (at, one, subscription) in later {
        match rows.get(&at) {
            Some(row) => new.push((one, subscription, row)),
            // Stripe is asked whose it is, and waited for.
            None if may_be_ours(tx, one, subscription).await? => {
                let object = &one.snapshot.object;
                reads.push(Job::SyncSubscription {
                    account: object.account.clone(),
                    livemode: object.livemode,
                    subscription: subscription.to_owned(),
                });
                waiting.insert(object.clone(), subscription.to_owned());
            }
            None => {}
        }
    }
    write(tx, &new, &products).await?;
    jobs::stage_all(tx, &reads).await?;
    Ok(waiting)
}

/// Whether an invoice's subscription, which nobody has read yet, may have begun with a payment of ours. Its mark is only a hint:
/// somebody else may have made it, or have copied it from a payment that has begun another subscription, or ended without one.
async fn may_be_ours(tx: &Tx, one: &Paid, subscription: &str) -> Result<bool> {
    let Some(marked) = one.view.subscription_mark(METADATA_PAYMENT) else {
        return Ok(false);
    };
    let object = &one.snapshot.object;
    let payment = payment::Entity::find_by_id(PaymentId(marked))
        .one(tx)
        .await?;
    let payment = payment.filter(|payment| {
        payment.charge_account == object.account && payment.livemode == object.livemode
    });
    Ok(
        payment.is_some_and(|payment| match payment.subscription.as_deref() {
            Some(begun) => begun == subscription,
            None => matches!(
                payment.status,
                PaymentStatus::Pending | PaymentStatus::Processing
            ),
        }),
    )
}

/// The products that the invoices' prices are of, by price, account and mode.
async fn products(tx: &Tx, invoices: &[(i64, &Paid, &str)]) -> Result<Billed> {
    let mut prices = HashSet::new();
    for (_, one, _) in invoices {
        let object = &one.snapshot.object;
        let named = lines(&one.view).iter().filter_map(price_of);
        prices.extend(named.map(|price| (price, &object.account, object.livemode)));
    }
    let mut prices: Vec<_> = prices.into_iter().collect();
    prices.sort_unstable();
    let rows: Vec<BilledRow> = BILLED.all(tx, &prices, []).await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|row| {
            (
                (row.stripe_price, row.account, row.livemode),
                (row.product_id, row.takes_stock_each_period),
            )
        })
        .collect())
}

fn lines(invoice: &InvoiceView) -> &[InvoiceLineView] {
    invoice.lines.as_ref().map_or(&[], |lines| &lines.data)
}

fn price_of(line: &InvoiceLineView) -> Option<&str> {
    let price = line.pricing.as_ref()?.price_details.as_ref()?;
    price.price.as_ref().map(Expandable::<IdView>::id)
}

/// The lines of a period's order. Where something is credited, or the event doesn't name all lines, it has one line with the sum: an
/// order can't have a negative one. What is shipped then has lines of its own, whose price is in the sum.
fn order_lines(paid: &Paid, first: &ProductId, products: &Billed) -> Vec<Line> {
    let object = &paid.snapshot.object;
    let subtotal = paid.snapshot.totals.subtotal;
    let product = |line: &InvoiceLineView| {
        let price = price_of(line)?.to_owned();
        products
            .get(&(price, object.account.clone(), object.livemode))
            .cloned()
    };
    // What is charged for a part of a period, after a change, is no other box.
    let renews = paid.view.billing_reason.as_deref() == Some(RENEWAL);
    let ships = |line: &InvoiceLineView| {
        let each_period = product(line).is_some_and(|(_, each_period)| each_period);
        renews && each_period && line.amount >= 0 && line.is_whole_period()
    };
    let pieces = |line: &InvoiceLineView| line.quantity.filter(|pieces| *pieces > 0);
    let all: Vec<&InvoiceLineView> = lines(&paid.view)
        .iter()
        .filter(|line| line.amount != 0)
        .collect();
    let sum: i128 = all.iter().map(|line| i128::from(line.amount)).sum();
    let largest = all.iter().max_by_key(|line| line.amount);
    let is_plain = sum == i128::from(subtotal) && all.iter().all(|line| line.amount > 0);
    let named = |line: &InvoiceLineView| {
        let text = line.description.as_deref()?;
        Some(db::fit(text, NAME_LIMIT))
    };
    if !is_plain {
        let of = |line: &InvoiceLineView| product(line).map(|(product, _)| product);
        let sum = Line {
            product: largest
                .and_then(|line| of(line))
                .unwrap_or_else(|| first.clone()),
            name: largest.and_then(|line| named(line)),
            unit_amount: subtotal,
            quantity: 1,
            amount: subtotal,
            ships: false,
        };
        let shipped = all.iter().filter(|line| ships(line)).map(|line| Line {
            product: of(line).unwrap_or_else(|| first.clone()),
            name: None,
            unit_amount: 0,
            quantity: pieces(line).unwrap_or(1),
            amount: 0,
            ships: true,
        });
        return std::iter::once(sum).chain(shipped).collect();
    }
    let whole = |line: &&InvoiceLineView| {
        let pieces = pieces(line)
            .filter(|pieces| line.amount % pieces == 0)
            .unwrap_or(1);
        let known = product(line).map(|(product, _)| product);
        Line {
            name: known.is_none().then(|| named(line)).flatten(),
            product: known.unwrap_or_else(|| first.clone()),
            unit_amount: line.amount / pieces,
            quantity: pieces,
            amount: line.amount,
            ships: ships(line),
        }
    };
    all.iter().map(whole).collect()
}

/// Writes orders and payments, each before what refers to it.
async fn write(tx: &Tx, new: &[(&Paid, &str, &SubscribedRow)], products: &Billed) -> Result<()> {
    let now = tx.now();
    let mut payments = Vec::with_capacity(new.len());
    for (one, subscription, row) in new {
        let (object, totals) = (&one.snapshot.object, &one.snapshot.totals);
        let id: PaymentId = ids::new(now);
        let currency = &one.snapshot.currency;
        let rule = FeeRule::of_parts(row.fee_bps, row.fee_fixed, currency);
        let fee = rule.of(totals.due().max(0), currency)?;
        payments.push((
            id.clone(),
            object.account.clone(),
            object.livemode,
            object.id.clone(),
            currency.clone(),
            totals.subtotal,
            fee,
            row.fee_bps,
            row.fee_fixed,
            format!("{}:{id}", PaymentKind::Invoice.to_value()),
            row.customer.clone(),
            (*subscription).to_owned(),
        ));
    }
    let values = [
        now.into(),
        PaymentKind::Invoice.to_value().into(),
        PaymentStatus::Pending.to_value().into(),
        ChargeType::Direct.to_value().into(),
        CaptureMethod::Automatic.to_value().into(),
    ];
    let inserted: Vec<InsertedRow> = PAYMENTS.all(tx, &payments, values).await?;
    let inserted: HashSet<PaymentId> = inserted.into_iter().map(|row| row.id).collect();
    let (mut orders, mut order_rows) = (Vec::new(), Rows::default());
    for ((one, _, row), payment) in new.iter().zip(&payments) {
        let (id, fee) = (&payment.0, payment.6);
        let (Some(seller), Some(first)) = (&row.seller_id, &row.product_id) else {
            continue;
        };
        if !inserted.contains(id) {
            continue;
        }
        let order: OrderId = ids::new(now);
        let totals = &one.snapshot.totals;
        orders.push((
            order.clone(),
            seller.clone(),
            row.buyer_id.clone(),
            row.email.clone(),
            one.snapshot.object.livemode,
            one.snapshot.currency.clone(),
            totals.subtotal,
            row.secret_hash.clone(),
            row.refund_policy.clone(),
            row.refund_policy_url.clone(),
        ));
        order_rows.add(now, &order, order_lines(one, first, products));
        let share = (id.clone(), order.clone(), totals.subtotal, fee);
        order_rows.shares.push(share);
        let data = json!({ "invoice": one.snapshot.object.id });
        order_rows
            .timeline
            .push((ids::new(now), order, data.to_string()));
    }
    let values = [now.into(), OrderStatus::Pending.to_value().into()];
    ORDERS.execute(tx, &orders, values).await?;
    order_rows.write(tx).await
}

/// A line of an order: its id, order, position, product, name, price, pieces, amount, and whether it takes from stock.
type LineRow = (
    OrderLineId,
    OrderId,
    i32,
    ProductId,
    Option<String>,
    i64,
    i64,
    i64,
    bool,
);

/// What refers to the orders.
#[derive(Default)]
struct Rows {
    lines: Vec<LineRow>,
    shares: Vec<(PaymentId, OrderId, i64, i64)>,
    timeline: Vec<(OrderEventId, OrderId, String)>,
}

impl Rows {
    fn add(&mut self, now: Timestamp, order: &OrderId, lines: Vec<Line>) {
        for (line, position) in lines.into_iter().zip(0..) {
            self.lines.push((
                ids::new(now),
                order.clone(),
                position,
                line.product,
                line.name,
                line.unit_amount,
                line.quantity,
                line.amount,
                line.ships,
            ));
        }
    }

    async fn write(self, tx: &Tx) -> Result<()> {
        LINES.execute(tx, &self.lines, []).await?;
        SHARES.execute(tx, &self.shares, []).await?;
        TIMELINE
            .execute(tx, &self.timeline, [tx.now().into()])
            .await?;
        Ok(())
    }
}
