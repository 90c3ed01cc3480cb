//! What a buyer subscribes to, and sessions of `mode=subscription` (docs.stripe.com/payments/subscriptions): the buyer agrees to pay
//! recurring prices, and pays the first period, or begins a trial. The subscription exists once the session is complete, and not
//! before. Without a session it begins in `payments/invoices/first`.

use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect};
use souk_entity::payment::{CaptureMethod, PaymentKind};
use souk_entity::{
    AccountId, Metadata, OrderId, PaymentId, customer, seller, subscription, subscription_item,
};

use crate::app::App;
use crate::catalog::prices::{self, PriceOffer};
use crate::catalog::promotions::redemptions::GivenCode;
use crate::customers;
use crate::error::{Error, Result};
use crate::identity::Buyer;
use crate::money::{self, FeeRule};
use crate::orders::PricedLine;
use crate::stripe::requests::checkout::{self as request, Cycle, NewSubscription, SubscribedLine};
use crate::{ids, sellers};

use super::super::saved_cards::{self, Wish};
use super::origin::Origin;
use super::placing::NewPayment;
use super::pricing::{self, Basket, mixed_currencies, mixed_sellers};
use super::terms::{PaymentMethodCollection, Terms};
use super::{CaptureChoice, CheckoutLine, MIN_LIFETIME_MS, NewCheckout, given_code, marks, page};

/// What a buyer wants to subscribe to, as the API asks for it.
pub(in crate::payments) struct Wanted<'a> {
    pub lines: &'a [CheckoutLine],
    pub terms: Terms<'a>,
    pub promotion_code: Option<&'a str>,
    /// A card that they have saved.
    pub payment_method: Option<&'a str>,
    /// Whether a code may be entered on a page.
    pub allow_promotion_codes: Option<bool>,
    /// Whether a product may be subscribed to once more.
    pub allow_another_subscription: Option<bool>,
    pub metadata: Option<Metadata>,
    pub origin: Origin,
}

/// What a buyer subscribes to, with its prices, which Stripe knows.
pub(in crate::payments) struct Subscribed {
    /// What is to be paid now. Where Stripe prorates it, what a whole period costs.
    pub basket: Basket,
    pub lines: Vec<SubscribedLine>,
    pub cycle: Cycle,
    pub promotion: Option<GivenCode>,
    /// Stripe's customer.
    pub customer: String,
    /// The card that pays.
    pub payment_method: Option<String>,
    /// What the platform's share takes of what is to be paid now, in minor units.
    pub application_fee: i64,
    /// Whether Stripe reckons what a part of the first period costs.
    pub is_prorated: bool,
}

/// Of one seller, in one currency.
struct Plan {
    seller: seller::Model,
    account: AccountId,
    /// With how many pieces of each.
    lines: Vec<(PriceOffer, i64)>,
}

