//! The Stripe side of a price: a product and a price on the seller's account, made when somebody first needs them.
//!
//! The product has our product's id there, so that there can't be two. The price has ours as its `lookup_key`, of which Stripe
//! lets an account have only one.

use std::collections::BTreeSet;

use sea_orm::sea_query::{Expr, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use souk_entity::stripe_price::{self, Column as C};
use souk_entity::{AccountId, PriceId, ProductId, StripePriceId, price, product};

use super::{is_for_sale, offer};
use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::ids;
use crate::jobs::{self, Job};
use crate::stripe::requests::products::{self as requests, METADATA_PRICE, NewPrice};
use crate::stripe::views::{IdView, PriceView};
use crate::stripe::{IdempotentCreate, Scope, key_until};

/// How long a request to Stripe may take before the job that repeats it begins.
const RETRY_DELAY_MS: i64 = 15_000;
/// Stripe's code for an id that is taken.
const EXISTS: &str = "resource_already_exists";

/// Stripe's id of a price on an account, where product and price are made now if they aren't there. The key is that of our row,
/// so that two at once make one price. Whether the price is for sale is the caller's to check.
///
/// # Errors
/// Stripe's refusal. No answer: a job goes on.
pub async fn ensure(app: &App, price: &price::Model, account: &AccountId) -> Result<String> {
    let copy = row(app, price, account).await?;
    match copy.stripe_price.clone() {
        Some(known) => Ok(known),
        None => make(app, &copy).await,
    }
}

/// The job: makes a price at Stripe of whose making nobody has heard. A refusal ends it, since whoever needs the price next asks
/// again.
///
/// # Errors
/// Stripe has not answered.
pub async fn run(app: &App, id: &StripePriceId) -> Result<()> {
    let copy = stripe_price::Entity::find_by_id(id.clone())
        .one(&app.db.read)
        .await?;
    let Some(copy) = copy.filter(|copy| copy.stripe_price.is_none()) else {
        return Ok(());
    };
    match make(app, &copy).await {
        Ok(_) | Err(Error::StripeRefused(_)) => Ok(()),
        Err(e) => Err(e),
    }
}

async fn of_price<D: ConnectionTrait>(
    db: &D,
    price: &PriceId,
    account: &AccountId,
    livemode: bool,
) -> Result<Option<stripe_price::Model>> {
    Ok(stripe_price::Entity::find()
        .filter(C::PriceId.eq(price.clone()))
        .filter(C::StripeAccount.eq(account.clone()))
        .filter(C::Livemode.eq(livemode))
        .one(db)
        .await?)
}

/// Our price that is this one of Stripe's on an account.
///
/// # Errors
/// The database failed.
pub async fn by_stripe_id<D: ConnectionTrait>(
    db: &D,
    (account, livemode): (&AccountId, bool),
    known: &str,
) -> Result<Option<price::Model>> {
    let of = stripe_price::Entity::belongs_to(price::Entity)
        .from(C::PriceId)
        .to(price::Column::Id);
    let found = stripe_price::Entity::find()
        .join(sea_orm::JoinType::InnerJoin, of.into())
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("stripe_price IS NOT NULL"))
        .filter(C::StripePrice.eq(known))
        .filter(C::StripeAccount.eq(account.clone()))
        .filter(C::Livemode.eq(livemode))
        .select_also(price::Entity)
        .one(db)
        .await?;
    Ok(found.and_then(|(_, price)| price))
}

