//! Promotion codes, which buyers type on Stripe's page or a checkout is given. Each has a coupon on the seller's account.

pub mod at_stripe;
pub mod redemptions;
mod refusal;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel};
use serde_json::json;
use souk_entity::promotion_code::{self, CodeDuration, Column as C};
use souk_entity::{PromotionCodeId, SellerId, Timestamp};

pub use refusal::Refusal;

use super::check_currency;
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::Path;
use crate::identity::Caller;
use crate::jobs::{self, Job};
use crate::stripe::key_until;
use crate::{audit, db, money, sellers};

/// The most months of a code: a hundred years. Stripe states no limit.
const MOST_MONTHS: i32 = 1200;
/// How long a request to Stripe may take before the job that repeats it begins.
const RETRY_DELAY_MS: i64 = 15_000;

/// The promotion code of the path's `{id}`, for its seller's owner and for admins; 404 for anyone else.
pub struct PromotionCodeAccess {
    /// The row.
    pub code: promotion_code::Model,
    /// The seller's owner, or an admin.
    pub caller: Caller,
}

impl FromRequestParts<App> for PromotionCodeAccess {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let Path(id) = Path::<PromotionCodeId>::from_request_parts(parts, app).await?;
        let code = find(&app.db.read, &id).await?;
        let code = code.ok_or(Error::NotFound("promotion code"))?;
        match sellers::owned(&app.db.read, &caller, &code.seller_id, "id").await {
            Ok(_) => Ok(Self { code, caller }),
            Err(Error::NoSuch { .. }) => Err(Error::NotFound("promotion code")),
            Err(e) => Err(e),
        }
    }
}

/// A promotion code by id.
pub async fn find<D: ConnectionTrait>(
    db: &D,
    id: &PromotionCodeId,
) -> Result<Option<promotion_code::Model>> {
    Ok(promotion_code::Entity::find_by_id(id.clone())
        .one(db)
        .await?)
}

/// The details of a new promotion code, with exactly one of `percent_off` and `amount_off`.
#[derive(Clone, Debug)]
pub struct NewPromotionCode {
    /// One of the caller's, who can take money.
    pub seller_id: SellerId,
    /// 3 to 40 letters, digits, `_` and `-`.
    pub code: String,
    /// Whole per cents, 1 to 100.
    pub percent_off: Option<i32>,
    /// Minor units of `currency`, a multiple of its step.
    pub amount_off: Option<i64>,
    /// ISO 4217, lower case.
    pub currency: Option<String>,
    /// How often it may be used in all.
    pub max_redemptions: Option<i32>,
    /// In the future.
    pub expires_at: Option<Timestamp>,
    /// For how long it takes something off a subscription.
    pub duration: CodeDuration,
    /// With `repeating` alone, 1 to 1200.
    pub duration_in_months: Option<i32>,
    /// What a purchase must come to, in minor units of `minimum_amount_currency`.
    pub minimum_amount: Option<i64>,
    /// ISO 4217, lower case; that of `amount_off`, if there is one.
    pub minimum_amount_currency: Option<String>,
    /// Only for buyers who have bought nothing of the seller before.
    pub first_time_transaction: bool,
}

/// Creates a promotion code. Resumable by `id`: if the row exists, it goes on at Stripe. Without an answer the row stays,
/// and a job goes on. If Stripe refuses the request, the row is deleted.
///
/// # Errors
/// Names the field that is wrong; `promotion_code_taken`, `seller_not_active`; Stripe's errors otherwise.
pub async fn create_code(
    app: &App,
    caller: &Caller,
    id: PromotionCodeId,
    new: NewPromotionCode,
) -> Result<promotion_code::Model> {
    let seller_id = new.seller_id.clone();
    if find(&app.db.read, &id).await?.is_none() {
        let seller = sellers::owned(&app.db.read, caller, &new.seller_id, "seller_id").await?;
        check(&new, app.clock.now())?;
        sellers::charging_account(app, &seller)?;
        insert(app, caller, &id, new).await?;
    }
    let made = at_stripe::ensure(app, &id).await;
    sellers::account::detect_deauthorized(app, &seller_id, made).await
}

/// Whether a code has 3 to 40 letters, digits, `_` and `-`.
fn is_spelled_well(code: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (3..=40).contains(&code.len()) && code.chars().all(plain)
}

