//! Recurring prices of products. What a price costs and how often never changes, so that nobody who has agreed to one pays
//! another by surprise: a seller who wants another makes another.

pub mod at_stripe;
pub mod routes;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect,
};
use serde_json::json;
use souk_entity::price::{self, Interval};
use souk_entity::product::{self, ProductStatus};
use souk_entity::{PriceId, ProductId, seller};

use super::check_amount;
use crate::app::App;
use crate::audit;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::Path;
use crate::identity::Caller;
use crate::sellers;

/// The longest trial, as Stripe has it (docs.stripe.com/api/subscriptions/create, `trial_period_days`).
const LONGEST_TRIAL: i32 = 730;
/// The most pieces of a subscription.
pub const MAX_QUANTITY: i64 = 999_999;
/// The most characters of a nickname.
const LONGEST_NICKNAME: usize = 250;

/// The price of the path's `{id}`, for its seller's owner and for admins; 404 for anyone else.
pub struct PriceAccess {
    /// The row.
    pub price: price::Model,
    /// The seller's owner, or an admin.
    pub caller: Caller,
}

impl FromRequestParts<App> for PriceAccess {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let Path(id) = Path::<PriceId>::from_request_parts(parts, app).await?;
        let offer = offer(app, &id).await?.ok_or(Error::NotFound("price"))?;
        match sellers::owned(&app.db.read, &caller, &offer.product.seller_id, "id").await {
            Ok(_) => Ok(Self {
                price: offer.price,
                caller,
            }),
            Err(Error::NoSuch { .. }) => Err(Error::NotFound("price")),
            Err(e) => Err(e),
        }
    }
}

/// A price as it is offered.
#[derive(Clone, Debug)]
pub struct PriceOffer {
    /// The row.
    pub price: price::Model,
    /// What it is a price of.
    pub product: product::Model,
    /// Who sells it.
    pub seller: seller::Model,
}

impl PriceOffer {
    /// Whether anybody may subscribe to it now: it and its product are active, the product isn't sold out, and the seller can take
    /// payments.
    pub fn is_purchasable(&self, app: &App) -> bool {
        is_for_sale(&self.price, &self.product)
            && self.product.available != Some(0)
            && sellers::can_charge(app, &self.seller)
    }

    /// Checks that so many pieces can be subscribed to now. Whether the seller can take payments is asked of
    /// [`sellers::charging_account`]. `param` is where the request names the price, and `quantity` stands beside it.
    ///
    /// # Errors
    /// `price_archived`, `product_archived`, `sold_out`; a quantity beyond the price's limits.
    pub fn check_purchasable(&self, quantity: i64, (price, pieces): (&str, &str)) -> Result<()> {
        let conflict = |code, message| {
            Err(Error::Conflict {
                code,
                param: Some(price.to_owned()),
                message,
            })
        };
        let name = &self.product.name;
        if self.product.status != ProductStatus::Active {
            return conflict("product_archived", format!("{name} is no longer for sale."));
        }
        if !self.price.active {
            let message = format!("This price of {name} is no longer offered; choose another.");
            return conflict("price_archived", message);
        }
        if let Some(left) = self.product.available.filter(|left| *left < quantity) {
            return conflict("sold_out", format!("Only {left} of {name} are left."));
        }
        check_quantity(&self.price, quantity, pieces)
    }
}

/// Whether a price is in effect: neither it nor its product is archived.
fn is_for_sale(price: &price::Model, product: &product::Model) -> bool {
    price.active && product.status == ProductStatus::Active
}

/// Checks a number of pieces against the price's limits.
///
/// # Errors
/// Names `param`.
pub fn check_quantity(price: &price::Model, quantity: i64, param: &str) -> Result<()> {
    let least = price.min_quantity.unwrap_or(1);
    let most = price.max_quantity.unwrap_or(MAX_QUANTITY);
    if (least..=most).contains(&quantity) {
        return Ok(());
    }
    let message = match (least, most) {
        (least, most) if least == most => format!("{param} of this price is {least}."),
        _ => format!("{param} of this price is {least} to {most}."),
    };
    Err(Error::invalid(param, message))
}

/// A price by id.
pub async fn find<C: ConnectionTrait>(db: &C, id: &PriceId) -> Result<Option<price::Model>> {
    Ok(price::Entity::find_by_id(id.clone()).one(db).await?)
}

