//! What is kept of a charge for the evidence of a dispute: Stripe shows it while the payment is read again anyway.

use sea_orm::sea_query::OnConflict;
use sea_orm::{EntityTrait, IntoActiveModel};
use souk_entity::{PaymentId, charge_detail, payment};

use crate::db::{self, Tx};
use crate::error::Result;
use crate::stripe::views::{ChargeView, Expandable};

/// The most characters of one of its texts.
const LIMIT: usize = 1_000;

/// Whether they are kept of a payment. An older version kept none.
///
/// # Errors
/// The database failed.
pub(super) async fn has_details(tx: &Tx, payment: &PaymentId) -> Result<bool> {
    let details = charge_detail::Entity::find_by_id(payment.clone());
    Ok(details.one(tx).await?.is_some())
}

/// Keeps what Stripe says of the charge of a paid payment, once.
///
/// # Errors
/// The database failed.
pub(super) async fn note_details(
    tx: &Tx,
    payment: &payment::Model,
    charge: &Expandable<ChargeView>,
) -> Result<()> {
    let Expandable::Object(charge) = charge else {
        return Ok(());
    };
    let text = |name: &str| charge.method_text(name).map(|text| db::fit(text, LIMIT));
    let billing = charge.billing_details.as_ref();
    let row = charge_detail::Model {
        payment_id: payment.id.clone(),
        charge_account: payment.charge_account.clone(),
        charge: charge.id.clone(),
        payment_method_type: charge.method_type().map(|text| db::fit(text, LIMIT)),
        brand: text("brand"),
        last4: text("last4"),
        fingerprint: text("fingerprint"),
        billing_name: billing
            .and_then(|one| one.name.as_deref())
            .map(|name| db::fit(name, LIMIT)),
        billing_address: billing
            .and_then(|one| one.address_line())
            .map(|line| db::fit(&line, LIMIT)),
        receipt_url: charge.receipt_url.as_deref().map(|url| db::fit(url, LIMIT)),
        created_at: tx.now(),
    };
    let once = OnConflict::column(charge_detail::Column::PaymentId)
        .do_nothing()
        .to_owned();
    let insert = charge_detail::Entity::insert(row.into_active_model())
        .on_conflict(once)
        .exec_without_returning(tx)
        .await;
    db::inserted(insert).map(drop)
}