/// The row of a price's copy on an account, which is written now if there is none, with the job that goes on if we don't. The
/// unique index decides between two at once. Nothing is asked of Stripe.
async fn row(app: &App, price: &price::Model, account: &AccountId) -> Result<stripe_price::Model> {
    let livemode = app.stripe.livemode();
    if let Some(row) = of_price(&app.db.read, &price.id, account, livemode).await? {
        return Ok(row);
    }
    let tx = app.db.begin_write().await?;
    let new = stripe_price::Model {
        id: ids::new(tx.now()),
        price_id: price.id.clone(),
        stripe_account: account.clone(),
        livemode,
        stripe_product: None,
        stripe_price: None,
        active: None,
        key_number: 1,
        key_until: key_until(tx.now()),
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    let copy = new.id.clone();
    let inserted = stripe_price::Entity::insert(new.into_active_model())
        .on_conflict(
            OnConflict::columns([C::PriceId, C::StripeAccount, C::Livemode])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&tx)
        .await;
    if db::inserted(inserted)?.is_some_and(|rows| rows > 0) {
        let repeat = Job::MirrorPrice { copy };
        jobs::stage_at(&tx, &repeat, tx.now().plus_ms(RETRY_DELAY_MS)).await?;
    }
    let row = of_price(&tx, &price.id, account, livemode).await?;
    tx.commit().await?;
    row.ok_or_else(|| Error::internal("a price's copy went away"))
}

async fn make(app: &App, copy: &stripe_price::Model) -> Result<String> {
    let offer = offer(app, &copy.price_id).await?;
    let offer = offer.ok_or_else(|| Error::internal(format!("{} is missing", copy.price_id)))?;
    let scope = app.stripe.at(&copy.stripe_account);
    let made = async {
        let is_new = create_product(&scope, &offer.product).await?;
        let made = create_price(app, &scope, copy, (&offer.price, &offer.product)).await?;
        Ok((is_new, made))
    };
    match made.await {
        Ok((is_new, made)) => {
            let name = is_new.then_some(offer.product.name.as_str());
            attach(app, copy, &made, name).await
        }
        Err(Error::StripeRefused(fault)) => {
            let tx = app.db.begin_write().await?;
            let copy = copy.id.clone();
            jobs::settle(&tx, &Job::MirrorPrice { copy }).await?;
            tx.commit().await?;
            Err(Error::StripeRefused(fault))
        }
        Err(e) => Err(e),
    }
}

/// Creates the product, and answers whether it wasn't there. Its id is ours, so that any key will do.
async fn create_product(scope: &Scope, product: &product::Model) -> Result<bool> {
    let request = requests::create_product(product.id.as_ref(), &product.name);
    let key = format!("product:{}:{}", product.id, ids::random_token());
    match scope.post::<IdView, _>(&request, &key).await {
        Ok(_) => Ok(true),
        Err(Error::StripeRefused(fault)) if fault.code.as_deref() == Some(EXISTS) => Ok(false),
        Err(e) => Err(e),
    }
}

async fn create_price(
    app: &App,
    scope: &Scope,
    copy: &stripe_price::Model,
    of: (&price::Model, &product::Model),
) -> Result<PriceView> {
    let (price, product) = of;
    let request = requests::create_price(&NewPrice {
        id: price.id.as_ref(),
        product: product.id.as_ref(),
        unit_amount: price.unit_amount,
        currency: &product.currency,
        interval: price.interval,
        interval_count: u64::try_from(price.interval_count).unwrap_or(1),
    });
    let made = IdempotentCreate::of(
        stripe_price::Entity,
        &copy.id,
        copy.key_number,
        copy.key_until,
    )
    // The row outlives a no, and whoever asks next is to have Stripe's answer of then.
    .again_after_refusal()
    .make(
        &app.db,
        app.clock.now(),
        find_existing(scope, of),
        async |n| {
            let key = format!("price:{}:{n}", copy.id);
            scope.post(&request, &key).await
        },
    )
    .await;
    match made {
        // An earlier request that nobody had heard of has taken the lookup key after the search.
        Err(Error::StripeRefused(fault)) => match find_existing(scope, of).await? {
            Some(found) => Ok(found),
            None => Err(Error::StripeRefused(fault)),
        },
        made => made,
    }
}

/// The price at Stripe that was made for ours. Anybody may have copied our marks, so it must be what we ask for, too.
async fn find_existing(
    scope: &Scope,
    (price, product): (&price::Model, &product::Model),
) -> Result<Option<PriceView>> {
    let page = |last: Option<&str>| requests::list_prices(product.id.as_ref(), last);
    let listed: Vec<PriceView> = scope.all(page).await?;
    // The oldest one: a copy can only be younger.
    let mut listed = listed.into_iter().rev();
    Ok(listed.find(|view| is_ours(view, price, product)))
}

fn is_ours(view: &PriceView, price: &price::Model, product: &product::Model) -> bool {
    let id = price.id.as_ref();
    let is_marked = view.lookup_key.as_deref() == Some(id)
        || view.metadata.get(METADATA_PRICE).map(String::as_str) == Some(id);
    let is_as_often = view.recurring.as_ref().is_some_and(|often| {
        often.interval == requests::interval(price.interval).as_str()
            && often.interval_count == i64::from(price.interval_count)
            && often.usage_type == "licensed"
    });
    is_marked
        && is_as_often
        && view.product == product.id.as_ref()
        && view.currency == product.currency
        && view.unit_amount == Some(price.unit_amount)
}

/// Stores Stripe's ids, once. `name` is what the product was made with; none: it was there. The locks order this with changes, so
/// that Stripe is told of each that came meanwhile.
async fn attach(
    app: &App,
    copy: &stripe_price::Model,
    made: &PriceView,
    name: Option<&str>,
) -> Result<String> {
    let tx = app.db.begin_write().await?;
    let price = super::find(&tx, &copy.price_id).await?;
    let of = price.ok_or_else(|| Error::internal("a price went away"))?;
    let product = product::Entity::find_by_id(of.product_id)
        .lock_exclusive()
        .one(&tx)
        .await?;
    let product = product.ok_or_else(|| Error::internal("a product went away"))?;
    let price = super::lock(&tx, &copy.price_id).await?;
    let attached = stripe_price::Entity::update_many()
        .col_expr(C::StripeProduct, Expr::value(made.product.as_str()))
        .col_expr(C::StripePrice, Expr::value(made.id.as_str()))
        .col_expr(C::Active, Expr::value(made.active))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(copy.id.clone()))
        .filter(C::StripePrice.is_null())
        .exec(&tx)
        .await?;
    let is_in_step =
        name == Some(product.name.as_str()) && made.active == is_for_sale(&price, &product);
    if attached.rows_affected == 1 && !is_in_step {
        let product = product.id.clone();
        jobs::stage(&tx, &Job::SyncProduct { product }).await?;
    }
    let repeat = Job::MirrorPrice {
        copy: copy.id.clone(),
    };
    jobs::settle(&tx, &repeat).await?;
    let row = of_price(&tx, &copy.price_id, &copy.stripe_account, copy.livemode).await?;
    tx.commit().await?;
    let known = row.and_then(|row| row.stripe_price);
    known.ok_or_else(|| Error::internal("a price's copy went away"))
}