fn check(new: &NewPromotionCode, now: Timestamp) -> Result<()> {
    if !is_spelled_well(&new.code) {
        return Err(Error::invalid(
            "code",
            "code must have 3 to 40 letters, digits, _ and -.",
        ));
    }
    match (new.percent_off, new.amount_off) {
        (Some(percent), None) => {
            if !(1..=100).contains(&percent) {
                return Err(Error::invalid("percent_off", "percent_off is 1 to 100."));
            }
            if new.currency.is_some() {
                return Err(Error::invalid(
                    "currency",
                    "currency goes with amount_off only.",
                ));
            }
        }
        (None, Some(amount)) => {
            let missing =
                || Error::invalid("currency", "currency is missing: amount_off needs it.");
            let currency = new.currency.as_deref().ok_or_else(missing)?;
            check_currency(currency)?;
            if let Some(fault) = money::fault(amount, currency) {
                return Err(Error::invalid("amount_off", format!("amount_off {fault}.")));
            }
        }
        _ => {
            return Err(Error::invalid(
                "percent_off",
                "Give exactly one of percent_off and amount_off.",
            ));
        }
    }
    if new.max_redemptions.is_some_and(|most| most < 1) {
        return Err(Error::invalid(
            "max_redemptions",
            "max_redemptions is 1 or more.",
        ));
    }
    // Stripe's times are in whole seconds.
    if new
        .expires_at
        .is_some_and(|at| at.seconds() <= now.seconds())
    {
        return Err(Error::invalid(
            "expires_at",
            "expires_at must be in the future.",
        ));
    }
    check_duration(new)?;
    check_minimum(new)
}

fn check_duration(new: &NewPromotionCode) -> Result<()> {
    let param = "duration_in_months";
    let message = match (new.duration, new.duration_in_months) {
        (_, Some(months)) if !(1..=MOST_MONTHS).contains(&months) => {
            format!("{param} is 1 to {MOST_MONTHS}.")
        }
        (CodeDuration::Repeating, None) => format!("{param} is missing: repeating needs it."),
        (CodeDuration::Once | CodeDuration::Forever, Some(_)) => {
            format!("{param} goes with a duration of repeating only.")
        }
        _ => return Ok(()),
    };
    Err(Error::invalid(param, message))
}

fn check_minimum(new: &NewPromotionCode) -> Result<()> {
    let (param, of) = ("minimum_amount", "minimum_amount_currency");
    if let Some(currency) = new.minimum_amount_currency.as_deref()
        && !money::is_currency(currency)
    {
        let message =
            format!("{of} must be one that Stripe charges in, in lower case, such as eur.");
        return Err(Error::invalid(of, message));
    }
    let Some(least) = new.minimum_amount else {
        return match new.minimum_amount_currency {
            Some(_) => Err(Error::invalid(of, format!("{of} goes with {param} only."))),
            None => Ok(()),
        };
    };
    if !(1..=money::MAX_AMOUNT).contains(&least) {
        let message = format!("{param} is 1 to {}.", money::MAX_AMOUNT);
        return Err(Error::invalid(param, message));
    }
    let Some(currency) = new.minimum_amount_currency.as_deref() else {
        return Err(Error::invalid(
            of,
            format!("{of} is missing: {param} needs it."),
        ));
    };
    if let Some(fault) = money::fault(least, currency) {
        return Err(Error::invalid(param, format!("{param} {fault}.")));
    }
    match new.currency.as_deref() {
        Some(own) if own != currency => Err(Error::invalid(
            of,
            format!("{of} must be the code's own currency, {own}: nothing could meet both."),
        )),
        _ => Ok(()),
    }
}

