//! The kinds of objects. Code that needs all of them uses [`Kind::ALL`], so that a new kind can't
//! be forgotten.

use serde::{Deserialize, Serialize};

/// Each kind with the noun of Stripe's `No such …`, and what a list of them is called.
macro_rules! kinds {
    ($($kind:ident: $noun:literal, $plural:literal;)*) => {
        /// The kind of a record. The names are journalled.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum Kind {
            $($kind,)*
        }

        impl Kind {
            pub const ALL: &[Kind] = &[$(Kind::$kind,)*];

            /// The noun in Stripe's `No such …`.
            pub fn noun(self) -> &'static str {
                match self {
                    $(Kind::$kind => $noun,)*
                }
            }

            /// What a list of them is called.
            pub fn plural(self) -> &'static str {
                match self {
                    $(Kind::$kind => $plural,)*
                }
            }
        }
    };
}

kinds! {
    Account: "account", "accounts";
    AccountLink: "object", "account_links";
    LoginLink: "object", "login_links";
    Person: "person", "persons";
    ExternalAccount: "external account", "external_accounts";
    Token: "token", "tokens";
    Customer: "customer", "customers";
    DeletedCustomer: "customer", "deleted_customers";
    CustomerSession: "customer_session", "customer_sessions";
    CustomerTxn: "customer_balance_transaction", "customer_balance_transactions";
    TaxId: "tax_id", "tax_ids";
    PaymentMethod: "PaymentMethod", "payment_methods";
    PaymentMethodConfiguration: "payment_method_configuration", "payment_method_configurations";
    Mandate: "mandate", "mandates";
    Session: "checkout.session", "checkout_sessions";
    ShippingRate: "shipping rate", "shipping_rates";
    Intent: "payment_intent", "payment_intents";
    ConfirmationToken: "confirmation_token", "confirmation_tokens";
    SetupIntent: "setupintent", "setup_intents";
    SetupAttempt: "setup_attempt", "setup_attempts";
    Charge: "charge", "charges";
    Refund: "refund", "refunds";
    Dispute: "dispute", "disputes";
    FraudWarning: "early_fraud_warning", "early_fraud_warnings";
    File: "file upload", "files";
    Fee: "application_fee", "application_fees";
    FeeRefund: "fee_refund", "application_fee_refunds";
    Transfer: "transfer", "transfers";
    Reversal: "transfer_reversal", "transfer_reversals";
    Txn: "balance transaction", "balance_transactions";
    Payout: "payout", "payouts";
    Topup: "topup", "topups";
    Coupon: "coupon", "coupons";
    PromotionCode: "promotion_code", "promotion_codes";
    Discount: "discount", "discounts";
    Product: "product", "products";
    ProductFeature: "product_feature", "product_features";
    Price: "price", "prices";
    Subscription: "subscription", "subscriptions";
    SubscriptionItem: "subscription_item", "subscription_items";
    Invoice: "invoice", "invoices";
    InvoiceItem: "invoiceitem", "invoiceitems";
    InvoicePayment: "invoice_payment", "invoice_payments";
    PortalConfiguration: "configuration", "billing_portal_configurations";
    PortalSession: "object", "billing_portal_sessions";
    TestClock: "test clock", "test_clocks";
    Event: "event", "events";
    CoreEvent: "event", "core_events";
    Endpoint: "webhook_endpoint", "webhook_endpoints";
    Destination: "event destination", "event_destinations";
    Delivery: "object", "deliveries";
}

impl Kind {
    /// Whether an object made on a test clock lives in that clock's time. Money doesn't: an account
    /// has one time.
    pub fn keeps_clock_time(self) -> bool {
        matches!(
            self,
            Kind::Customer
                | Kind::CustomerTxn
                | Kind::TaxId
                | Kind::PaymentMethod
                | Kind::Intent
                | Kind::SetupIntent
                | Kind::Discount
                | Kind::Subscription
                | Kind::SubscriptionItem
                | Kind::Invoice
                | Kind::InvoiceItem
        )
    }
}
