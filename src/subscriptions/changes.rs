//! Another plan or another quantity for a subscription, and beforehand what that costs. The buyer alone asks for it, so that nobody
//! is moved to another price by somebody else.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_entity::product::ProductStatus;
use souk_entity::subscription::{self, PendingUpdate};
use souk_entity::subscription_change::{self, ChangedItem, Column as C, ProrationBehavior};
use souk_entity::{JsonText, PriceId, SubscriptionChangeId, Timestamp, subscription_item};
use validator::Validate;

use crate::app::App;
use crate::audit;
use crate::catalog::prices::{self, PriceOffer};
use crate::error::{Error, Result};
use crate::http::{deserialize_some, json_objects};
use crate::ids;
use crate::stripe::requests::subscriptions as requests;
use crate::stripe::views::{InvoiceView, SubscriptionItemView, SubscriptionView};
use crate::stripe::{IdempotentCreate, key_until};

use super::{Seen, reread};

/// How long a preview holds: for no longer may a change be counted as of a moment that is past, since who takes less gets more
/// back the earlier that is.
const PREVIEW_HOLDS_MS: i64 = 3_600_000;

/// A change as the API asks for it.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct NewChange {
    #[serde(deserialize_with = "json_objects")]
    #[validate(
        length(min = 1, max = 20, message = "items has 1 to 20 items."),
        nested
    )]
    pub items: Vec<NewItem>,
    #[serde(default = "with_the_renewal")]
    pub proration_behavior: ProrationBehavior,
    /// Of a preview, so that it costs what that showed. By default now.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub proration_date: Option<Timestamp>,
}

fn with_the_renewal() -> ProrationBehavior {
    ProrationBehavior::CreateProrations
}

/// An item as it is to be.
#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct NewItem {
    /// Which of the subscription's. It may be left out where that has one.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub id: Option<String>,
    /// By default it stays.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub price_id: Option<PriceId>,
    /// By default it stays.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub quantity: Option<i64>,
}

/// A change that was checked.
struct Plan {
    /// Those that change.
    items: Vec<ChangedItem>,
    /// How the rest of the period is billed. In a trial there is none: nothing was paid yet.
    behavior: ProrationBehavior,
    /// Whether the period changes, which then begins anew. A trial goes on.
    restarts: bool,
    /// As of when the rest of the period is counted.
    proration_date: Option<Timestamp>,
}

/// What a change costs, as Stripe says.
pub(super) struct Preview {
    pub proration_date: Option<Timestamp>,
    /// The invoice that is made at once, if one is.
    pub now: Option<InvoiceView>,
    /// The invoice of the renewal. What is due now isn't in it.
    pub renewal: InvoiceView,
    /// When that is.
    pub renews_at: Option<Timestamp>,
    /// Whether the renewal's invoice has no lines of the rest of this period: they are due now.
    pub without_prorations: bool,
}

/// Asks Stripe what a change would cost. It changes nothing.
///
/// # Errors
/// As [`change`].
pub(super) async fn preview(app: &App, seen: Seen, new: NewChange) -> Result<Preview> {
    let seen = &as_at_stripe(app, seen).await?;
    let plan = plan(app, seen, &new).await?;
    let first = ask(app, seen, &plan, plan.behavior).await?;
    if !plan.invoices_now() {
        return Ok(Preview {
            proration_date: plan.proration_date,
            now: None,
            renewal: first,
            renews_at: seen
                .row
                .trial_end
                .filter(|_| is_trialing(&seen.row))
                .or(seen.row.current_period_end),
            without_prorations: false,
        });
    }
    // What the renewal costs: the same without the rest of this period. A period that begins anew is billed whole.
    let renewal = ask(app, seen, &plan, ProrationBehavior::None).await?;
    let begun = first.lines.iter().flat_map(|lines| &lines.data);
    let ends = begun.filter(|line| !line.is_proration());
    let end = ends
        .filter_map(|line| line.period.as_ref())
        .filter_map(|period| period.end);
    let renews_at = match plan.restarts {
        true => end.min().map(Timestamp::from_seconds),
        false => seen.row.current_period_end,
    };
    Ok(Preview {
        proration_date: plan.proration_date,
        now: Some(first),
        renewal,
        renews_at,
        without_prorations: true,
    })
}

