//! Attempts to collect money, each through one Stripe object on one account.

use crate::ids::{AccountId, PaymentId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// The kind of Stripe object that collects the money.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum PaymentKind {
    /// A Checkout Session.
    #[sea_orm(string_value = "session")]
    Session,
    /// A payment intent of its own.
    #[sea_orm(string_value = "intent")]
    Intent,
    /// An invoice.
    #[sea_orm(string_value = "invoice")]
    Invoice,
}

/// On whose account the charge is made (docs.stripe.com/connect/charges).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum ChargeType {
    /// The seller's.
    #[sea_orm(string_value = "direct")]
    Direct,
    /// The platform's, with a transfer to the seller.
    #[sea_orm(string_value = "destination")]
    Destination,
    /// The platform's, with transfers of their own.
    #[sea_orm(string_value = "separate")]
    Separate,
}

/// When the money is taken (docs.stripe.com/api/payment_intents/object#payment_intent_object-capture_method).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum CaptureMethod {
    /// When the buyer's bank has authorized it.
    #[sea_orm(string_value = "automatic")]
    Automatic,
    /// As `automatic`, told later.
    #[sea_orm(string_value = "automatic_async")]
    AutomaticAsync,
    /// When the seller asks for it.
    #[sea_orm(string_value = "manual")]
    Manual,
}

/// Where a session is paid (docs.stripe.com/api/checkout/sessions/create#create_checkout_session-ui_mode).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum UiMode {
    /// On Stripe's own page.
    #[sea_orm(string_value = "hosted_page")]
    HostedPage,
    /// In a frame of Stripe's inside another page.
    #[sea_orm(string_value = "embedded_page")]
    EmbeddedPage,
    /// In elements that another page arranges.
    #[sea_orm(string_value = "elements")]
    Elements,
}

/// Whether a buyer who has paid in a frame is sent elsewhere
/// (docs.stripe.com/api/checkout/sessions/create#create_checkout_session-redirect_on_completion).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum RedirectOnCompletion {
    /// To `return_url`.
    #[sea_orm(string_value = "always")]
    Always,
    /// Where the payment method sends its buyers to another page.
    #[sea_orm(string_value = "if_required")]
    IfRequired,
    /// Such payment methods are left out.
    #[sea_orm(string_value = "never")]
    Never,
}

/// The status of a payment. `paid` is final.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Waits for the buyer.
    #[sea_orm(string_value = "pending")]
    Pending,
    /// An asynchronous method is at work.
    #[sea_orm(string_value = "processing")]
    Processing,
    /// The money is held for us, and is taken when we capture it.
    #[sea_orm(string_value = "authorized")]
    Authorized,
    /// The money was collected.
    #[sea_orm(string_value = "paid")]
    Paid,
    /// Stripe refused it, or an asynchronous method failed.
    #[sea_orm(string_value = "failed")]
    Failed,
    /// The session expired.
    #[sea_orm(string_value = "expired")]
    Expired,
    /// The intent was canceled, or its authorization lapsed.
    #[sea_orm(string_value = "canceled")]
    Canceled,
}

/// A row of `payments`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PaymentId,
    /// The account that the money is charged on.
    pub charge_account: AccountId,
    pub livemode: bool,
    pub kind: PaymentKind,
    /// The id of the session, intent or invoice, once Stripe has answered. Unique on its account, in its mode.
    pub stripe_object: Option<String>,
    pub payment_intent: Option<String>,
    pub charge: Option<String>,
    pub status: PaymentStatus,
    pub currency: String,
    pub amount_subtotal: i64,
    /// Where Stripe prorates the first period of a subscription, the least that it may ask for, in minor units. What that is less than
    /// `amount_subtotal` counts as a discount. None: exactly `amount_subtotal` is asked for.
    pub prorated_least: Option<i64>,
    /// As `prorated_least`, the most.
    pub prorated_most: Option<i64>,
    pub amount_discount: Option<i64>,
    /// Stripe's `amount_total` in minor units, once paid.
    pub amount_paid: Option<i64>,
    /// The sum of refunds that are pending or have succeeded, in minor units.
    pub amount_refunded: i64,
    /// In minor units, as asked for. Stripe takes at most what is paid.
    pub application_fee: i64,
    /// The share of what the buyer pays, in hundredths of a per cent. None: the fee doesn't follow what is paid.
    pub fee_bps: Option<i32>,
    /// What is added to that share, in minor units.
    pub fee_fixed: Option<i64>,
    /// Stripe's `fee_…`, once the charge was read.
    pub stripe_fee: Option<String>,
    /// What Stripe took, in minor units, once the fee itself was read.
    pub fee_taken: Option<i64>,
    /// What of that went back, in minor units.
    pub fee_returned: Option<i64>,
    /// Whether codes may be entered on Stripe's page.
    pub allow_discounts: bool,
    /// Stripe's id of the promotion code that takes something off: of the request, or of the session once that is complete.
    pub stripe_promotion_code: Option<String>,
    /// The beginning of the idempotency key of its creation.
    pub attempt: String,
    /// The end of that key.
    pub key_number: i32,
    /// The end of the time in which that key may be repeated; 0: Stripe has saved a 500 under it.
    pub key_until: Timestamp,
    /// The exact create request, JSON: path, account, API version, body.
    pub request: String,
    /// Of a session.
    pub success_url: Option<String>,
    /// Of a session.
    pub cancel_url: Option<String>,
    /// Of a session; none: `hosted_page`.
    pub ui_mode: Option<UiMode>,
    /// Of a session that isn't paid on Stripe's own page.
    pub return_url: Option<String>,
    /// Of a session in a frame.
    pub redirect_on_completion: Option<RedirectOnCompletion>,
    /// When the session is due to expire at Stripe.
    pub expires_at: Option<Timestamp>,
    /// When Stripe was last asked about it by a verify.
    pub asked_at: Option<Timestamp>,
    pub failure: Option<String>,
    /// Stripe's code of its refusal, or ours where only its `param` tells.
    pub failure_code: Option<String>,
    pub charge_type: ChargeType,
    /// Stripe's `cus_…` on the account.
    pub customer: Option<String>,
    /// Stripe's `sub_…` on the account, which this pays a period of.
    pub subscription: Option<String>,
    /// Stripe's `in_…` on the account, of a payment of a subscription.
    pub stripe_invoice: Option<String>,
    pub capture_method: CaptureMethod,
    /// What can be captured, in minor units, while it is authorized.
    pub amount_capturable: Option<i64>,
    /// Until when, as far as Stripe says. Then the authorization lapses, and nothing is charged.
    pub capture_before: Option<Timestamp>,
    /// What is being captured of it, or was.
    pub capture_amount: Option<i64>,
    /// Why Stripe refused the last capture.
    pub capture_refusal: Option<String>,
    /// Why the last attempt to pay was declined, in Stripe's words.
    pub last_error: Option<String>,
    /// In whose name the platform charges.
    pub on_behalf_of: Option<AccountId>,
    /// What ties the charge to its transfers.
    pub transfer_group: Option<String>,
    pub paid_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