/// A price with its product and seller.
///
/// # Errors
/// The database failed.
pub async fn offer(app: &App, id: &PriceId) -> Result<Option<PriceOffer>> {
    let Some(price) = find(&app.db.read, id).await? else {
        return Ok(None);
    };
    let of = std::slice::from_ref(&price.product_id);
    let found = super::products(&app.db.read, of).await?.pop();
    let (product, seller) = found.ok_or_else(|| Error::internal(format!("{id} is of nothing")))?;
    Ok(Some(PriceOffer {
        price,
        product,
        seller,
    }))
}

/// The details of a new price.
#[derive(Clone, Debug)]
pub struct NewPrice {
    /// Of one of the caller's sellers.
    pub product_id: ProductId,
    /// Minor units of the product's currency, a multiple of its step.
    pub unit_amount: i64,
    /// The unit of the period.
    pub interval: Interval,
    /// So many intervals make a period, of at most three years.
    pub interval_count: i32,
    /// What a change may set, too.
    pub terms: PriceTerms,
}

/// What may change of a price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceTerms {
    /// 1 to 730.
    pub trial_period_days: Option<i32>,
    /// 1 to 250 characters.
    pub nickname: Option<String>,
    /// 1 to 999,999.
    pub min_quantity: Option<i64>,
    /// 1 to 999,999, and not below `min_quantity`.
    pub max_quantity: Option<i64>,
    /// Whether each paid period takes from stock.
    pub takes_stock_each_period: bool,
}

impl PriceTerms {
    fn of(row: &price::Model) -> Self {
        Self {
            trial_period_days: row.trial_period_days,
            nickname: row.nickname.clone(),
            min_quantity: row.min_quantity,
            max_quantity: row.max_quantity,
            takes_stock_each_period: row.takes_stock_each_period,
        }
    }

    fn check(&self) -> Result<()> {
        if self
            .trial_period_days
            .is_some_and(|days| !(1..=LONGEST_TRIAL).contains(&days))
        {
            return Err(Error::invalid(
                "recurring.trial_period_days",
                format!("trial_period_days is 1 to {LONGEST_TRIAL}, or null for no trial."),
            ));
        }
        let is_wrong = |text: &String| {
            !(1..=LONGEST_NICKNAME).contains(&text.chars().count())
                || text.chars().any(char::is_control)
        };
        if self.nickname.as_ref().is_some_and(is_wrong) {
            return Err(Error::invalid(
                "nickname",
                format!(
                    "nickname has 1 to {LONGEST_NICKNAME} characters, none of them a control character."
                ),
            ));
        }
        for (param, value) in [
            ("min_quantity", self.min_quantity),
            ("max_quantity", self.max_quantity),
        ] {
            if value.is_some_and(|pieces| !(1..=MAX_QUANTITY).contains(&pieces)) {
                let message = format!("{param} is 1 to {MAX_QUANTITY}, or null for no limit.");
                return Err(Error::invalid(param, message));
            }
        }
        match (self.min_quantity, self.max_quantity) {
            (Some(least), Some(most)) if least > most => Err(Error::invalid(
                "max_quantity",
                "max_quantity is not below min_quantity.",
            )),
            _ => Ok(()),
        }
    }
}

