//! The configuration of the portal on a seller's account: made once for each account and mode, and kept in step with what is for sale.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter,
    QueryOrder, Statement,
};
use souk_entity::portal_configuration::{self, Column as C};
use souk_entity::{AccountId, PortalConfigurationId, ProductId, price, seller};

use crate::app::App;
use crate::catalog::prices;
use crate::db;
use crate::error::{Error, Result};
use crate::ids;
use crate::stripe::requests::portal::{
    self as requests, METADATA_CONFIGURATION, MOST_PRODUCTS, OfferedProduct,
};
use crate::stripe::views::IdView;
use crate::stripe::{IdempotentCreate, key_until};

/// Stripe's id of the configuration on a seller's account, which is made now if it isn't there, and told what is offered if that isn't
/// what Stripe was told last.
///
/// # Errors
/// Stripe's refusal, or no answer.
pub(super) async fn ensure(
    app: &App,
    seller: &seller::Model,
    account: &AccountId,
) -> Result<String> {
    let row = row(app, account).await?;
    let known = match row.stripe_configuration.clone() {
        Some(known) => known,
        None => make(app, &row).await?,
    };
    let offered = offered(app, seller, account).await?;
    let content = serde_json::to_string(&offered).map_err(|e| Error::internal(e.to_string()))?;
    if row.content.as_deref() != Some(content.as_str()) {
        tell(app, &row.id, &known, &offered, &content).await?;
    }
    Ok(known)
}

/// Has Stripe told again.
///
/// # Errors
/// The database failed.
pub(super) async fn doubt(app: &App, account: &AccountId) -> Result<()> {
    let tx = app.db.begin_write().await?;
    portal_configuration::Entity::update_many()
        .col_expr(C::Content, Expr::value(None::<String>))
        .col_expr(C::Revision, Expr::col(C::Revision).add(1))
        .filter(C::StripeAccount.eq(account.clone()))
        .filter(C::Livemode.eq(app.stripe.livemode()))
        .exec(&tx)
        .await?;
    tx.commit().await
}

async fn of_account<D: ConnectionTrait>(
    db: &D,
    account: &AccountId,
    livemode: bool,
) -> Result<Option<portal_configuration::Model>> {
    Ok(portal_configuration::Entity::find()
        .filter(C::StripeAccount.eq(account.clone()))
        .filter(C::Livemode.eq(livemode))
        .one(db)
        .await?)
}

/// The row of an account's configuration, which is written now if there is none. The unique index decides between two at once.
async fn row(app: &App, account: &AccountId) -> Result<portal_configuration::Model> {
    let livemode = app.stripe.livemode();
    if let Some(row) = of_account(&app.db.read, account, livemode).await? {
        return Ok(row);
    }
    let tx = app.db.begin_write().await?;
    let new = portal_configuration::Model {
        id: ids::new(tx.now()),
        stripe_account: account.clone(),
        livemode,
        stripe_configuration: None,
        content: None,
        revision: 0,
        key_number: 1,
        key_until: key_until(tx.now()),
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    let once = OnConflict::columns([C::StripeAccount, C::Livemode])
        .do_nothing()
        .to_owned();
    let inserted = portal_configuration::Entity::insert(new.into_active_model())
        .on_conflict(once)
        .exec_without_returning(&tx)
        .await;
    db::inserted(inserted)?;
    let row = of_account(&tx, account, livemode).await?;
    tx.commit().await?;
    row.ok_or_else(|| Error::internal("a portal configuration went away"))
}

/// Makes it at Stripe, under a key of the row's, so that two at once make one.
async fn make(app: &App, row: &portal_configuration::Model) -> Result<String> {
    let scope = app.stripe.at(&row.stripe_account);
    let request = requests::create_configuration(row.id.as_ref());
    let find_existing = async {
        let mark = (METADATA_CONFIGURATION, row.id.as_ref());
        let marked: Vec<IdView> = scope
            .find_by_metadata(mark, requests::list_configurations)
            .await?;
        // The oldest one: a copy of our metadata can only be younger than ours.
        Ok(marked.into_iter().next_back())
    };
    let made = IdempotentCreate::of(
        portal_configuration::Entity,
        &row.id,
        row.key_number,
        row.key_until,
    )
    .again_after_refusal()
    .make(&app.db, app.clock.now(), find_existing, async |n| {
        scope
            .post::<IdView, _>(&request, &format!("portal_configuration:{}:{n}", row.id))
            .await
    })
    .await?;
    let tx = app.db.begin_write().await?;
    portal_configuration::Entity::update_many()
        .col_expr(C::StripeConfiguration, Expr::value(made.id.as_str()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(row.id.clone()))
        .filter(C::StripeConfiguration.is_null())
        .exec(&tx)
        .await?;
    let row = of_account(&tx, &row.stripe_account, row.livemode).await?;
    tx.commit().await?;
    let known = row.and_then(|row| row.stripe_configuration);
    known.ok_or_else(|| Error::internal("a portal configuration went away"))
}

/// Tells Stripe what is offered. Of two who tell at once nobody knows whose word came last: then it isn't sure, and whoever comes next
/// tells again.
async fn tell(
    app: &App,
    id: &PortalConfigurationId,
    known: &str,
    offered: &[OfferedProduct],
    content: &str,
) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let begun = portal_configuration::Entity::update_many()
        .col_expr(C::Content, Expr::value(None::<String>))
        .col_expr(C::Revision, Expr::col(C::Revision).add(1))
        .filter(C::Id.eq(id.clone()))
        .exec_with_returning(&tx)
        .await?;
    let mine = begun
        .first()
        .map(|row| (row.revision, row.stripe_account.clone()));
    let (mine, account) =
        mine.ok_or_else(|| Error::internal("a portal configuration went away"))?;
    tx.commit().await?;
    let key = format!("portal_configuration_update:{}", ids::random_token());
    let request = requests::update_configuration(known, offered);
    let _: IdView = app.stripe.at(&account).post(&request, &key).await?;
    let tx = app.db.begin_write().await?;
    let alone = portal_configuration::Entity::update_many()
        .col_expr(C::Content, Expr::value(content))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Revision.eq(mine))
        .exec(&tx)
        .await?;
    if alone.rows_affected == 0 {
        portal_configuration::Entity::update_many()
            .col_expr(C::Content, Expr::value(None::<String>))
            .col_expr(C::Revision, Expr::col(C::Revision).add(1))
            .filter(C::Id.eq(id.clone()))
            .exec(&tx)
            .await?;
    }
    tx.commit().await
}