async fn insert(
    app: &App,
    caller: &Caller,
    id: &PromotionCodeId,
    new: NewPromotionCode,
) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let row = promotion_code::Model {
        id: id.clone(),
        seller_id: new.seller_id,
        // Stripe ignores case, so two spellings are one code.
        code: new.code.to_ascii_uppercase(),
        percent_off: new.percent_off,
        amount_off: new.amount_off,
        currency: new.currency,
        duration: new.duration,
        duration_in_months: new.duration_in_months,
        minimum_amount: new.minimum_amount,
        minimum_amount_currency: new.minimum_amount_currency,
        first_time_transaction: new.first_time_transaction,
        max_redemptions: new.max_redemptions,
        expires_at: new.expires_at,
        active: true,
        stripe_coupon: None,
        stripe_promotion_code: None,
        key_number: 1,
        key_until: key_until(tx.now()),
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    let data = json!({ "code": row.code, "seller": row.seller_id });
    let inserted = promotion_code::Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::columns([C::SellerId, C::Code])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&tx)
        .await;
    let is_new = db::inserted(inserted)?.is_some_and(|rows| rows > 0);
    if !is_new {
        return Err(Error::Conflict {
            code: "promotion_code_taken",
            param: Some("code".to_owned()),
            message: "The seller has this code already. Choose another.".to_owned(),
        });
    }
    let job = Job::CreatePromotionCode { code: id.clone() };
    jobs::stage_at(&tx, &job, tx.now().plus_ms(RETRY_DELAY_MS)).await?;
    let actor = caller.principal();
    audit::record(&tx, &actor, "promotion_code.created", id.as_ref(), data).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent() -> NewPromotionCode {
        NewPromotionCode {
            seller_id: "sel_1".into(),
            code: "Welcome-20".to_owned(),
            percent_off: Some(20),
            amount_off: None,
            currency: None,
            max_redemptions: None,
            expires_at: None,
            duration: CodeDuration::Once,
            duration_in_months: None,
            minimum_amount: None,
            minimum_amount_currency: None,
            first_time_transaction: false,
        }
    }

    fn amount_off() -> NewPromotionCode {
        NewPromotionCode {
            percent_off: None,
            amount_off: Some(500),
            currency: Some("eur".to_owned()),
            ..percent()
        }
    }

    fn fault(new: &NewPromotionCode) -> Option<String> {
        let error = check(new, Timestamp::from_seconds(1000)).err()?;
        error.param().map(str::to_owned)
    }

    #[test]
    fn a_code_takes_off_either_a_share_or_an_amount_off() {
        assert_eq!(fault(&percent()), None);
        assert_eq!(fault(&amount_off()), None);
        let both = NewPromotionCode {
            percent_off: Some(5),
            ..amount_off()
        };
        assert_eq!(fault(&both).as_deref(), Some("percent_off"));
        let neither = NewPromotionCode {
            percent_off: None,
            ..percent()
        };
        assert_eq!(fault(&neither).as_deref(), Some("percent_off"));
        let no_currency = NewPromotionCode {
            currency: None,
            ..amount_off()
        };
        assert_eq!(fault(&no_currency).as_deref(), Some("currency"));
        let stray = NewPromotionCode {
            currency: Some("eur".to_owned()),
            ..percent()
        };
        assert_eq!(fault(&stray).as_deref(), Some("currency"));
    }

    #[test]
    fn a_code_is_bounded_in_every_field() {
        for share in [0, -1, 101, i32::MAX] {
            let new = NewPromotionCode {
                percent_off: Some(share),
                ..percent()
            };
            assert_eq!(fault(&new).as_deref(), Some("percent_off"));
        }
        for off in [0, -1, money::MAX_AMOUNT + 1, i64::MAX] {
            let new = NewPromotionCode {
                amount_off: Some(off),
                ..amount_off()
            };
            assert_eq!(fault(&new).as_deref(), Some("amount_off"));
        }
        let in_isk = |off| NewPromotionCode {
            amount_off: Some(off),
            currency: Some("isk".to_owned()),
            ..amount_off()
        };
        assert_eq!(fault(&in_isk(500)), None);
        assert_eq!(fault(&in_isk(550)).as_deref(), Some("amount_off"));
        for code in ["", "ab", "two words", "ünder", &"x".repeat(41)] {
            let new = NewPromotionCode {
                code: code.to_owned(),
                ..percent()
            };
            assert_eq!(fault(&new).as_deref(), Some("code"), "{code:?}");
        }
        let new = NewPromotionCode {
            max_redemptions: Some(0),
            ..percent()
        };
        assert_eq!(fault(&new).as_deref(), Some("max_redemptions"));
    }

    #[test]
    fn only_a_code_that_repeats_says_for_how_many_months() {
        let lasting = |duration, duration_in_months| NewPromotionCode {
            duration,
            duration_in_months,
            ..percent()
        };
        let months = Some("duration_in_months");
        for (duration, in_months, wrong) in [
            (CodeDuration::Once, None, None),
            (CodeDuration::Forever, None, None),
            (CodeDuration::Repeating, Some(1), None),
            (CodeDuration::Repeating, Some(MOST_MONTHS), None),
            (CodeDuration::Repeating, None, months),
            (CodeDuration::Repeating, Some(0), months),
            (CodeDuration::Repeating, Some(MOST_MONTHS + 1), months),
            (CodeDuration::Once, Some(3), months),
            (CodeDuration::Forever, Some(3), months),
        ] {
            let new = lasting(duration, in_months);
            assert_eq!(fault(&new).as_deref(), wrong, "{duration:?} {in_months:?}");
        }
    }

    #[test]
    fn a_minimum_has_a_currency_that_is_the_codes_own_if_it_has_one() {
        let with = |least, currency: Option<&str>| NewPromotionCode {
            minimum_amount: least,
            minimum_amount_currency: currency.map(str::to_owned),
            ..percent()
        };
        assert_eq!(fault(&with(Some(5000), Some("usd"))), None);
        let (amount, currency) = (Some("minimum_amount"), Some("minimum_amount_currency"));
        for least in [0, -1, money::MAX_AMOUNT + 1, i64::MAX] {
            assert_eq!(fault(&with(Some(least), Some("usd"))).as_deref(), amount);
            assert_eq!(fault(&with(Some(least), None)).as_deref(), amount);
        }
        assert_eq!(fault(&with(Some(550), Some("isk"))).as_deref(), amount);
        assert_eq!(fault(&with(Some(5000), None)).as_deref(), currency);
        assert_eq!(fault(&with(None, Some("usd"))).as_deref(), currency);
        assert_eq!(fault(&with(Some(5000), Some("USD"))).as_deref(), currency);
        let both = |own: &str| NewPromotionCode {
            minimum_amount: Some(5000),
            minimum_amount_currency: Some(own.to_owned()),
            ..amount_off()
        };
        assert_eq!(fault(&both("eur")), None);
        assert_eq!(fault(&both("usd")).as_deref(), currency);
    }

    #[test]
    fn a_code_expires_in_a_later_second() {
        let until = |ms| NewPromotionCode {
            expires_at: Some(Timestamp(ms)),
            ..percent()
        };
        assert_eq!(fault(&until(1_000_999)).as_deref(), Some("expires_at"));
        assert_eq!(fault(&until(1_001_000)), None);
    }
}