/// Creates a price of a product of one of the caller's sellers. Nothing is asked of Stripe: it learns of the price when
/// somebody first subscribes. Resumable by `id`.
///
/// # Errors
/// Names the field that is wrong; 404 if the product isn't of the caller's.
pub async fn create_price(
    app: &App,
    caller: &Caller,
    id: PriceId,
    new: NewPrice,
) -> Result<price::Model> {
    if let Some(made) = find(&app.db.read, &id).await? {
        return Ok(made);
    }
    let product = super::owned(app, caller, &new.product_id).await?;
    check_amount(new.unit_amount, &product.currency)?;
    check_period(new.interval, new.interval_count)?;
    let terms = PriceTerms {
        nickname: new.terms.nickname.map(|name| name.trim().to_owned()),
        ..new.terms
    };
    terms.check()?;
    let tx = app.db.begin_write().await?;
    let row = price::Model {
        id,
        product_id: product.id,
        unit_amount: new.unit_amount,
        interval: new.interval,
        interval_count: new.interval_count,
        trial_period_days: terms.trial_period_days,
        nickname: terms.nickname,
        min_quantity: terms.min_quantity,
        max_quantity: terms.max_quantity,
        takes_stock_each_period: terms.takes_stock_each_period,
        active: true,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    price::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(&tx)
        .await?;
    let data = json!({
        "product": row.product_id, "unit_amount": row.unit_amount, "currency": product.currency,
        "interval": row.interval, "interval_count": row.interval_count,
    });
    let actor = caller.principal();
    audit::record(&tx, &actor, "price.created", row.id.as_ref(), data).await?;
    tx.commit().await?;
    Ok(row)
}

/// Stripe's limit: three years (docs.stripe.com/api/prices/create, `recurring.interval_count`).
fn check_period(interval: Interval, count: i32) -> Result<()> {
    let (most, unit) = match interval {
        Interval::Day => (1095, "days"),
        Interval::Week => (156, "weeks"),
        Interval::Month => (36, "months"),
        Interval::Year => (3, "years"),
    };
    match (1..=most).contains(&count) {
        true => Ok(()),
        false => Err(Error::invalid(
            "recurring.interval_count",
            format!("interval_count is 1 to {most}: a period has at most {most} {unit}."),
        )),
    }
}

/// A change of a price. `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct PriceChange {
    /// For sale, or not.
    pub active: Option<bool>,
    /// Null: no trial.
    pub trial_period_days: Option<Option<i32>>,
    /// Null: none.
    pub nickname: Option<Option<String>>,
    /// Null: one.
    pub min_quantity: Option<Option<i64>>,
    /// Null: no limit.
    pub max_quantity: Option<Option<i64>>,
    /// Of the periods that are paid from now on.
    pub takes_stock_each_period: Option<bool>,
}

/// Changes a price in what may change. Stripe is told afterwards whether it is for sale, where it knows the price. Those who
/// have subscribed keep what they have.
///
/// # Errors
/// Names the field that is wrong; 404 without such a price.
pub async fn update_price(
    app: &App,
    caller: &Caller,
    id: &PriceId,
    change: PriceChange,
) -> Result<price::Model> {
    let tx = app.db.begin_write().await?;
    let mut row = lock(&tx, id).await?;
    let before = row.clone();
    let old = PriceTerms::of(&row);
    let nickname = change.nickname.unwrap_or_else(|| old.nickname.clone());
    let terms = PriceTerms {
        trial_period_days: change.trial_period_days.unwrap_or(old.trial_period_days),
        nickname: nickname.map(|name| name.trim().to_owned()),
        min_quantity: change.min_quantity.unwrap_or(old.min_quantity),
        max_quantity: change.max_quantity.unwrap_or(old.max_quantity),
        takes_stock_each_period: change
            .takes_stock_each_period
            .unwrap_or(old.takes_stock_each_period),
    };
    terms.check()?;
    row.trial_period_days = terms.trial_period_days;
    row.nickname = terms.nickname;
    row.min_quantity = terms.min_quantity;
    row.max_quantity = terms.max_quantity;
    row.takes_stock_each_period = terms.takes_stock_each_period;
    row.active = change.active.unwrap_or(row.active);
    if row == before {
        return Ok(row);
    }
    row.updated_at = tx.now();
    price::Entity::update(row.clone().into_active_model().reset_all())
        .exec(&tx)
        .await?;
    if row.active != before.active {
        at_stripe::note_price_changed(&tx, &row).await?;
    }
    let data = json!({
        "active": row.active, "trial_period_days": row.trial_period_days, "min_quantity": row.min_quantity,
        "max_quantity": row.max_quantity, "takes_stock_each_period": row.takes_stock_each_period,
    });
    let actor = caller.principal();
    audit::record(&tx, &actor, "price.updated", id.as_ref(), data).await?;
    tx.commit().await?;
    Ok(row)
}

async fn lock(tx: &Tx, id: &PriceId) -> Result<price::Model> {
    let row = price::Entity::find_by_id(id.clone())
        .lock_exclusive()
        .one(tx)
        .await?;
    row.ok_or(Error::NotFound("price"))
}

/// The prices of a product that somebody may list. Anybody may list those in effect of a seller who can take payments. All
/// others are for the seller's owner and for admins. `None`: no price at all.
///
/// # Errors
/// 404 without such a product.
pub async fn visible(
    app: &App,
    caller: Option<&Caller>,
    id: &ProductId,
    active: bool,
) -> Result<Option<sea_orm::Select<price::Entity>>> {
    let found = super::products(&app.db.read, std::slice::from_ref(id)).await?;
    let found = found.into_iter().next();
    let (product, seller) = found.ok_or_else(|| Error::no_such("product", "product_id"))?;
    let is_seller = caller.is_some_and(|who| who.is_admin() || seller.owner_id == *who.id());
    let is_offered =
        active && product.status == ProductStatus::Active && sellers::can_charge(app, &seller);
    if !is_seller && !is_offered {
        return Ok(None);
    }
    use price::Column as C;
    Ok(Some(
        price::Entity::find()
            .filter(C::ProductId.eq(id.clone()))
            .filter(C::Active.eq(active)),
    ))
}