/// Prices what a buyer wants to subscribe to. They have a customer at Stripe afterwards, and the prices are there.
///
/// # Errors
/// Lines that can't be subscribed to together or now, and terms that don't go with them.
pub(in crate::payments) async fn prepare(
    app: &App,
    buyer: &Buyer,
    wanted: Wanted<'_>,
) -> Result<Subscribed> {
    let plan = plan(app, wanted.lines).await?;
    let offers = plan.lines;
    check_not_subscribed(app, buyer, &wanted, &offers).await?;
    let first = offers.first().map(|(first, _)| first);
    let first = first.ok_or_else(|| Error::internal("a checkout without lines"))?;
    let cycle = wanted.terms.cycle(first, app.clock.now())?;
    let is_free = cycle.trial_days.is_some() || cycle.anchor.is_some() && !cycle.prorates;
    let is_prorated = cycle.anchor.is_some() && cycle.prorates;
    let sold = (plan.seller, plan.account, due_now(&offers, is_free)?);
    let email = buyer.email().to_owned();
    let basket = pricing::basket(
        app,
        Some(buyer),
        email,
        sold,
        wanted.metadata,
        wanted.origin,
    )?;
    let promotion = match wanted.promotion_code {
        Some(typed) => Some(given_code(app, typed, wanted.allow_promotion_codes, &basket).await?),
        None => None,
    };
    let discount = promotion.as_ref().map_or(0, |code| code.discount);
    let total = money::sub(basket.subtotal, discount)?;
    basket.check_total(total)?;
    // Stripe takes a share of each invoice as the application fee, and no fixed part
    // (docs.stripe.com/connect/subscriptions#collecting-fees-on-subscriptions).
    let share = FeeRule {
        bps: basket.fee_rule.bps,
        ..FeeRule::default()
    };
    let application_fee = share.of(total, &basket.currency)?;
    let wish = Wish {
        payment_method: wanted.payment_method,
        saves: false,
    };
    let chosen = saved_cards::choose(app, Some(buyer), &basket.account, wish).await?;
    let mut lines = Vec::with_capacity(offers.len());
    for (offer, quantity) in &offers {
        let price = prices::at_stripe::ensure(app, &offer.price, &basket.account).await?;
        lines.push(SubscribedLine {
            price,
            quantity: *quantity,
        });
    }
    let (_, customer) = customers::ensure(app, buyer, &basket.account).await?;
    Ok(Subscribed {
        basket,
        lines,
        cycle,
        promotion,
        customer,
        payment_method: chosen.payment_method,
        application_fee,
        is_prorated,
    })
}

/// Prices a session, and prepares its request.
///
/// # Errors
/// 401 for whoever has proved no address, and those of `prepare`.
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
    let wanted = Wanted {
        lines: &new.lines,
        terms: new.terms(),
        promotion_code: new.promotion_code.as_deref(),
        payment_method: None,
        allow_promotion_codes: new.allow_promotion_codes,
        metadata: new.metadata.clone(),
        origin: new.origin.clone(),
        allow_another_subscription: new.allow_another_subscription,
    };
    let subscribed = prepare(app, buyer, wanted).await?;
    let lifetime_ms = new
        .expires_in
        .map(|seconds| seconds.saturating_mul(1000).max(MIN_LIFETIME_MS));
    let promotion = subscribed.promotion;
    let allow_discounts = promotion.is_none() && new.allow_promotion_codes.unwrap_or(true);
    let expires_at = |lifetime_ms| app.clock.now().plus_ms(lifetime_ms).seconds();
    let basket = subscribed.basket;
    let new = NewSubscription {
        lines: &subscribed.lines,
        fee_bps: basket.fee_rule.bps,
        cycle: &subscribed.cycle,
        card_if_required: new.payment_method_collection
            == Some(PaymentMethodCollection::IfRequired),
        page: &page.at_stripe,
        customer: &subscribed.customer,
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
        application_fee: subscribed.application_fee,
        fee_follows_paid: true,
        promotion,
        allow_discounts,
        page: page.kept,
        customer: Some(subscribed.customer),
        lifetime_ms,
        capture_method: CaptureMethod::Automatic,
        is_prorated: subscribed.is_prorated,
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
    wanted: &Wanted<'_>,
    offers: &[(PriceOffer, i64)],
) -> Result<()> {
    use subscription_item::Column as I;
    if wanted.allow_another_subscription == Some(true) {
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

/// What is to be paid now: what a period costs, or nothing.
fn due_now(offers: &[(PriceOffer, i64)], is_free: bool) -> Result<Vec<PricedLine>> {
    let priced = |(offer, quantity): &(PriceOffer, i64)| {
        let unit_amount = match is_free {
            true => 0,
            false => offer.price.unit_amount,
        };
        Ok(PricedLine {
            product: offer.product.clone(),
            unit_amount,
            quantity: *quantity,
            amount: money::times(unit_amount, *quantity)?,
        })
    };
    offers.iter().map(priced).collect()
}