async fn ask(
    app: &App,
    seen: &Seen,
    plan: &Plan,
    behavior: ProrationBehavior,
) -> Result<InvoiceView> {
    let change = requests::Change {
        items: &plan.items,
        proration_behavior: behavior,
        proration_date: plan
            .proration_date
            .filter(|_| behavior != ProrationBehavior::None),
    };
    let request = requests::preview(&seen.row.stripe_subscription, &change);
    let key = format!("preview:{}", ids::random_token());
    app.stripe
        .at(&seen.row.stripe_account)
        .post(&request, &key)
        .await
}

impl Plan {
    /// Whether Stripe makes an invoice of it at once.
    fn invoices_now(&self) -> bool {
        self.restarts || self.behavior == ProrationBehavior::AlwaysInvoice
    }
}

fn is_trialing(row: &subscription::Model) -> bool {
    row.status == "trialing"
}

/// Changes a subscription, once for an id. A second call with the same id and `may_resume` goes on with what the first one began.
/// What Stripe makes an invoice of at once waits until that is paid.
///
/// # Errors
/// A subscription that can't be changed as it is now; a field that is wrong; Stripe's refusal, or no answer.
pub(super) async fn change(
    app: &App,
    seen: Seen,
    id: SubscriptionChangeId,
    may_resume: bool,
    new: NewChange,
) -> Result<subscription::Model> {
    let begun = match may_resume {
        true => find(app, &id).await?,
        false => None,
    };
    let seen = match &begun {
        Some(begun) if begun.made_at.is_some() => return Ok(seen.row),
        _ => as_at_stripe(app, seen).await?,
    };
    let row = match begun {
        Some(begun) => begun,
        None => {
            let plan = plan(app, &seen, &new).await?;
            note(app, &seen, id, &plan).await?
        }
    };
    let answer = send(app, &seen, &row).await;
    let after = match answer {
        Ok(_) => {
            note_made(app, &seen, &row).await?;
            reread(app, &seen.row).await?
        }
        Err(Error::StripeRefused(fault)) => {
            // It may have ended meanwhile.
            check_state(&reread(app, &seen.row).await?)?;
            return Err(Error::StripeRefused(fault));
        }
        Err(e) => return Err(e),
    };
    Ok(after)
}

/// A subscription as Stripe shows it now, if it can be changed: an event may be lost, or on its way.
async fn as_at_stripe(app: &App, seen: Seen) -> Result<Seen> {
    let row = reread(app, &seen.row).await?;
    check_state(&row)?;
    Ok(Seen { row, ..seen })
}

/// Only what runs and is paid is changed: of a period that nobody has paid Stripe would credit the rest.
fn check_state(row: &subscription::Model) -> Result<()> {
    let refused = |code, message| Err(Error::conflict(code, message));
    if row.ended_at.is_some() {
        return refused(
            "subscription_ended",
            "This subscription has ended. Subscribe again.",
        );
    }
    if row.cancel_at_period_end || row.cancel_at.is_some() {
        return refused(
            "subscription_ending",
            "This subscription was cancelled, and ends. Resume it first.",
        );
    }
    match row.status.as_str() {
        "active" | "trialing" => Ok(()),
        "paused" => refused(
            "subscription_paused",
            "This subscription is paused. Resume it first.",
        ),
        "past_due" | "unpaid" => refused(
            "subscription_unpaid",
            "The last invoice of this subscription is unpaid. Pay it first.",
        ),
        _ => refused(
            "subscription_incomplete",
            "This subscription has not begun yet: its first invoice is unpaid.",
        ),
    }
}

