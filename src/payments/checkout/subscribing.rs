//! Sessions of `mode=subscription` (docs.stripe.com/payments/subscriptions): the buyer agrees to pay recurring prices, and pays the
//! first period, or begins a trial. The subscription exists once the session is complete, and not before.

use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect};
use souk_entity::payment::{CaptureMethod, PaymentKind};
use souk_entity::{
    AccountId, OrderId, PaymentId, customer, seller, subscription, subscription_item,
};

use crate::app::App;
use crate::catalog::prices::{self, PriceOffer};
use crate::customers;
use crate::error::{Error, Result};
use crate::identity::Buyer;
use crate::money;
use crate::orders::PricedLine;
use crate::stripe::requests::checkout::{self as request, NewSubscription, SubscribedLine};
use crate::{ids, sellers};

use super::placing::NewPayment;
use super::pricing::{self, Basket, mixed_currencies, mixed_sellers};
use super::{CaptureChoice, CheckoutLine, MIN_LIFETIME_MS, NewCheckout, given_code, marks, page};

/// What a buyer subscribes to, of one seller.
struct Plan {
    seller: seller::Model,
    account: AccountId,
    /// With how many pieces of each.
    lines: Vec<(PriceOffer, i64)>,
}

/// Prices a session, and prepares its request. The buyer has a customer at Stripe afterwards, and the prices are there.
///
/// # Errors
/// 401 for whoever has proved no address; lines that can't be subscribed to together or now.
pub(super) async fn session(
    app: &App,
    buyer: Option<&Buyer>,
    order: &OrderId,
    new: NewCheckout,
) -> Result<(Basket, NewPayment)> {
    let buyer = buyer.ok_or(Error::Unauthenticated(
        "unauthenticated",
        "Log in to subscribe, or prove your address (POST /v1/address_verifications) and send the Guest-Token.",
    ))?;
    check_fields(buyer, &new)?;
    let id: PaymentId = ids::new(app.clock.now());
    let page = page::of(app, &new, &id)?;
    let plan = plan(app, &new.lines).await?;
    let offers = plan.lines;
    check_not_subscribed(app, buyer, &new, &offers).await?;
    let (trial, lines) = due_now(&offers)?;
    let sold = (plan.seller, plan.account, lines);
    let email = buyer.email().to_owned();
    let mut basket = pricing::basket(app, Some(buyer), email, sold, new.metadata, new.origin)?;
    // Stripe takes a share of each invoice as the application fee, and no fixed part
    // (docs.stripe.com/connect/subscriptions#collecting-fees-on-subscriptions).
    basket.fee_rule.fixed.clear();
    let promotion = match &new.promotion_code {
        Some(typed) => Some(given_code(app, typed, new.allow_promotion_codes, &basket).await?),
        None => None,
    };
    let total = money::sub(
        basket.subtotal,
        promotion.as_ref().map_or(0, |code| code.discount),
    )?;
    basket.check_total(total)?;
    let mut subscribed = Vec::with_capacity(offers.len());
    for (offer, quantity) in &offers {
        let price = prices::at_stripe::ensure(app, &offer.price, &basket.account).await?;
        subscribed.push(SubscribedLine {
            price,
            quantity: *quantity,
        });
    }
    let (_, customer) = customers::ensure(app, buyer, &basket.account).await?;
    let lifetime_ms = new
        .expires_in
        .map(|seconds| seconds.saturating_mul(1000).max(MIN_LIFETIME_MS));
    let allow_discounts = promotion.is_none() && new.allow_promotion_codes.unwrap_or(true);
    let expires_at = |lifetime_ms| app.clock.now().plus_ms(lifetime_ms).seconds();
    let new = NewSubscription {
        lines: &subscribed,
        fee_bps: basket.fee_rule.bps,
        trial_days: trial,
        page: &page.at_stripe,
        customer: &customer,
        expires_at: lifetime_ms.map(expires_at),
        allow_promotion_codes: allow_discounts,
        promotion_code: promotion
            .as_ref()
            .map(|code| code.stripe_promotion_code.as_str()),
        metadata: marks(order, &id),
        reference: order.as_ref(),
    };
    let scope = app.stripe.at(&basket.account);
    let request = scope.prepare(&request::subscribe(new));
    let payment = NewPayment {
        id,
        kind: PaymentKind::Session,
        request,
        application_fee: basket.fee_rule.of(total, &basket.currency)?,
        fee_follows_paid: true,
        promotion,
        allow_discounts,
        page: page.kept,
        customer: Some(customer),
        lifetime_ms,
        capture_method: CaptureMethod::Automatic,
    };
    Ok((basket, payment))
}

