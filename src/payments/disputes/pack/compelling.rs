//! Visa's Compelling Evidence 3.0 (docs.stripe.com/disputes/api/visa-ce3): two earlier payments with the same card that nobody
//! disputed, by the same buyer from the same address.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use souk_entity::{PaymentId, dispute, early_fraud_warning, order, payment, user};

use crate::db;
use crate::error::Result;
use crate::orders;

use super::known::{Known, orders_of_payment};

/// The most characters of a description here: Stripe's names of these fields have 5,000 at most.
const DESCRIPTION: usize = 5_000;
const DAY_MS: i64 = 24 * 60 * 60_000;
/// How old an earlier payment must be, and may be, on the day of the disputed one.
const AGE_MS: std::ops::RangeInclusive<i64> = 120 * DAY_MS..=364 * DAY_MS;

/// An earlier payment that fits.
struct Prior {
    charge: String,
    order: order::Model,
    product_description: String,
}

/// `enhanced_evidence` of a dispute that Visa calls fraud (10.4), with exactly two earlier payments. None: there aren't two, or
/// Stripe says that it doesn't qualify.
///
/// # Errors
/// The database failed.
pub(super) async fn evidence<C: ConnectionTrait>(db: &C, known: &Known) -> Result<Option<Value>> {
    if !applies(known) {
        return Ok(None);
    }
    let Some(first) = known.orders.first() else {
        return Ok(None);
    };
    let priors = priors(db, known, &first.order).await?;
    let [one, two] = priors.as_slice() else {
        return Ok(None);
    };
    let buyer = known.buyer.as_ref();
    let services = known.sent(|one| one.delivery_url.is_none()).is_empty()
        && !known.sent(|one| one.delivery_url.is_some()).is_empty();
    let mut disputed = identity(&first.order, buyer);
    disputed["product_description"] = json!(db::fit(&known.product_description(), DESCRIPTION));
    disputed["merchandise_or_services"] = json!(if services { "services" } else { "merchandise" });
    let prior = |one: &Prior| {
        let mut prior = identity(&one.order, buyer);
        prior["charge"] = json!(one.charge);
        prior["product_description"] = json!(db::fit(&one.product_description, DESCRIPTION));
        prior
    };
    Ok(Some(json!({ "visa_compelling_evidence_3": {
        "disputed_transaction": disputed,
        "prior_undisputed_transactions": [prior(one), prior(two)],
    }})))
}

/// Whether Visa calls the dispute fraud, and Stripe lets it be answered so. What Stripe says goes before what we reckon: it knows
/// payments that we don't, and takes the evidence only where it says that it may.
fn applies(known: &Known) -> bool {
    let dispute = &known.dispute;
    let stripes = &dispute.enhanced_eligibility.0["visa_compelling_evidence_3"];
    let is_fraud = dispute.network_reason_code.as_deref() == Some("10.4");
    is_fraud && stripes.is_object() && stripes["status"] != "not_qualified"
}

/// Who bought an order, in Stripe's words.
fn identity(order: &order::Model, buyer: Option<&user::Model>) -> Value {
    let mut identity = json!({ "customer_purchase_ip": order.purchase_ip });
    if let Some(email) = &order.email {
        identity["customer_email_address"] = json!(email);
    }
    // What the buyer logs in with.
    if let Some(buyer) = buyer.filter(|buyer| order.buyer_id.as_ref() == Some(&buyer.id)) {
        identity["customer_account_id"] = json!(buyer.email);
    }
    identity
}

/// The two newest earlier payments that fit, or fewer.
async fn priors<C: ConnectionTrait>(
    db: &C,
    known: &Known,
    disputed: &order::Model,
) -> Result<Vec<Prior>> {
    let mut candidates = known.payments_by_the_same(db).await?;
    candidates.retain(|(_, one)| is_old_enough(known, one) && is_kept(one));
    candidates.sort_by_key(|(_, one)| std::cmp::Reverse(one.paid_at));
    let mut priors = Vec::new();
    for (charge, payment) in candidates {
        if priors.len() == 2 {
            break;
        }
        if is_disputed(db, &payment.id).await? {
            continue;
        }
        let orders = orders_of_payment(db, &payment).await?;
        let Some(order) = orders.first().filter(|one| is_same_buyer(disputed, one)) else {
            continue;
        };
        let mut goods = Vec::new();
        for order in &orders {
            let lines = orders::lines(db, &order.id).await?.into_iter();
            goods.extend(lines.map(|line| format!("{} × {}", line.quantity, line.name)));
        }
        priors.push(Prior {
            charge,
            order: order.clone(),
            product_description: goods.join("\n"),
        });
    }
    Ok(priors)
}

fn is_old_enough(known: &Known, earlier: &payment::Model) -> bool {
    let (Some(disputed), Some(earlier)) = (known.payment.paid_at, earlier.paid_at) else {
        return false;
    };
    AGE_MS.contains(&disputed.0.saturating_sub(earlier.0))
}

/// Whether money was paid and some of it was kept.
fn is_kept(payment: &payment::Model) -> bool {
    payment.amount_paid.unwrap_or(0) > payment.amount_refunded
}

/// Whether anybody has called the payment into question: by a dispute, an inquiry or a report of fraud.
async fn is_disputed<C: ConnectionTrait>(db: &C, payment: &PaymentId) -> Result<bool> {
    let dispute = dispute::Entity::find()
        .filter(dispute::Column::PaymentId.eq(payment.clone()))
        .one(db)
        .await?;
    let warning = early_fraud_warning::Entity::find()
        .filter(early_fraud_warning::Column::PaymentId.eq(payment.clone()))
        .one(db)
        .await?;
    Ok(dispute.is_some() || warning.is_some())
}

/// Visa wants two things that are the same, and one of them the address or the device. We know the address.
fn is_same_buyer(disputed: &order::Model, earlier: &order::Model) -> bool {
    let lower = |order: &order::Model| order.email.as_deref().map(str::to_lowercase);
    let same_ip = disputed.purchase_ip.is_some() && disputed.purchase_ip == earlier.purchase_ip;
    let same_user = disputed.buyer_id.is_some() && disputed.buyer_id == earlier.buyer_id;
    let same_email = disputed.email.is_some() && lower(disputed) == lower(earlier);
    same_ip && (same_user || same_email)
}