/// Prices with their products and sellers, in the same order.
///
/// # Errors
/// The database failed.
pub async fn offers(app: &App, prices: Vec<price::Model>) -> Result<Vec<PriceOffer>> {
    let ids: Vec<ProductId> = prices.iter().map(|row| row.product_id.clone()).collect();
    let found = super::products(&app.db.read, &ids).await?;
    let offer = |price: price::Model| {
        let of = found.iter().find(|(row, _)| row.id == price.product_id);
        let (product, seller) = of.ok_or_else(|| Error::internal("a price of nothing"))?;
        Ok(PriceOffer {
            price,
            product: product.clone(),
            seller: seller.clone(),
        })
    };
    prices.into_iter().map(offer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_has_at_most_three_years() {
        for (interval, most) in [
            (Interval::Day, 1095),
            (Interval::Week, 156),
            (Interval::Month, 36),
            (Interval::Year, 3),
        ] {
            for count in [1, most] {
                assert!(check_period(interval, count).is_ok());
            }
            for count in [0, -1, i32::MIN, most + 1, i32::MAX] {
                let fault = check_period(interval, count).expect_err("out of range");
                assert_eq!(fault.param(), Some("recurring.interval_count"));
            }
        }
    }

    fn terms() -> PriceTerms {
        PriceTerms {
            trial_period_days: Some(14),
            nickname: Some("Monthly".to_owned()),
            min_quantity: Some(2),
            max_quantity: Some(5),
            takes_stock_each_period: true,
        }
    }

    #[test]
    fn terms_are_bounded_in_every_field() {
        assert!(PriceTerms::default().check().is_ok());
        assert!(terms().check().is_ok());
        let fault = |terms: PriceTerms| {
            let fault = terms.check().err()?;
            fault.param().map(str::to_owned)
        };
        for days in [0, -1, 731] {
            let wrong = PriceTerms {
                trial_period_days: Some(days),
                ..terms()
            };
            assert_eq!(fault(wrong).as_deref(), Some("recurring.trial_period_days"));
        }
        for name in ["", "two\nlines", &"x".repeat(251)] {
            let wrong = PriceTerms {
                nickname: Some(name.to_owned()),
                ..terms()
            };
            assert_eq!(fault(wrong).as_deref(), Some("nickname"));
        }
        for pieces in [0, -1, MAX_QUANTITY + 1] {
            let wrong = PriceTerms {
                min_quantity: Some(pieces),
                ..terms()
            };
            assert_eq!(fault(wrong).as_deref(), Some("min_quantity"));
        }
        for pieces in [0, 1, MAX_QUANTITY + 1] {
            let wrong = PriceTerms {
                max_quantity: Some(pieces),
                ..terms()
            };
            assert_eq!(fault(wrong).as_deref(), Some("max_quantity"));
        }
    }

    #[test]
    fn a_quantity_is_within_the_prices_limits() {
        let price = |min_quantity, max_quantity| price::Model {
            id: "prc_1".into(),
            product_id: "prd_1".into(),
            unit_amount: 900,
            interval: Interval::Month,
            interval_count: 1,
            trial_period_days: None,
            nickname: None,
            min_quantity,
            max_quantity,
            takes_stock_each_period: false,
            active: true,
            created_at: souk_entity::Timestamp(0),
            updated_at: souk_entity::Timestamp(0),
        };
        let is = |price: &price::Model, quantity| check_quantity(price, quantity, "quantity");
        let free = price(None, None);
        assert!(is(&free, 1).is_ok() && is(&free, MAX_QUANTITY).is_ok());
        assert!(is(&free, 0).is_err() && is(&free, MAX_QUANTITY + 1).is_err());
        let bound = price(Some(2), Some(5));
        assert!(is(&bound, 2).is_ok() && is(&bound, 5).is_ok());
        for quantity in [i64::MIN, 1, 6, i64::MAX] {
            let fault = is(&bound, quantity).expect_err("out of range");
            assert_eq!(fault.param(), Some("quantity"));
            assert!(fault.to_string().contains("2 to 5"));
        }
    }
}
