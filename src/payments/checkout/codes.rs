//! What a promotion code would take off a purchase that nobody has begun, and why not. It says what a checkout would, holds
//! nothing, and tells of no other seller's codes.

use serde::Deserialize;
use souk_entity::SellerId;
use souk_entity::promotion_code::CodeDuration;
use validator::Validate;

use super::pricing::{NewLine, check_total, price_lines};
use crate::app::App;
use crate::catalog::promotions::redemptions::{self, GivenCode, Purchase};
use crate::error::{Error, Result};
use crate::http::{deserialize_some, json_objects};
use crate::identity::Caller;
use crate::{money, sellers};

/// A code and a purchase, as the API asks about them: what is to be bought, or what it comes to.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct CodeQuestion {
    /// Whose code it is.
    pub seller_id: SellerId,
    /// As the buyer types it.
    #[validate(length(min = 1, max = 100, message = "code has 1 to 100 characters."))]
    pub code: String,
    /// What is bought once.
    #[serde(default, deserialize_with = "some_lines")]
    #[validate(
        length(min = 1, max = 50, message = "lines has 1 to 50 lines."),
        nested
    )]
    pub lines: Option<Vec<NewLine>>,
    /// Minor units of `currency`; of a subscription, of a period.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub amount: Option<i64>,
    /// ISO 4217, lower case.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub currency: Option<String>,
}

fn some_lines<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<NewLine>>, D::Error> {
    json_objects(deserializer).map(Some)
}

/// What a code does to a purchase.
pub struct CodeAnswer {
    /// What it comes to without the code, in minor units.
    pub subtotal: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// What the code gives, or why it gives nothing.
    pub outcome: Result<CodeEffect, NoEffect>,
}

/// What a code gives.
pub struct CodeEffect {
    /// What comes off now, in minor units.
    pub amount_off: i64,
    /// The share, if it is one.
    pub percent_off: Option<i32>,
    /// For how long something comes off a subscription.
    pub duration: CodeDuration,
    /// With `repeating` alone.
    pub duration_in_months: Option<i32>,
}

/// Why a code gives nothing.
pub struct NoEffect {
    /// Its name in the API.
    pub reason: &'static str,
    /// A sentence for the buyer.
    pub message: String,
}

/// Asks what a code would take off. Whether it is the buyer's first purchase is asked only of those who are logged in.
///
/// # Errors
/// 404 without such a seller or product, and lines that can't be bought together or now. A code that can't be used is an answer.
pub async fn ask(app: &App, buyer: Option<&Caller>, asked: CodeQuestion) -> Result<CodeAnswer> {
    let seller = sellers::find(&app.db.read, &asked.seller_id).await?;
    let seller = seller.ok_or_else(|| Error::no_such("seller", "seller_id"))?;
    let (subtotal, currency) = worth(app, &asked).await?;
    let purchase = Purchase {
        seller: &seller.id,
        buyer: buyer.map(Caller::id),
        subtotal,
        currency: &currency,
    };
    let found = redemptions::ask(&app.db.read, &asked.code, purchase, app.clock.now()).await?;
    let outcome = match found {
        Ok(given) => effect(given, subtotal, &currency),
        Err(refusal) => Err(NoEffect {
            reason: refusal.reason(),
            message: refusal.sentence(),
        }),
    };
    Ok(CodeAnswer {
        subtotal,
        currency,
        outcome,
    })
}

/// What the purchase comes to, and in which currency.
async fn worth(app: &App, asked: &CodeQuestion) -> Result<(i64, String)> {
    let (lines, amount) = match (&asked.lines, asked.amount) {
        (Some(lines), None) => (lines, None),
        (None, Some(amount)) => (&Vec::new(), Some(amount)),
        _ => {
            let message = "Give exactly one of lines and amount.";
            return Err(Error::invalid("lines", message));
        }
    };
    let Some(amount) = amount else {
        if asked.currency.is_some() {
            let message = "currency goes with amount only.";
            return Err(Error::invalid("currency", message));
        }
        let (seller, _, lines) = price_lines(app, lines).await?;
        if seller.id != asked.seller_id {
            return Err(Error::no_such("product", "lines[0].product_id"));
        }
        let first = lines.first().map(|line| line.product.currency.clone());
        let mut amounts = lines.iter().map(|line| line.amount);
        let subtotal = amounts.try_fold(0, money::add)?;
        return Ok((subtotal, first.unwrap_or_default()));
    };
    let missing = || Error::invalid("currency", "currency is missing: amount needs it.");
    let currency = asked.currency.clone().ok_or_else(missing)?;
    if !money::is_currency(&currency) {
        let message = "currency must be one that Stripe charges in, in lower case, such as eur.";
        return Err(Error::invalid("currency", message));
    }
    match money::fault(amount, &currency) {
        Some(fault) => Err(Error::invalid("amount", format!("amount {fault}."))),
        None => Ok((amount, currency)),
    }
}

/// What is left must be nothing, or what Stripe charges.
fn effect(given: GivenCode, subtotal: i64, currency: &str) -> Result<CodeEffect, NoEffect> {
    let left = subtotal - given.discount;
    match check_total(currency, subtotal, left) {
        Ok(()) => Ok(CodeEffect {
            amount_off: given.discount,
            percent_off: given.percent_off,
            duration: given.duration,
            duration_in_months: given.duration_in_months,
        }),
        Err(fault) => Err(NoEffect {
            reason: fault.status_and_code().1,
            message: fault.to_string(),
        }),
    }
}