/// Looks up what is asked for, and checks that a subscription can be of it.
async fn plan(app: &App, seen: &Seen, new: &NewChange) -> Result<Plan> {
    let known = items_of(app, &seen.row).await?;
    let mut changed: HashMap<String, ChangedItem> = HashMap::new();
    let mut periods = Vec::new();
    for (item, at) in new.items.iter().zip(0..) {
        let of = which(&known, item, at)?;
        let (is, offer) = item_as(app, seen, of, item, at).await?;
        if changed.insert(of.stripe_item.clone(), is).is_some() {
            let message = "An item of the subscription is changed once.";
            return Err(Error::invalid(format!("items[{at}].id"), message));
        }
        periods.extend(offer.map(|offer| (offer.price.interval, offer.price.interval_count)));
    }
    let restarts = check_period(app, &known, &changed, periods.first().copied()).await?;
    if periods.iter().any(|one| Some(one) != periods.first()) {
        return Err(mixed_intervals());
    }
    let is_same = |row: &subscription_item::Model| {
        let to = changed.get(&row.stripe_item);
        to.is_none_or(|to| to.price == row.stripe_price && to.quantity == row.quantity)
    };
    if known.iter().all(is_same) {
        let message = "This changes nothing: the subscription is of that already.";
        return Err(Error::invalid("items", message));
    }
    let proration_date = proration_date(app, &seen.row, new)?;
    let mut items: Vec<ChangedItem> = changed.into_values().collect();
    items.sort_by(|a, b| a.item.cmp(&b.item));
    let is_trial = is_trialing(&seen.row);
    Ok(Plan {
        items,
        behavior: match is_trial {
            true => ProrationBehavior::None,
            false => new.proration_behavior,
        },
        restarts: restarts && !is_trial,
        proration_date,
    })
}

/// What a subscription is of.
async fn items_of(app: &App, row: &subscription::Model) -> Result<Vec<subscription_item::Model>> {
    use subscription_item::Column as I;
    Ok(subscription_item::Entity::find()
        .filter(I::SubscriptionId.eq(row.id.clone()))
        .order_by_asc(I::StripeItem)
        .all(&app.db.read)
        .await?)
}

fn which<'a>(
    known: &'a [subscription_item::Model],
    item: &NewItem,
    at: usize,
) -> Result<&'a subscription_item::Model> {
    let param = format!("items[{at}].id");
    match (&item.id, known) {
        (Some(id), known) => known
            .iter()
            .find(|row| row.stripe_item == *id)
            .ok_or_else(|| Error::no_such("item of the subscription", param)),
        (None, [only]) => Ok(only),
        (None, _) => Err(Error::invalid(
            param,
            "The subscription has several items: name one of them.",
        )),
    }
}

/// An item as it is to be, with the price that it gets.
async fn item_as(
    app: &App,
    seen: &Seen,
    of: &subscription_item::Model,
    new: &NewItem,
    at: usize,
) -> Result<(ChangedItem, Option<PriceOffer>)> {
    let pieces = format!("items[{at}].quantity");
    let quantity = new.quantity.unwrap_or(of.quantity);
    let is_other = new.price_id.is_some() && new.price_id != of.price_id;
    let offer = match new.price_id.as_ref().or(of.price_id.as_ref()) {
        Some(id) => {
            let named = format!("items[{at}].price_id");
            let offer = prices::offer(app, id).await?;
            let offer = offer.ok_or_else(|| Error::no_such("price", named.clone()))?;
            if is_other {
                check_offer(seen, &offer, &named)?;
            }
            prices::check_quantity(&offer.price, quantity, &pieces)?;
            Some(offer)
        }
        // Somebody has made its price at Stripe, without limits of ours.
        None if !(1..=prices::MAX_QUANTITY).contains(&quantity) => {
            let message = format!("{pieces} is 1 to {}.", prices::MAX_QUANTITY);
            return Err(Error::invalid(pieces, message));
        }
        None => None,
    };
    let price = match (&offer, is_other) {
        (Some(offer), true) => {
            prices::at_stripe::ensure(app, &offer.price, &seen.row.stripe_account).await?
        }
        _ => of.stripe_price.clone(),
    };
    let changed = ChangedItem {
        item: Some(of.stripe_item.clone()),
        price,
        price_id: offer.as_ref().map(|offer| offer.price.id.clone()),
        quantity,
    };
    Ok((changed, offer.filter(|_| is_other)))
}

