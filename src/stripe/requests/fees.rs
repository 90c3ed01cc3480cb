//! Application fees and their refunds (docs.stripe.com/api/application_fees). They are the platform's objects.

use std::collections::HashMap;

use stripe_client_core::StripeRequest;
use stripe_connect::application_fee::RetrieveApplicationFee;
use stripe_connect::application_fee_refund::{
    CreateIdApplicationFeeRefund, ListIdApplicationFeeRefund,
};

use super::LIMIT;

/// The `metadata` name that carries our fee refund's id.
pub const METADATA_FEE_REFUND: &str = "souk_fee_refund";

/// An application fee.
pub fn retrieve(fee: &str) -> impl StripeRequest + use<> {
    RetrieveApplicationFee::new(fee)
}

/// Returns a part of an application fee (docs.stripe.com/api/fee_refunds/create); `amount` is in minor units.
pub fn refund(fee: &str, amount: i64, fee_refund: &str) -> impl StripeRequest + use<> {
    CreateIdApplicationFeeRefund::new(fee)
        .amount(amount)
        .metadata(HashMap::from([(
            METADATA_FEE_REFUND.to_owned(),
            fee_refund.to_owned(),
        )]))
}

/// A page of the refunds of an application fee, newest first.
pub fn refunds(fee: &str, starting_after: Option<&str>) -> ListIdApplicationFeeRefund {
    let list = ListIdApplicationFeeRefund::new(fee).limit(LIMIT);
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}
