//! Stripe's billing portal, where buyers change and end their subscriptions, see their invoices, and keep their cards. What they do
//! there comes back by events, as whatever else happens at Stripe.

mod configuration;
pub mod routes;

use serde::Deserialize;
use souk_entity::{CustomerId, SellerId, customer, seller};

use crate::app::App;
use crate::customers;
use crate::error::{Error, Result};
use crate::http::{allowed_redirect, check_stripe_id};
use crate::identity::Buyer;
use crate::ids;
use crate::sellers;
use crate::stripe::requests::portal::{self as requests, PortalFlow};
use crate::stripe::views::PortalSessionView;

use super::seen_by;

/// Of what a portal session is asked for: everything of a seller's, or one subscription.
pub struct NewSession {
    /// Exactly one of the two.
    pub seller_id: Option<SellerId>,
    /// Stripe's id.
    pub subscription_id: Option<String>,
    /// On an allowed origin. None: our own page.
    pub return_url: Option<String>,
    /// What it begins with.
    pub flow: Option<FlowType>,
}

/// What a session may begin with, as Stripe calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowType {
    /// Of a subscription.
    SubscriptionCancel,
    /// Of a subscription.
    SubscriptionUpdate,
    /// Of any.
    PaymentMethodUpdate,
}

/// A session that was made.
pub struct MadeSession {
    /// Its link, for the buyer's browser at once.
    pub session: PortalSessionView,
    /// Whose it is.
    pub customer: CustomerId,
    /// With whom.
    pub seller: SellerId,
    /// Where it leads back to.
    pub return_url: String,
}

/// Makes a session of the portal on the seller's account for the buyer's customer there. Nobody else may, not even the seller's owner
/// or an admin: they would be the buyer there. It is stored nowhere.
///
/// # Errors
/// Names the field that is wrong; 404; `subscription_ended`, `seller_not_active`; Stripe's refusal, or no answer.
pub async fn open(app: &App, buyer: &Buyer, new: NewSession) -> Result<MadeSession> {
    let return_url = match new.return_url {
        Some(given) => allowed_redirect(&app.config, "return_url", given)?,
        None => app.config.page("/"),
    };
    let (seller, customer, flow) = match (new.seller_id, new.subscription_id) {
        (Some(seller), None) => of_seller(app, buyer, &seller, new.flow).await?,
        (None, Some(subscription)) => of_subscription(app, buyer, subscription, new.flow).await?,
        _ => {
            return Err(Error::invalid(
                "seller_id",
                "Give seller_id or subscription_id, and not both.",
            ));
        }
    };
    let known = customer.stripe_customer.as_deref();
    let known = known.ok_or_else(|| Error::no_such("customer", "seller_id"))?;
    let configuration = configuration::ensure(app, &seller, &customer.stripe_account).await?;
    let ask = async |configuration: &str| {
        let request = requests::create_session(known, configuration, &return_url, flow.as_ref());
        // A new key each time, since each click wants a link of its own.
        let key = format!("portal:{}", ids::random_token());
        let scope = app.stripe.at(&customer.stripe_account);
        scope.post::<PortalSessionView, _>(&request, &key).await
    };
    let session = match ask(&configuration).await {
        // The seller has switched it off in the dashboard.
        Err(Error::StripeRefused(fault)) if fault.param.as_deref() == Some("configuration") => {
            configuration::doubt(app, &customer.stripe_account).await?;
            let again = configuration::ensure(app, &seller, &customer.stripe_account).await?;
            ask(&again).await?
        }
        made => made?,
    };
    Ok(MadeSession {
        session,
        customer: customer.id,
        seller: seller.id,
        return_url,
    })
}

type Found = (seller::Model, customer::Model, Option<PortalFlow>);

async fn of_seller(
    app: &App,
    buyer: &Buyer,
    id: &SellerId,
    flow: Option<FlowType>,
) -> Result<Found> {
    let flow = match flow {
        None => None,
        Some(FlowType::PaymentMethodUpdate) => Some(PortalFlow::PaymentMethodUpdate),
        Some(_) => {
            return Err(Error::invalid(
                "subscription_id",
                "This flow is of one subscription: give subscription_id, and not seller_id.",
            ));
        }
    };
    let missing = || Error::no_such("seller", "seller_id");
    let seller = sellers::find(&app.db.read, id).await?.ok_or_else(missing)?;
    let account = seller.stripe_account.clone().ok_or_else(missing)?;
    let livemode = app.stripe.livemode();
    let customer = customers::of_buyer(&app.db.read, buyer, &account, livemode).await?;
    let customer = customer.ok_or_else(|| Error::no_such("customer", "seller_id"))?;
    Ok((seller, customer, flow))
}

async fn of_subscription(
    app: &App,
    buyer: &Buyer,
    id: String,
    flow: Option<FlowType>,
) -> Result<Found> {
    check_stripe_id("subscription_id", "sub_", &id)?;
    let missing = || Error::no_such("subscription", "subscription_id");
    let seen = match seen_by(app, buyer, &id).await {
        Err(Error::NotFound(_)) => return Err(missing()),
        seen => seen?,
    };
    let customer = customers::find(&app.db.read, &seen.row.customer_id).await?;
    let customer = customer.filter(|one| customers::is_of(one, buyer));
    let customer = customer.ok_or_else(missing)?;
    let flow = match flow {
        None => None,
        Some(FlowType::PaymentMethodUpdate) => Some(PortalFlow::PaymentMethodUpdate),
        Some(_) if seen.row.ended_at.is_some() => {
            return Err(Error::conflict(
                "subscription_ended",
                "This subscription has ended. Subscribe again.",
            ));
        }
        Some(FlowType::SubscriptionCancel) => Some(PortalFlow::SubscriptionCancel(id)),
        Some(FlowType::SubscriptionUpdate) => Some(PortalFlow::SubscriptionUpdate(id)),
    };
    Ok((seen.seller, customer, flow))
}