/// Whether a subscription may go to a price. Its product's stock isn't asked: it is taken when a subscription begins.
fn check_offer(seen: &Seen, offer: &PriceOffer, param: &str) -> Result<()> {
    let name = &offer.product.name;
    let archived = |code, message: String| {
        Err(Error::Conflict {
            code,
            param: Some(param.to_owned()),
            message,
        })
    };
    if offer.seller.id != seen.seller.id {
        let message = "A subscription stays with its seller: subscribe to this price anew.";
        return Err(Error::invalid_with("mixed_sellers", param, message));
    }
    if offer.product.currency != seen.row.currency {
        let message = format!(
            "A subscription stays in its currency ({}): subscribe to this price anew.",
            seen.row.currency
        );
        return Err(Error::invalid_with("mixed_currencies", param, message));
    }
    if offer.product.status != ProductStatus::Active {
        return archived("product_archived", format!("{name} is no longer for sale."));
    }
    if !offer.price.active {
        let message = format!("This price of {name} is no longer offered; choose another.");
        return archived("price_archived", message);
    }
    Ok(())
}

fn mixed_intervals() -> Error {
    let message = "A subscription holds prices of one period: change all of its items.";
    Error::invalid_with("mixed_intervals", "items", message)
}

/// Whether the subscription's period changes. `wanted` is that of the prices that it gets.
async fn check_period(
    app: &App,
    known: &[subscription_item::Model],
    changed: &HashMap<String, ChangedItem>,
    wanted: Option<(souk_entity::price::Interval, i32)>,
) -> Result<bool> {
    let Some(wanted) = wanted else {
        return Ok(false);
    };
    let mut restarts = false;
    for row in known {
        let Some(id) = &row.price_id else {
            continue;
        };
        let price = prices::find(&app.db.read, id).await?;
        let Some(price) = price.filter(|price| (price.interval, price.interval_count) != wanted)
        else {
            continue;
        };
        let to = changed.get(&row.stripe_item);
        if to.is_none_or(|to| to.price_id.as_ref() == Some(&price.id)) {
            return Err(mixed_intervals());
        }
        restarts = true;
    }
    Ok(restarts)
}

/// As of when the rest of the period is counted, in whole seconds as Stripe does.
fn proration_date(
    app: &App,
    row: &subscription::Model,
    new: &NewChange,
) -> Result<Option<Timestamp>> {
    if new.proration_behavior == ProrationBehavior::None || is_trialing(row) {
        return Ok(None);
    }
    let now = app.clock.now();
    let (start, end) = (row.current_period_start, row.current_period_end);
    let within =
        |at: Timestamp| start.is_none_or(|start| at >= start) && end.is_none_or(|end| at <= end);
    let whole = |at: Timestamp| Timestamp::from_seconds(at.seconds());
    match new.proration_date {
        // Stripe's clock may be a little behind ours.
        None => Ok(Some(whole(now)).filter(|at| within(*at))),
        Some(at) if at <= now && at >= now.plus_ms(-PREVIEW_HOLDS_MS) && within(whole(at)) => {
            Ok(Some(whole(at)))
        }
        Some(_) => Err(Error::invalid(
            "proration_date",
            "proration_date is that of a preview of the last hour, in the present period. Ask for another preview.",
        )),
    }
}

async fn find(app: &App, id: &SubscriptionChangeId) -> Result<Option<subscription_change::Model>> {
    let row = subscription_change::Entity::find_by_id(id.clone());
    Ok(row.one(&app.db.read).await?)
}

