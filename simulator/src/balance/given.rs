//! Balance transactions that the control API is given: of the types that nothing here makes by itself, such as reserves,
//! conversions and Stripe's own fees, and odd ones that test how an application reads them.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{DAY, booked_at, delay_days, enter, schedule};
use crate::{
    error::{Answer, ApiError},
    store::{Kind, Tx},
};

/// How the ids of given transactions begin: what they show is the caller's own, and needn't be what Stripe describes.
const PREFIX: &str = "txn_given_";

/// A transaction as the control API takes it, with the names of Stripe's object
/// (<https://docs.stripe.com/api/balance_transactions/object>).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Given {
    r#type: String,
    reporting_category: String,
    /// Signed and gross, in minor units.
    amount: i64,
    currency: String,
    /// As Stripe shows them. `fee` is their sum, `net` the amount less that.
    #[serde(default)]
    fee_details: Vec<Fee>,
    source: Option<String>,
    description: Option<String>,
    #[serde(default)]
    exchange_rate: Value,
    #[serde(default = "payments")]
    balance_type: String,
    /// Unix seconds; without it `status` says: now, or after the account's `delay_days`.
    available_on: Option<i64>,
    #[serde(default)]
    status: Status,
    /// Seconds until lists show it. It can be read by its id and counts in the balance at once.
    #[serde(default)]
    listed_after: i64,
    /// Fields that are shown in place of the real ones, whatever they are. The balance, the filters of lists and payouts
    /// keep to the real ones.
    #[serde(default)]
    shown: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fee {
    amount: i64,
    r#type: String,
    currency: Option<String>,
    description: Option<String>,
    application: Option<String>,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Status {
    #[default]
    Available,
    Pending,
}

fn payments() -> String {
    "payments".to_owned()
}

/// Writes a given transaction into the balance of an account, the platform's too, and answers with it as it is shown.
///
/// # Errors
/// When there is no such account, when `listed_after` is negative, and when a sum or the balance leaves 64 bits.
pub(crate) fn create(tx: &mut Tx<'_>, account: &str, given: Given) -> Answer {
    tx.get(account)
        .filter(|r| r.kind == Kind::Account)
        .ok_or_else(|| ApiError::missing("account", account, "account"))?;
    if given.listed_after < 0 {
        let error = ApiError::invalid("Lists can't show a transaction before it is made.");
        return Err(error.param("listed_after"));
    }
    let now = booked_at(tx);
    let available_on = given.available_on.unwrap_or_else(|| match given.status {
        Status::Available => now,
        Status::Pending => schedule::money_day(tx, now + delay_days(tx, account) * DAY),
    });
    let listed_from = tx.now.checked_add(given.listed_after);
    let hidden = json!({
        "listed_from": listed_from.ok_or_else(ApiError::overflow)?,
        "shown": given.shown,
    });
    let txn = given.value(now, available_on)?;
    let id = enter(tx, account, (PREFIX, txn), hidden)?;
    Ok(tx.get(&id).map(|r| r.shown()).unwrap_or_default())
}

impl Given {
    fn value(&self, now: i64, available_on: i64) -> Answer {
        let mut fee = 0i64;
        for part in &self.fee_details {
            fee = fee
                .checked_add(part.amount)
                .ok_or_else(ApiError::overflow)?;
        }
        let net = self.amount.checked_sub(fee);
        let fee_details: Vec<_> = self
            .fee_details
            .iter()
            .map(|part| {
                json!({
                    "amount": part.amount,
                    "application": part.application,
                    "currency": part.currency.as_ref().unwrap_or(&self.currency),
                    "description": part.description,
                    "type": part.r#type,
                })
            })
            .collect();
        Ok(json!({
            "amount": self.amount,
            "available_on": available_on,
            "balance_type": self.balance_type,
            "created": now,
            "currency": self.currency,
            "description": self.description,
            "exchange_rate": self.exchange_rate,
            "fee": fee,
            "fee_details": fee_details,
            "net": net.ok_or_else(ApiError::overflow)?,
            "reporting_category": self.reporting_category,
            "source": self.source,
            "type": self.r#type,
        }))
    }
}
