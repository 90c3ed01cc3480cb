//! The ids of our rows: a prefix that names the table and a sortable tail. Minted in the server's `ids` room.

use sea_orm::{DbErr, DeriveValueType, TryFromU64};
use serde::{Deserialize, Serialize};

/// An id type of ours, by its prefix.
pub trait RowId: From<String> + AsRef<str> + Clone + Send + Sync {
    /// What stands before the underscore, such as `ord`.
    const PREFIX: &'static str;
}

macro_rules! row_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, DeriveValueType)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl RowId for $name {
            const PREFIX: &'static str = $prefix;
        }
        newtype_text!($name);
    )*};
}

macro_rules! newtype_text {
    ($name:ident) => {
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        // sea-orm asks this of every primary key; text keys are never made from numbers.
        impl TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($name)))
            }
        }
    };
}

row_ids! {
    /// A person who can log in.
    UserId = "usr";
    /// One login of a user; its refresh tokens rotate within it.
    SessionId = "ses";
    /// A refresh token's row.
    RefreshTokenId = "rft";
    /// A proof that a mail address is somebody's.
    AddressVerificationId = "avr";
    /// A seller.
    SellerId = "sel";
    /// A buyer's customer on a seller's account.
    CustomerId = "ctm";
    /// A tax id of a customer.
    TaxIdId = "txd";
    /// A setup intent.
    SetupIntentId = "sti";
    /// A product.
    ProductId = "prd";
    /// A recurring price of a product.
    PriceId = "prc";
    /// A price's copy on a Stripe account.
    StripePriceId = "spr";
    /// A subscription.
    SubscriptionId = "sbn";
    /// The configuration of the billing portal on an account.
    PortalConfigurationId = "pcf";
    /// A change of a subscription.
    SubscriptionChangeId = "sbc";
    /// One change of a product's stock.
    StockMovementId = "stk";
    /// A promotion code.
    PromotionCodeId = "pmc";
    /// An order.
    OrderId = "ord";
    /// A line of an order.
    OrderLineId = "oln";
    /// An entry of an order's timeline.
    OrderEventId = "oev";
    /// Goods of an order that were sent together.
    ShipmentId = "shp";
    /// A note of an order.
    OrderNoteId = "ont";
    /// A file of an order.
    OrderFileId = "ofl";
    /// One attempt to collect money through one Stripe object.
    PaymentId = "pay";
    /// A refund.
    RefundId = "rfd";
    /// Evidence of a dispute on its way to Stripe.
    SubmissionId = "evs";
    /// A refund of an application fee.
    FeeRefundId = "fre";
    /// A piece of work to be done after its transaction.
    JobId = "job";
    /// A line of the audit log.
    AuditId = "aud";
    /// The ledger of one Stripe account.
    BookId = "bok";
    /// A balanced set of entries.
    JournalId = "jrn";
    /// One entry of a journal.
    EntryId = "ent";
    /// A difference that reconciliation found.
    FindingId = "fnd";
    /// A stored `Idempotency-Key`.
    IdempotencyId = "idm";
}

/// A Stripe account id (`acct_…`).
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, DeriveValueType,
)]
#[serde(transparent)]
pub struct AccountId(pub String);
newtype_text!(AccountId);
