//! What sellers offer: products, their stock and recurring prices, and promotion codes.

pub mod prices;
pub mod promotions;
mod returns;
pub mod routes;
mod stock;

use std::collections::{BTreeSet, HashMap};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel,
    JoinType, QueryFilter, QuerySelect,
};
use serde_json::json;
use souk_entity::product::{self, ProductStatus};
use souk_entity::stock_movement::StockReason;
use souk_entity::{JsonText, Metadata, ProductId, SellerId, seller};

pub use returns::{LineMovements, give_back};
pub use stock::{Adjustment, SoldLine, Stock, adjust_stock};

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Path, check_metadata, merge_metadata};
use crate::identity::Caller;
use crate::{audit, money, sellers};

/// The largest initial stock of a product.
const MAX_STOCK: i64 = i32::MAX as i64;

/// The product of the path's `{id}`, for its seller's owner and for admins; 404 for anyone else.
pub struct ProductAccess {
    /// The row.
    pub product: product::Model,
    /// The seller's owner, or an admin.
    pub caller: Caller,
}

impl FromRequestParts<App> for ProductAccess {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let Path(id) = Path::<ProductId>::from_request_parts(parts, app).await?;
        let product = find(&app.db.read, &id).await?;
        let product = product.ok_or(Error::NotFound("product"))?;
        let seller = &product.seller_id;
        match sellers::owned(&app.db.read, &caller, seller, "id").await {
            Ok(_) => Ok(Self { product, caller }),
            Err(Error::NoSuch { .. }) => Err(Error::NotFound("product")),
            Err(e) => Err(e),
        }
    }
}

/// A product by id.
pub async fn find<C: ConnectionTrait>(db: &C, id: &ProductId) -> Result<Option<product::Model>> {
    Ok(product::Entity::find_by_id(id.clone()).one(db).await?)
}

/// The product that a request's field `product_id` names.
///
/// # Errors
/// 404 if it isn't of one of the caller's sellers, and the caller is no admin.
async fn owned(app: &App, caller: &Caller, id: &ProductId) -> Result<product::Model> {
    let none = || Error::no_such("product", "product_id");
    let product = find(&app.db.read, id).await?.ok_or_else(none)?;
    match sellers::owned(&app.db.read, caller, &product.seller_id, "product_id").await {
        Ok(_) => Ok(product),
        Err(Error::NoSuch { .. }) => Err(none()),
        Err(e) => Err(e),
    }
}

/// The products with these ids and their sellers, in no order. An id without a product is left out.
pub async fn products<C: ConnectionTrait>(
    db: &C,
    ids: &[ProductId],
) -> Result<Vec<(product::Model, seller::Model)>> {
    let of = product::Entity::belongs_to(seller::Entity)
        .from(product::Column::SellerId)
        .to(seller::Column::Id);
    let found = product::Entity::find()
        .filter(product::Column::Id.is_in(ids.iter().cloned()))
        .join(JoinType::InnerJoin, of.into())
        .select_also(seller::Entity)
        .all(db)
        .await?;
    let both = found
        .into_iter()
        .map(|(product, seller)| Some((product, seller?)));
    Ok(both.flatten().collect())
}

/// The details of a new product.
#[derive(Clone, Debug)]
pub struct NewProduct {
    /// One of the caller's.
    pub seller_id: SellerId,
    /// 1 to 250 characters.
    pub name: String,
    /// At most 2000 characters.
    pub description: Option<String>,
    /// Minor units, a multiple of the currency's step. None: it is sold by its prices only.
    pub unit_amount: Option<i64>,
    /// ISO 4217, lower case. Its prices are in it, too.
    pub currency: String,
    /// None: unlimited.
    pub stock: Option<i64>,
    /// The caller's own.
    pub metadata: Metadata,
}

