//! The billing portal (docs.stripe.com/api/customer_portal).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use stripe_billing::billing_portal_configuration::{
    CreateBillingPortalConfiguration, CreateBillingPortalConfigurationFeatures, InvoiceListParam,
    ListBillingPortalConfiguration, PaymentMethodUpdateParam,
    SubscriptionUpdateProductAdjustableQuantityParam, SubscriptionUpdateProductParam,
    UpdateBillingPortalConfiguration, UpdateBillingPortalConfigurationFeatures,
    UpdateBillingPortalConfigurationFeaturesCustomerUpdate,
    UpdateBillingPortalConfigurationFeaturesSubscriptionCancel,
    UpdateBillingPortalConfigurationFeaturesSubscriptionCancelMode,
    UpdateBillingPortalConfigurationFeaturesSubscriptionUpdate,
    UpdateBillingPortalConfigurationFeaturesSubscriptionUpdateDefaultAllowedUpdates as Allowed,
    UpdateBillingPortalConfigurationFeaturesSubscriptionUpdateProrationBehavior,
};
use stripe_billing::billing_portal_session::{
    CreateBillingPortalSession, CreateBillingPortalSessionFlowData,
    CreateBillingPortalSessionFlowDataAfterCompletion,
    CreateBillingPortalSessionFlowDataAfterCompletionRedirect,
    CreateBillingPortalSessionFlowDataAfterCompletionType,
    CreateBillingPortalSessionFlowDataSubscriptionCancel,
    CreateBillingPortalSessionFlowDataSubscriptionUpdate, CreateBillingPortalSessionFlowDataType,
};
use stripe_client_core::StripeRequest;

use super::LIMIT;

/// The `metadata` name that carries our row's id.
pub const METADATA_CONFIGURATION: &str = "souk_portal_configuration";
/// The most products of which a configuration offers prices, as Stripe has it (`features.subscription_update.products`).
pub const MOST_PRODUCTS: u64 = 10;

/// A product of which the portal offers prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedProduct {
    /// Its id at Stripe.
    pub product: String,
    /// Those of its prices.
    pub prices: Vec<String>,
    /// The least and the most pieces. None: the quantity can't be changed there.
    pub quantity: Option<(i64, Option<i64>)>,
}

/// Creates a configuration. What it offers is told by `update_configuration`.
pub fn create_configuration(id: &str) -> impl StripeRequest + use<> {
    let mut features = CreateBillingPortalConfigurationFeatures::new();
    features.invoice_history = Some(InvoiceListParam::new(true));
    CreateBillingPortalConfiguration::new(features).metadata(HashMap::from([(
        METADATA_CONFIGURATION.to_owned(),
        id.to_owned(),
    )]))
}

/// A page of the configurations, newest first.
pub fn list_configurations(starting_after: Option<&str>) -> ListBillingPortalConfiguration {
    let list = ListBillingPortalConfiguration::new().limit(LIMIT);
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}

/// Says what buyers may do. They end a subscription with its period, as by our API; what they change is settled with the next
/// invoice; who they are, they say to us.
pub fn update_configuration(
    configuration: &str,
    offered: &[OfferedProduct],
) -> impl StripeRequest + use<> {
    let product = |one: &OfferedProduct| {
        let mut quantity = SubscriptionUpdateProductAdjustableQuantityParam::new(false);
        if let Some((least, most)) = one.quantity {
            quantity.enabled = true;
            quantity.minimum = Some(least);
            quantity.maximum = most;
        }
        let mut param =
            SubscriptionUpdateProductParam::new(one.prices.clone(), one.product.clone());
        param.adjustable_quantity = Some(quantity);
        param
    };
    let mut update = UpdateBillingPortalConfigurationFeaturesSubscriptionUpdate::new();
    update.enabled = Some(!offered.is_empty());
    if !offered.is_empty() {
        update.default_allowed_updates = Some(vec![Allowed::Price, Allowed::Quantity]);
        update.proration_behavior = Some(
            UpdateBillingPortalConfigurationFeaturesSubscriptionUpdateProrationBehavior::CreateProrations,
        );
        update.products = Some(offered.iter().map(product).collect());
    }
    let mut cancel = UpdateBillingPortalConfigurationFeaturesSubscriptionCancel::new();
    cancel.enabled = Some(true);
    cancel.mode = Some(UpdateBillingPortalConfigurationFeaturesSubscriptionCancelMode::AtPeriodEnd);
    let mut customer = UpdateBillingPortalConfigurationFeaturesCustomerUpdate::new();
    customer.enabled = Some(false);
    let mut features = UpdateBillingPortalConfigurationFeatures::new();
    features.customer_update = Some(customer);
    features.invoice_history = Some(InvoiceListParam::new(true));
    features.payment_method_update = Some(PaymentMethodUpdateParam::new(true));
    features.subscription_cancel = Some(cancel);
    features.subscription_update = Some(update);
    UpdateBillingPortalConfiguration::new(configuration)
        .active(true)
        .features(features)
}

/// What a session begins with (docs.stripe.com/customer-management/portal-deep-links).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortalFlow {
    /// Ending this subscription.
    SubscriptionCancel(String),
    /// Changing its price or quantity.
    SubscriptionUpdate(String),
    /// Another card.
    PaymentMethodUpdate,
}

/// Creates a session of a customer's. Who has done what a flow is for goes back at once.
pub fn create_session(
    customer: &str,
    configuration: &str,
    return_url: &str,
    flow: Option<&PortalFlow>,
) -> impl StripeRequest + use<> {
    let session = CreateBillingPortalSession::new()
        .customer(customer)
        .configuration(configuration)
        .return_url(return_url);
    match flow {
        Some(flow) => session.flow_data(flow_data(flow, return_url)),
        None => session,
    }
}

fn flow_data(flow: &PortalFlow, return_url: &str) -> CreateBillingPortalSessionFlowData {
    use CreateBillingPortalSessionFlowDataType as Type;
    let mut data = CreateBillingPortalSessionFlowData::new(match flow {
        PortalFlow::SubscriptionCancel(_) => Type::SubscriptionCancel,
        PortalFlow::SubscriptionUpdate(_) => Type::SubscriptionUpdate,
        PortalFlow::PaymentMethodUpdate => Type::PaymentMethodUpdate,
    });
    match flow {
        PortalFlow::SubscriptionCancel(id) => {
            let cancel = CreateBillingPortalSessionFlowDataSubscriptionCancel::new(id.as_str());
            data.subscription_cancel = Some(cancel);
        }
        PortalFlow::SubscriptionUpdate(id) => {
            let update = CreateBillingPortalSessionFlowDataSubscriptionUpdate::new(id.as_str());
            data.subscription_update = Some(update);
        }
        PortalFlow::PaymentMethodUpdate => {}
    }
    let redirect = CreateBillingPortalSessionFlowDataAfterCompletionRedirect::new(return_url);
    let mut after = CreateBillingPortalSessionFlowDataAfterCompletion::new(
        CreateBillingPortalSessionFlowDataAfterCompletionType::Redirect,
    );
    after.redirect = Some(redirect);
    data.after_completion = Some(after);
    data
}
