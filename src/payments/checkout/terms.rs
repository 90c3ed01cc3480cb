//! What a buyer agrees to besides prices when they subscribe: how a trial ends, and when the periods begin. The names are Stripe's
//! (docs.stripe.com/api/subscriptions/create).

use serde::{Deserialize, Serialize};
use souk_entity::Timestamp;
use souk_entity::price::Interval;
use validator::Validate;

use crate::catalog::prices::PriceOffer;
use crate::error::{Error, Result};
use crate::http::{deserialize_some, json_object};
use crate::stripe::requests::checkout::{Anchor, AnchorDay, Cycle};

/// `trial_settings`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TrialSettings {
    #[serde(deserialize_with = "json_object")]
    end_behavior: TrialEnd,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct TrialEnd {
    missing_payment_method: MissingPaymentMethod,
}

/// What becomes of a subscription whose trial ends while there is no card.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum MissingPaymentMethod {
    /// It ends.
    Cancel,
    /// Its first period is billed, and unpaid.
    CreateInvoice,
    /// It rests until there is one.
    Pause,
}

/// Whether Checkout asks for a card where nothing is to be paid now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethodCollection {
    /// It does.
    Always,
    /// Only where something is to be paid.
    IfRequired,
}

/// What the time before the anchor costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProrationBehavior {
    /// Its share of a period.
    CreateProrations,
    /// Nothing.
    None,
}

/// `billing_cycle_anchor_config`, in UTC.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct AnchorConfig {
    #[validate(range(min = 1, max = 31, message = "day_of_month is 1 to 31."))]
    day_of_month: i64,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(range(min = 1, max = 12, message = "month is 1 to 12."))]
    month: Option<i64>,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(range(min = 0, max = 23, message = "hour is 0 to 23."))]
    hour: Option<i64>,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(range(min = 0, max = 59, message = "minute is 0 to 59."))]
    minute: Option<i64>,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(range(min = 0, max = 59, message = "second is 0 to 59."))]
    second: Option<i64>,
}

/// What a request says of it.
#[derive(Default)]
pub(in crate::payments) struct Terms<'a> {
    pub trial_settings: Option<&'a TrialSettings>,
    pub billing_cycle_anchor: Option<Timestamp>,
    pub billing_cycle_anchor_config: Option<AnchorConfig>,
    pub proration_behavior: Option<ProrationBehavior>,
}

impl Terms<'_> {
    /// How the periods of prices begin that are of one trial and one interval.
    ///
    /// # Errors
    /// Names the field that doesn't go with the prices, or with another field.
    pub fn cycle(&self, first: &PriceOffer, now: Timestamp) -> Result<Cycle> {
        let trial_days = first.price.trial_period_days;
        let anchor = self.anchor(first, now)?;
        let refused = [
            (
                "trial_settings",
                self.trial_settings.is_some() && trial_days.is_none(),
                "goes with prices that have a trial.",
            ),
            (
                "proration_behavior",
                self.proration_behavior.is_some() && anchor.is_none(),
                "goes with billing_cycle_anchor: only what is before it is prorated.",
            ),
        ];
        if let Some((field, _, why)) = refused.into_iter().find(|(_, is_wrong, _)| *is_wrong) {
            return Err(Error::invalid(field, format!("{field} {why}")));
        }
        let missing = self
            .trial_settings
            .map(|settings| settings.end_behavior.missing_payment_method);
        Ok(Cycle {
            trial_days,
            missing_payment_method: missing.map(|missing| match missing {
                MissingPaymentMethod::Cancel => "cancel",
                MissingPaymentMethod::CreateInvoice => "create_invoice",
                MissingPaymentMethod::Pause => "pause",
            }),
            anchor,
            prorates: self.proration_behavior != Some(ProrationBehavior::None),
        })
    }

    fn anchor(&self, first: &PriceOffer, now: Timestamp) -> Result<Option<Anchor>> {
        let (field, anchor) = match (self.billing_cycle_anchor, self.billing_cycle_anchor_config) {
            (None, None) => return Ok(None),
            (Some(at), None) => ("billing_cycle_anchor", Anchor::At(at)),
            (None, Some(config)) => ("billing_cycle_anchor_config", Anchor::Day(config.day())),
            (Some(_), Some(_)) => {
                return Err(Error::invalid(
                    "billing_cycle_anchor_config",
                    "Give either billing_cycle_anchor or billing_cycle_anchor_config.",
                ));
            }
        };
        let refuse = |why: &str| Err(Error::invalid(field, format!("{field} {why}")));
        if first.price.trial_period_days.is_some() {
            return refuse("doesn't go with a trial, whose end is when the periods begin.");
        }
        match anchor {
            Anchor::At(at) if at <= now => refuse("is a time to come."),
            Anchor::Day(_) if !matches!(first.price.interval, Interval::Month | Interval::Year) => {
                refuse("goes with prices that are paid by the month or the year.")
            }
            _ => Ok(Some(anchor)),
        }
    }

    /// Refuses what only a subscription has.
    ///
    /// # Errors
    /// Names the field.
    pub fn check_none(&self) -> Result<()> {
        let given = [
            ("trial_settings", self.trial_settings.is_some()),
            ("billing_cycle_anchor", self.billing_cycle_anchor.is_some()),
            (
                "billing_cycle_anchor_config",
                self.billing_cycle_anchor_config.is_some(),
            ),
            ("proration_behavior", self.proration_behavior.is_some()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((field, _)) => Err(only_for_subscriptions(field)),
            None => Ok(()),
        }
    }
}

/// The refusal of a field that a checkout which is paid once doesn't have.
pub(super) fn only_for_subscriptions(field: &str) -> Error {
    Error::invalid(field, format!("{field} is for mode subscription."))
}

impl AnchorConfig {
    fn day(self) -> AnchorDay {
        AnchorDay {
            day_of_month: self.day_of_month,
            month: self.month,
            hour: self.hour,
            minute: self.minute,
            second: self.second,
        }
    }
}