/// Notes that a price was archived or brought back, so that Stripe is told where it knows it.
pub(super) async fn note_price_changed(tx: &Tx, price: &price::Model) -> Result<()> {
    let noted = unsure().filter(C::PriceId.eq(price.id.clone()));
    if noted.exec(tx).await?.rows_affected > 0 {
        let product = price.product_id.clone();
        jobs::stage(tx, &Job::SyncProduct { product }).await?;
    }
    Ok(())
}

/// Notes that a product was renamed, archived or brought back, so that Stripe is told where it knows it.
pub(in crate::catalog) async fn note_product_changed(
    tx: &Tx,
    id: &ProductId,
    is_status_other: bool,
) -> Result<()> {
    let mut prices = Query::select();
    prices
        .column(price::Column::Id)
        .from(price::Entity)
        .and_where(price::Column::ProductId.eq(id.clone()));
    let is_copied = match is_status_other {
        true => {
            let noted = unsure().filter(C::PriceId.in_subquery(prices));
            noted.exec(tx).await?.rows_affected > 0
        }
        false => {
            let copies = stripe_price::Entity::find().filter(C::PriceId.in_subquery(prices));
            copies.count(tx).await? > 0
        }
    };
    if is_copied {
        let product = id.clone();
        jobs::stage(tx, &Job::SyncProduct { product }).await?;
    }
    Ok(())
}