/// Refuses whoever has a subscription to one of the products already, so that nobody pays twice by mistake, unless
/// they ask for it.
///
/// # Errors
/// `already_subscribed`.
async fn check_not_subscribed(
    app: &App,
    buyer: &Buyer,
    new: &NewCheckout,
    offers: &[(PriceOffer, i64)],
) -> Result<()> {
    use subscription_item::Column as I;
    if new.allow_another_subscription == Some(true) {
        return Ok(());
    }
    let of = subscription_item::Entity::belongs_to(subscription::Entity)
        .from(I::SubscriptionId)
        .to(subscription::Column::Id);
    let owner = subscription::Entity::belongs_to(customer::Entity)
        .from(subscription::Column::CustomerId)
        .to(customer::Column::Id);
    let products = offers.iter().map(|(offer, _)| offer.product.id.clone());
    let subscribed = subscription_item::Entity::find()
        .join(JoinType::InnerJoin, of.into())
        .join(JoinType::InnerJoin, owner.into())
        .filter(customers::theirs(buyer))
        .filter(I::ProductId.is_in(products))
        .filter(subscription::Column::EndedAt.is_null())
        .filter(subscription::Column::Status.ne("incomplete"))
        .filter(subscription::Column::Livemode.eq(app.stripe.livemode()))
        .one(&app.db.read)
        .await?;
    let Some(item) = subscribed else {
        return Ok(());
    };
    let at = offers
        .iter()
        .position(|(offer, _)| item.product_id.as_ref() == Some(&offer.product.id));
    Err(Error::Conflict {
        code: "already_subscribed",
        param: at.map(|at| format!("lines[{at}].price_id")),
        message: "You have a subscription to this already: change, resume or pay that one. To have another one beside it, send \
                  allow_another_subscription."
            .to_owned(),
    })
}

/// Refuses what a subscription doesn't have.
fn check_fields(buyer: &Buyer, new: &NewCheckout) -> Result<()> {
    let other = new
        .customer_email
        .as_deref()
        .is_some_and(|typed| !typed.trim().eq_ignore_ascii_case(buyer.email()));
    let refused = [
        (
            "customer_email",
            other,
            "A subscription is for whoever asks for it: leave customer_email out.",
        ),
        (
            "capture_method",
            new.capture_method == Some(CaptureChoice::Manual),
            "The money of a subscription isn't held: leave capture_method out.",
        ),
        (
            "save_payment_method",
            new.save_payment_method == Some(false),
            "A subscription keeps the card that pays it: leave save_payment_method out.",
        ),
    ];
    for (field, is_wrong, why) in refused {
        if is_wrong {
            return Err(Error::invalid(field, why));
        }
    }
    Ok(())
}

/// Looks the prices up and checks that they can be subscribed to together now.
async fn plan(app: &App, wanted: &[CheckoutLine]) -> Result<Plan> {
    let mut lines: Vec<(PriceOffer, i64)> = Vec::with_capacity(wanted.len());
    for (line, at) in wanted.iter().zip(0..) {
        let named = format!("lines[{at}].price_id");
        if line.product_id.is_some() {
            return Err(Error::invalid(
                format!("lines[{at}].product_id"),
                "In mode subscription a line names a recurring price (price_id).",
            ));
        }
        let id = line.price_id.as_ref().ok_or_else(|| {
            Error::invalid(named.clone(), "A line names a recurring price: price_id.")
        })?;
        let offer = prices::offer(app, id).await?;
        let offer = offer.ok_or_else(|| Error::no_such("price", named.clone()))?;
        let pieces = format!("lines[{at}].quantity");
        offer.check_purchasable(line.quantity, (&named, &pieces))?;
        if let Some((first, _)) = lines.first() {
            check_together(first, &offer)?;
        }
        if lines
            .iter()
            .any(|(other, _)| other.price.id == offer.price.id)
        {
            return Err(Error::invalid(
                named,
                "A price stands in one line only: raise its quantity.",
            ));
        }
        lines.push((offer, line.quantity));
    }
    let seller = lines.first().map(|(first, _)| first.seller.clone());
    let seller = seller.ok_or_else(|| Error::internal("a checkout without lines"))?;
    let account = sellers::charging_account(app, &seller)?.clone();
    Ok(Plan {
        seller,
        account,
        lines,
    })
}

/// Whether two prices can be of one subscription.
fn check_together(first: &PriceOffer, other: &PriceOffer) -> Result<()> {
    if first.seller.id != other.seller.id {
        return Err(mixed_sellers());
    }
    if first.product.currency != other.product.currency {
        return Err(mixed_currencies());
    }
    let period = |offer: &PriceOffer| (offer.price.interval, offer.price.interval_count);
    if period(first) != period(other) {
        return Err(Error::invalid_with(
            "mixed_intervals",
            "lines",
            "A subscription holds prices of one period.",
        ));
    }
    if first.price.trial_period_days != other.price.trial_period_days {
        return Err(Error::invalid_with(
            "mixed_trials",
            "lines",
            "A subscription holds prices with one trial.",
        ));
    }
    Ok(())
}

/// The days of the trial, and what is to be paid now: in a trial nothing.
fn due_now(offers: &[(PriceOffer, i64)]) -> Result<(Option<i32>, Vec<PricedLine>)> {
    let trial = offers.first();
    let trial = trial.and_then(|(first, _)| first.price.trial_period_days);
    let priced = |(offer, quantity): &(PriceOffer, i64)| {
        let unit_amount = match trial {
            Some(_) => 0,
            None => offer.price.unit_amount,
        };
        Ok(PricedLine {
            product: offer.product.clone(),
            unit_amount,
            quantity: *quantity,
            amount: money::times(unit_amount, *quantity)?,
        })
    };
    let lines = offers.iter().map(priced);
    Ok((trial, lines.collect::<Result<_>>()?))
}