/// Creates a product of one of the caller's sellers. Resumable by `id`.
///
/// # Errors
/// Names the field that is wrong; 404 if the seller isn't the caller's.
pub async fn create_product(
    app: &App,
    caller: &Caller,
    id: ProductId,
    new: NewProduct,
) -> Result<product::Model> {
    if let Some(made) = find(&app.db.read, &id).await? {
        return Ok(made);
    }
    sellers::owned(&app.db.read, caller, &new.seller_id, "seller_id").await?;
    check_currency(&new.currency)?;
    if let Some(amount) = new.unit_amount {
        check_amount(amount, &new.currency)?;
    }
    check_metadata(&new.metadata)?;
    if new
        .stock
        .is_some_and(|stock| !(0..=MAX_STOCK).contains(&stock))
    {
        return Err(Error::invalid(
            "stock",
            format!("stock is 0 to {MAX_STOCK}, or null for something that never runs out."),
        ));
    }
    let tx = app.db.begin_write().await?;
    let row = product::Model {
        id,
        seller_id: new.seller_id,
        name: display_name(&new.name)?,
        description: description(new.description)?,
        unit_amount: new.unit_amount,
        currency: new.currency,
        available: new.stock,
        status: ProductStatus::Active,
        metadata: JsonText(new.metadata),
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    product::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(&tx)
        .await?;
    let actor = caller.principal();
    if let Some(units) = row.available.filter(|units| *units > 0) {
        stock::record_initial(&tx, &row.id, units, StockReason::Initial, &actor).await?;
    }
    let data = json!({ "unit_amount": row.unit_amount, "currency": row.currency });
    audit::record(&tx, &actor, "product.created", row.id.as_ref(), data).await?;
    tx.commit().await?;
    Ok(row)
}

/// A change of a product. `None` leaves a field as it is. The currency never changes; stock changes by adjustments.
#[derive(Debug, Default)]
pub struct ProductChange {
    /// 1 to 250 characters.
    pub name: Option<String>,
    /// At most 2000 characters; null removes it.
    pub description: Option<Option<String>>,
    /// Minor units of the product's currency; null: it is sold by its prices only.
    pub unit_amount: Option<Option<i64>>,
    /// For sale, or not.
    pub status: Option<ProductStatus>,
    /// Merged name by name; an empty value removes its name.
    pub metadata: Option<Metadata>,
}

/// Changes a product. Orders keep the price they were placed with.
///
/// # Errors
/// Names the field that is wrong; 404 without such a product.
pub async fn update_product(
    app: &App,
    caller: &Caller,
    id: &ProductId,
    change: ProductChange,
) -> Result<product::Model> {
    let tx = app.db.begin_write().await?;
    let row = product::Entity::find_by_id(id.clone())
        .lock_exclusive()
        .one(&tx)
        .await?;
    let mut row = row.ok_or(Error::NotFound("product"))?;
    let before = row.clone();
    if let Some(name) = change.name {
        row.name = display_name(&name)?;
    }
    if let Some(text) = change.description {
        row.description = description(text)?;
    }
    if let Some(amount) = change.unit_amount {
        if let Some(amount) = amount {
            check_amount(amount, &row.currency)?;
        }
        row.unit_amount = amount;
    }
    if let Some(status) = change.status {
        row.status = status;
    }
    if let Some(metadata) = change.metadata {
        row.metadata = JsonText(merge_metadata(row.metadata.0, metadata)?);
    }
    if row == before {
        return Ok(row);
    }
    row.updated_at = tx.now();
    product::Entity::update(product::ActiveModel {
        id: Set(row.id.clone()),
        name: Set(row.name.clone()),
        description: Set(row.description.clone()),
        unit_amount: Set(row.unit_amount),
        status: Set(row.status),
        metadata: Set(row.metadata.clone()),
        updated_at: Set(row.updated_at),
        ..Default::default()
    })
    .exec(&tx)
    .await?;
    let is_status_other = row.status != before.status;
    if is_status_other || row.name != before.name {
        prices::at_stripe::note_product_changed(&tx, id, is_status_other).await?;
    }
    let data = json!({ "unit_amount": row.unit_amount, "status": row.status });
    let actor = caller.principal();
    audit::record(&tx, &actor, "product.updated", id.as_ref(), data).await?;
    tx.commit().await?;
    Ok(row)
}

/// A product as it is offered.
pub struct Offer {
    /// The row.
    pub product: product::Model,
    /// Its seller's name.
    pub seller_name: String,
    /// Whether it can be bought once now: it has an amount, is active and not sold out, and its seller can take payments.
    pub purchasable: bool,
}

/// Products as they are offered, in the same order.
///
/// # Errors
/// The database failed.
pub async fn offers(app: &App, products: Vec<product::Model>) -> Result<Vec<Offer>> {
    let ids: BTreeSet<_> = products.iter().map(|row| row.seller_id.clone()).collect();
    let found = seller::Entity::find()
        .filter(seller::Column::Id.is_in(ids))
        .all(&app.db.read)
        .await?;
    let sellers: HashMap<_, _> = found.iter().map(|row| (&row.id, row)).collect();
    let offer = |product: product::Model| {
        let seller = sellers.get(&product.seller_id);
        let seller = seller.ok_or_else(|| Error::internal("a product without a seller"))?;
        let active = product.status == ProductStatus::Active && product.available != Some(0);
        let is_sold_once = product.unit_amount.is_some();
        Ok(Offer {
            seller_name: seller.name.clone(),
            purchasable: is_sold_once && active && sellers::can_charge(app, seller),
            product,
        })
    };
    products.into_iter().map(offer).collect()
}

/// The products that somebody may list. Anybody may list active ones whose sellers can take payments. All others are for
/// their seller's owner and for admins. `None`: no product at all.
pub async fn visible(
    app: &App,
    caller: Option<&Caller>,
    seller: Option<SellerId>,
    status: ProductStatus,
) -> Result<Option<sea_orm::Select<product::Entity>>> {
    use product::Column as C;
    let mut query = product::Entity::find().filter(C::Status.eq(status));
    if let Some(seller) = seller {
        query = query.filter(C::SellerId.eq(seller));
    }
    match (caller, status) {
        (Some(caller), _) if caller.is_admin() => {}
        (None, ProductStatus::Archived) => return Ok(None),
        (Some(caller), ProductStatus::Archived) => {
            let own = sellers::owned_ids(&app.db.read, caller).await?;
            query = query.filter(C::SellerId.is_in(own));
        }
        (caller, ProductStatus::Active) => {
            let of = product::Entity::belongs_to(seller::Entity)
                .from(C::SellerId)
                .to(seller::Column::Id);
            let owner = caller.map(|caller| seller::Column::OwnerId.eq(caller.id().clone()));
            let seen = Condition::any()
                .add(sellers::who_can_charge(app))
                .add_option(owner);
            query = query.join(JoinType::InnerJoin, of.into()).filter(seen);
        }
    }
    Ok(Some(query))
}

fn display_name(text: &str) -> Result<String> {
    let name = text.trim();
    if !(1..=250).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "name",
            "name must have 1 to 250 characters, none of them a control character.",
        ));
    }
    Ok(name.to_owned())
}