#[derive(FromQueryResult)]
struct ProductRow {
    id: ProductId,
}

/// The products of a seller whose prices are for sale, those first to which somebody has subscribed, then the newest: no more than
/// Stripe takes.
const OFFERED: &str = "SELECT p.id FROM products p WHERE p.seller_id = $1 AND p.status = 'active' \
    AND EXISTS (SELECT 1 FROM prices c WHERE c.product_id = p.id AND c.active) \
    ORDER BY EXISTS (SELECT 1 FROM subscription_items i JOIN subscriptions s ON s.id = i.subscription_id \
        WHERE i.product_id = p.id AND s.ended_at IS NULL) DESC, p.id DESC LIMIT $2";

/// What buyers may change to. Of two prices that are paid equally often only the newest is offered, as it is the one that is meant for
/// those who come now. What isn't at Stripe yet is made there.
async fn offered(
    app: &App,
    seller: &seller::Model,
    account: &AccountId,
) -> Result<Vec<OfferedProduct>> {
    let db = &app.db.read;
    let most = i64::try_from(MOST_PRODUCTS).unwrap_or(i64::MAX);
    let values = [seller.id.clone().into(), most.into()];
    let query = Statement::from_sql_and_values(app.db.backend(), OFFERED, values);
    let products = ProductRow::find_by_statement(query).all(db).await?;
    let ids = products.iter().map(|row| row.id.clone());
    let all = price::Entity::find()
        .filter(price::Column::ProductId.is_in(ids))
        .filter(price::Column::Active.eq(true))
        .order_by_asc(price::Column::Id)
        .all(db)
        .await?;
    let mut by_product: BTreeMap<ProductId, BTreeMap<_, price::Model>> = BTreeMap::new();
    for price in all {
        let often = (format!("{:?}", price.interval), price.interval_count);
        let of = by_product.entry(price.product_id.clone()).or_default();
        of.insert(often, price);
    }
    let mut offered = Vec::with_capacity(by_product.len());
    for (product, newest) in by_product {
        let mut at_stripe = Vec::with_capacity(newest.len());
        for price in newest.values() {
            at_stripe.push(prices::at_stripe::ensure(app, price, account).await?);
        }
        offered.push(OfferedProduct {
            product: product.to_string(),
            prices: at_stripe,
            quantity: quantity(newest.values()),
        });
    }
    Ok(offered)
}

/// The pieces that all of these prices allow. None: no number of them, or only one.
fn quantity<'a>(
    prices: impl Iterator<Item = &'a price::Model> + Clone,
) -> Option<(i64, Option<i64>)> {
    let least = prices.clone().map(|price| price.min_quantity.unwrap_or(1));
    let most = prices.filter_map(|price| price.max_quantity);
    match (least.max().unwrap_or(1), most.min()) {
        (least, Some(most)) if least >= most => None,
        bounds => Some(bounds),
    }
}