/// Writes down what is asked of Stripe.
async fn note(
    app: &App,
    seen: &Seen,
    id: SubscriptionChangeId,
    plan: &Plan,
) -> Result<subscription_change::Model> {
    let tx = app.db.begin_write().await?;
    let row = subscription_change::Model {
        id,
        subscription_id: seen.row.id.clone(),
        items: JsonText(plan.items.clone()),
        proration_behavior: plan.behavior,
        proration_date: plan.proration_date,
        invoices_now: plan.invoices_now(),
        requested_by: seen.actor.clone(),
        made_at: None,
        key_number: 1,
        key_until: key_until(tx.now()),
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    subscription_change::Entity::insert(row.clone().into_active_model())
        .on_conflict(OnConflict::column(C::Id).do_nothing().to_owned())
        .exec_without_returning(&tx)
        .await?;
    tx.commit().await?;
    Ok(row)
}

/// Asks Stripe for a change, under a key of its row. Where the key can't be trusted any more, Stripe is asked first whether it is
/// made.
async fn send(
    app: &App,
    seen: &Seen,
    row: &subscription_change::Model,
) -> Result<SubscriptionView> {
    let scope = app.stripe.at(&seen.row.stripe_account);
    let subscription = &seen.row.stripe_subscription;
    let change = requests::Change {
        items: &row.items.0,
        proration_behavior: row.proration_behavior,
        proration_date: row.proration_date,
    };
    let request = requests::change(subscription, &change, row.invoices_now);
    let is_made = async {
        let view: SubscriptionView = scope.get(&requests::retrieve(subscription)).await?;
        Ok(Some(view).filter(|view| is_as_asked(view, &row.items.0)))
    };
    let (id, number, until) = (&row.id, row.key_number, row.key_until);
    IdempotentCreate::of(subscription_change::Entity, id, number, until)
        .again_after_refusal()
        .make(&app.db, app.clock.now(), is_made, async |n| {
            scope.post(&request, &format!("change:{id}:{n}")).await
        })
        .await
}

/// Whether a subscription is of this, or is to be once an invoice is paid.
fn is_as_asked(view: &SubscriptionView, wanted: &[ChangedItem]) -> bool {
    let holds = |items: &[SubscriptionItemView]| {
        wanted.iter().all(|to| {
            items.iter().any(|item| {
                Some(&item.id) == to.item.as_ref()
                    && item.price.id == to.price
                    && item.quantity == Some(to.quantity)
            })
        })
    };
    let pending = view.pending_update.as_ref();
    let pending = pending.and_then(|pending| pending.subscription_items.as_deref());
    view.items.as_ref().is_some_and(|items| holds(&items.data)) || pending.is_some_and(holds)
}

/// Notes that Stripe has taken a change, once.
async fn note_made(app: &App, seen: &Seen, row: &subscription_change::Model) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let noted = subscription_change::Entity::update_many()
        .col_expr(C::MadeAt, Expr::value(tx.now()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(row.id.clone()))
        .filter(C::MadeAt.is_null())
        .exec(&tx)
        .await?;
    if noted.rows_affected == 1 {
        let items = row.items.0.iter().map(
            |item| json!({ "item": item.item, "price": item.price_id, "quantity": item.quantity }),
        );
        let items: Vec<_> = items.collect();
        let data = json!({ "items": items, "proration_behavior": row.proration_behavior });
        let (actor, subject) = (&seen.actor, seen.row.id.as_ref());
        audit::record(&tx, actor, "subscription.changed", subject, data).await?;
    }
    tx.commit().await
}

/// The change that a subscription at Stripe waits with.
pub(super) fn pending_of(view: &SubscriptionView) -> Option<PendingUpdate> {
    let pending = view.pending_update.as_ref()?;
    let items = pending.subscription_items.iter().flatten();
    let items = items.map(|item| ChangedItem {
        item: Some(item.id.clone()),
        price: item.price.id.clone(),
        price_id: None,
        quantity: item.quantity.unwrap_or(1),
    });
    Some(PendingUpdate {
        items: items.collect(),
        expires_at: Timestamp::from_seconds(pending.expires_at),
    })
}