fn description(text: Option<String>) -> Result<Option<String>> {
    let wrong = |text: &String| text.chars().count() > 2000 || text.contains('\0');
    if text.as_ref().is_some_and(wrong) {
        return Err(Error::invalid(
            "description",
            "description has at most 2000 characters.",
        ));
    }
    Ok(text)
}

fn check_currency(currency: &str) -> Result<()> {
    if money::is_currency(currency) {
        return Ok(());
    }
    Err(Error::invalid(
        "currency",
        "currency must be one that Stripe charges in, in lower case, such as eur.",
    ))
}

/// A unit price may be below the smallest charge: an order may have several of it.
fn check_amount(amount: i64, currency: &str) -> Result<()> {
    match money::fault(amount, currency) {
        None => Ok(()),
        Some(fault) => Err(Error::invalid(
            "unit_amount",
            format!("unit_amount {fault}."),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_an_amount_that_stripe_charges_with_others_or_alone() {
        assert!(check_amount(1, "usd").is_ok());
        assert!(check_amount(150_000_000, "idr").is_ok());
        assert!(check_amount(money::MAX_AMOUNT, "usd").is_ok());
        for amount in [money::MAX_AMOUNT + 1, 0, -1, i64::MIN, i64::MAX] {
            let fault = check_amount(amount, "usd").expect_err("out of range");
            assert_eq!(fault.param(), Some("unit_amount"));
        }
        assert!(check_amount(4_900, "isk").is_ok());
        let fault = check_amount(4_950, "isk").expect_err("a fraction");
        assert_eq!(
            fault.to_string(),
            "unit_amount must be a multiple of 100 (1.00 ISK), as Stripe wants."
        );
    }

    #[test]
    fn a_currency_is_known_and_in_lower_case() {
        assert!(check_currency("eur").is_ok());
        for currency in ["EUR", "xxx", "", "euro"] {
            assert!(check_currency(currency).is_err(), "{currency:?}");
        }
    }

    #[test]
    fn texts_are_trimmed_bounded_and_storable_on_both_databases() {
        assert_eq!(display_name(" Lamp ").ok().as_deref(), Some("Lamp"));
        for name in ["", "  ", "a\0b", &"x".repeat(251)] {
            assert!(display_name(name).is_err(), "{name:?}");
        }
        assert!(description(Some("two\nlines".to_owned())).is_ok());
        assert!(description(Some("a\0b".to_owned())).is_err());
        assert!(description(Some("x".repeat(2001))).is_err());
    }
}