fn unsure() -> sea_orm::UpdateMany<stripe_price::Entity> {
    stripe_price::Entity::update_many().col_expr(C::Active, Expr::value(None::<bool>))
}

/// The job: tells Stripe the product's name, and whether it and its prices are for sale, on each account that has it. What Stripe
/// doesn't know yet is made as it is then.
///
/// # Errors
/// Stripe has not answered.
pub async fn sync(app: &App, id: &ProductId) -> Result<()> {
    let Some(product) = crate::catalog::find(&app.db.read, id).await? else {
        return Ok(());
    };
    let of = stripe_price::Entity::belongs_to(price::Entity)
        .from(C::PriceId)
        .to(price::Column::Id);
    let copies = stripe_price::Entity::find()
        .join(sea_orm::JoinType::InnerJoin, of.into())
        .filter(price::Column::ProductId.eq(id.clone()))
        .filter(C::Livemode.eq(app.stripe.livemode()))
        .order_by_asc(C::Id)
        .select_also(price::Entity)
        .all(&app.db.read)
        .await?;
    let accounts = copies.iter().map(|(copy, _)| copy.stripe_account.clone());
    let mut lost = None;
    for account in accounts.collect::<BTreeSet<_>>() {
        let here = copies
            .iter()
            .filter(|(copy, _)| copy.stripe_account == account)
            .filter_map(|(copy, price)| Some((copy, price.as_ref()?)));
        match sync_at(app, &account, &product, here).await {
            // A seller may have had another account before.
            Err(Error::AccessLost { account }) => lost = Some(Error::AccessLost { account }),
            told => told?,
        }
    }
    lost.map_or(Ok(()), Err)
}

async fn sync_at(
    app: &App,
    account: &AccountId,
    product: &product::Model,
    copies: impl Iterator<Item = (&stripe_price::Model, &price::Model)>,
) -> Result<()> {
    let scope = app.stripe.at(account);
    // A new key each time: the update may safely be repeated, and a saved 500 would spoil a fixed key.
    let key = |what: &str| format!("{what}:{}", ids::random_token());
    let is_active = product.status == product::ProductStatus::Active;
    let update = requests::update_product(product.id.as_ref(), &product.name, is_active);
    match scope
        .post::<IdView, _>(&update, &key("product_update"))
        .await
    {
        Err(Error::StripeRefused(fault)) if fault.is_missing() => {}
        told => drop(told?),
    }
    for (copy, price) in copies {
        let wanted = is_for_sale(price, product);
        let Some(known) = copy.stripe_price.as_deref() else {
            continue;
        };
        if copy.active == Some(wanted) {
            continue;
        }
        let update = requests::set_price_active(known, wanted);
        match scope.post::<IdView, _>(&update, &key("price_update")).await {
            Ok(_) => note_told(app, &copy.id, wanted).await?,
            // The seller may have made it the default of its product there. It is sold by us no more in any case.
            Err(Error::StripeRefused(fault)) => {
                tracing::warn!(price = %price.id, fault = %fault.message, "Stripe refuses to archive a price, or to bring it back");
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

async fn note_told(app: &App, copy: &StripePriceId, active: bool) -> Result<()> {
    let tx = app.db.begin_write().await?;
    stripe_price::Entity::update_many()
        .col_expr(C::Active, Expr::value(active))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(copy.clone()))
        .exec(&tx)
        .await?;
    tx.commit().await
}
