//! Redemptions of promotion codes. A payment with a code that is open holds a redemption, and one that is paid has redeemed
//! it; a refund gives nothing back, as at Stripe (docs.stripe.com/api/promotion_codes/object, `times_redeemed`).
//!
//! Stripe's documents don't say whether a code counts when it is applied or when the session completes. In the latter case a
//! code can be entered in more open sessions than it has redemptions left, and all of them can be paid.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::LockType;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Statement,
};
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, PaymentStatus};
use souk_entity::promotion_code::{self, CodeDuration, Column as C};
use souk_entity::{PromotionCodeId, SellerId, Timestamp, UserId};

use super::{Refusal, find, is_spelled_well};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::findings::{self, NewFinding};
use crate::{money, sellers};

const OVERUSED: &str = "promotion_code_overused";

/// What somebody wants to buy with a code.
#[derive(Clone, Copy, Debug)]
pub struct Purchase<'a> {
    /// Who sells.
    pub seller: &'a SellerId,
    /// Who buys. None: a guest, of whom nobody knows whether it is a first purchase.
    pub buyer: Option<&'a UserId>,
    /// What it comes to without the code, in minor units of `currency`.
    pub subtotal: i64,
    /// ISO 4217, lower case.
    pub currency: &'a str,
}

/// A code that a checkout was given, and what it takes off there.
pub struct GivenCode {
    id: PromotionCodeId,
    /// Of a code for first purchases: whose it must be.
    first_of: Option<(SellerId, UserId)>,
    /// Stripe's id of it.
    pub stripe_promotion_code: String,
    /// Minor units of the checkout's currency; of a subscription, off the first invoice.
    pub discount: i64,
    /// Of the subtotal, if it is a share that is taken off.
    pub percent_off: Option<i32>,
    /// For how long it takes something off a subscription.
    pub duration: CodeDuration,
    /// With `repeating` alone.
    pub duration_in_months: Option<i32>,
}

/// Looks a code up as a buyer types it: one of the seller's, in either case, that can be used now on this purchase. How often it
/// may still be used is asked only by [`hold`].
///
/// # Errors
/// `promotion_code_invalid`, `promotion_code_expired`, `promotion_code_minimum_not_met` and `promotion_code_first_time_only`, which
/// name `promotion_code`.
pub async fn given<D: ConnectionTrait>(
    db: &D,
    typed: &str,
    purchase: Purchase<'_>,
    now: Timestamp,
) -> Result<GivenCode> {
    let found = look_up(db, typed, purchase, now).await?;
    let (_, given) = found.map_err(Refusal::into_error)?;
    Ok(given)
}

/// As [`given`], and whether there is a redemption left, without holding it.
///
/// # Errors
/// The database failed.
pub async fn ask<D: ConnectionTrait>(
    db: &D,
    typed: &str,
    purchase: Purchase<'_>,
    now: Timestamp,
) -> Result<Result<GivenCode, Refusal>> {
    Ok(match look_up(db, typed, purchase, now).await? {
        Ok((code, _)) if is_used_up(db, &code).await? => Err(Refusal::UsedUp),
        Ok((_, given)) => Ok(given),
        Err(refusal) => Err(refusal),
    })
}

async fn look_up<D: ConnectionTrait>(
    db: &D,
    typed: &str,
    purchase: Purchase<'_>,
    now: Timestamp,
) -> Result<Result<(promotion_code::Model, GivenCode), Refusal>> {
    if !is_spelled_well(typed) {
        return Ok(Err(Refusal::Unknown));
    }
    let code = promotion_code::Entity::find()
        .filter(C::SellerId.eq(purchase.seller.clone()))
        .filter(C::Code.eq(typed.to_ascii_uppercase()))
        .one(db)
        .await?;
    let Some(code) = code else {
        return Ok(Err(Refusal::Unknown));
    };
    if let Err(refusal) = check_usable(&code, now).and_then(|()| check_purchase(&code, purchase)) {
        return Ok(Err(refusal));
    }
    let Some(stripe_promotion_code) = code.stripe_promotion_code.clone() else {
        return Ok(Err(Refusal::NotReady));
    };
    let first_of = match (code.first_time_transaction, purchase.buyer) {
        (true, Some(buyer)) => Some((purchase.seller.clone(), buyer.clone())),
        _ => None,
    };
    if has_bought(db, first_of.as_ref()).await? {
        return Ok(Err(Refusal::FirstTimeOnly));
    }
    let given = GivenCode {
        id: code.id.clone(),
        first_of,
        stripe_promotion_code,
        discount: discount(&code, purchase.subtotal, purchase.currency)?,
        percent_off: code.percent_off,
        duration: code.duration,
        duration_in_months: code.duration_in_months,
    };
    Ok(Ok((code, given)))
}

/// Whether a buyer has paid a seller anything before, or is about to. A refund doesn't undo that, as at Stripe.
async fn has_bought<D: ConnectionTrait>(db: &D, of: Option<&(SellerId, UserId)>) -> Result<bool> {
    use order::Column as O;
    let Some((seller, buyer)) = of else {
        return Ok(false);
    };
    let under_way = [OrderStatus::Processing, OrderStatus::Authorized];
    let bought = Condition::any()
        .add(O::PaidAt.is_not_null())
        .add(O::Status.is_in(under_way));
    let found = order::Entity::find()
        .filter(O::BuyerId.eq(buyer.clone()))
        .filter(O::SellerId.eq(seller.clone()))
        .filter(bought)
        .limit(1)
        .count(db)
        .await?;
    Ok(found > 0)
}

/// Lets the payment that is placed by this transaction hold one of the code's redemptions. The code's lock orders this with
/// every other checkout that is given the code. It is the weaker lock, which rows that refer to the code don't wait for.
///
/// # Errors
/// `promotion_code_used_up`: orders and open checkouts have all redemptions. As `given`, if the code or the buyer has changed
/// since.
pub async fn hold(tx: &Tx, given: &GivenCode) -> Result<()> {
    let code = promotion_code::Entity::find_by_id(given.id.clone())
        .lock(LockType::NoKeyUpdate)
        .one(tx)
        .await?;
    let code = code.ok_or_else(|| Refusal::Unknown.into_error())?;
    check_usable(&code, tx.now()).map_err(Refusal::into_error)?;
    if has_bought(tx, given.first_of.as_ref()).await? {
        return Err(Refusal::FirstTimeOnly.into_error());
    }
    match is_used_up(tx, &code).await? {
        true => Err(Refusal::UsedUp.into_error()),
        false => Ok(()),
    }
}

async fn is_used_up<D: ConnectionTrait>(db: &D, code: &promotion_code::Model) -> Result<bool> {
    let (Some(most), Some(at_stripe)) = (code.max_redemptions, &code.stripe_promotion_code) else {
        return Ok(false);
    };
    let has_one = [
        PaymentStatus::Pending,
        PaymentStatus::Processing,
        PaymentStatus::Authorized,
        PaymentStatus::Paid,
    ];
    Ok(count(db, at_stripe, &has_one).await? >= i64::from(most))
}

fn check_usable(code: &promotion_code::Model, now: Timestamp) -> Result<(), Refusal> {
    if !code.active {
        return Err(Refusal::Inactive);
    }
    match code.expires_at {
        Some(at) if at <= now => Err(Refusal::Expired),
        _ => Ok(()),
    }
}

fn check_purchase(code: &promotion_code::Model, purchase: Purchase<'_>) -> Result<(), Refusal> {
    let minimum = code.minimum_amount_currency.as_deref();
    let mut currencies = [code.currency.as_deref(), minimum].into_iter().flatten();
    if currencies.any(|own| own != purchase.currency) {
        return Err(Refusal::CurrencyMismatch);
    }
    match code.minimum_amount {
        Some(least) if purchase.subtotal < least => Err(Refusal::MinimumNotMet {
            least,
            currency: purchase.currency.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// What a code takes off, never more than all of it. A percentage is rounded half up, and the result down to the currency's
/// step. How Stripe rounds isn't documented, so this decides about no money that has come.
fn discount(code: &promotion_code::Model, subtotal: i64, currency: &str) -> Result<i64> {
    let off = match (code.percent_off, code.amount_off) {
        (Some(percent), _) => money::add(money::times(subtotal, i64::from(percent))?, 50)? / 100,
        (None, amount) => amount.unwrap_or(0),
    };
    let off = off.min(subtotal);
    Ok(off - off % money::step(currency))
}

async fn count<D: ConnectionTrait>(
    db: &D,
    stripe_promotion_code: &str,
    statuses: &[PaymentStatus],
) -> Result<i64> {
    use payment::Column as P;
    let found = payment::Entity::find()
        .filter(P::StripePromotionCode.eq(stripe_promotion_code))
        .filter(P::Status.is_in(statuses.iter().copied()))
        .count(db)
        .await?;
    i64::try_from(found).map_err(|_| Error::Overflow)
}

/// How often each of the codes has been redeemed here, by Stripe's id of it. Those that never were are missing.
pub async fn times_redeemed<D: ConnectionTrait>(
    db: &D,
    codes: &[promotion_code::Model],
) -> Result<HashMap<String, i64>> {
    use payment::Column as P;
    let made = codes
        .iter()
        .filter_map(|code| code.stripe_promotion_code.clone());
    let counted: Vec<(String, i64)> = payment::Entity::find()
        .select_only()
        .column(P::StripePromotionCode)
        .column_as(P::Id.count(), "times")
        .filter(P::StripePromotionCode.is_in(made))
        .filter(P::Status.eq(PaymentStatus::Paid))
        .group_by(P::StripePromotionCode)
        .into_tuple()
        .all(db)
        .await?;
    Ok(counted.into_iter().collect())
}

/// Looks at codes, by Stripe's ids, that payments of this transaction have redeemed, and raises a finding about those that
/// were redeemed more often than they may be. Their locks let two transactions see each other's redemptions. Codes that
/// aren't ours are the seller's own business.
pub async fn review(tx: &Tx, stripe_promotion_codes: &BTreeSet<String>) -> Result<()> {
    if stripe_promotion_codes.is_empty() {
        return Ok(());
    }
    let codes = promotion_code::Entity::find()
        .filter(C::StripePromotionCode.is_in(stripe_promotion_codes))
        .order_by_asc(C::Id)
        .lock(LockType::NoKeyUpdate)
        .all(tx)
        .await?;
    for code in codes {
        if let Some(finding) = overuse(tx, &code).await? {
            findings::raise(tx, finding).await?;
        }
    }
    Ok(())
}

/// Resolves the finding about a code that is switched off: it can't be redeemed any more.
pub(super) async fn note_switched_off(tx: &Tx, id: &PromotionCodeId) -> Result<()> {
    findings::resolve(tx, OVERUSED, id.as_ref()).await
}

#[derive(FromQueryResult)]
struct Overused {
    id: PromotionCodeId,
}

const ALL_OVERUSED: &str = "SELECT c.id FROM promotion_codes c \
    JOIN payments p ON p.stripe_promotion_code = c.stripe_promotion_code \
    WHERE c.active AND c.max_redemptions IS NOT NULL AND p.status = 'paid' \
    GROUP BY c.id, c.max_redemptions HAVING COUNT(*) > c.max_redemptions ORDER BY c.id";

/// Looks at all codes again: one may have got Stripe's id after its first redemption.
pub async fn review_all(tx: &Tx) -> Result<()> {
    let read = Statement::from_string(tx.get_database_backend(), ALL_OVERUSED);
    let mut true_of = BTreeSet::new();
    for Overused { id } in Overused::find_by_statement(read).all(tx).await? {
        let Some(code) = find(tx, &id).await? else {
            continue;
        };
        if let Some(finding) = overuse(tx, &code).await? {
            true_of.insert(finding.subject.clone());
            findings::raise(tx, finding).await?;
        }
    }
    findings::resolve_others(tx, OVERUSED, &true_of).await
}

/// What the redemptions beyond a code's limit took off in a currency.
#[derive(FromQueryResult)]
struct Loss {
    currency: String,
    amount: i64,
}

const LOST: &str = "SELECT currency, CAST(SUM(amount_discount) AS BIGINT) AS amount \
    FROM (SELECT currency, amount_discount, ROW_NUMBER() OVER (ORDER BY paid_at, id) AS n FROM payments \
        WHERE stripe_promotion_code = $1 AND status = 'paid') AS redeemed \
    WHERE n > $2 GROUP BY currency ORDER BY currency";

/// The finding about a code that was redeemed more often than it may be and that can still be used.
async fn overuse(tx: &Tx, code: &promotion_code::Model) -> Result<Option<NewFinding>> {
    let (Some(most), Some(at_stripe), true) = (
        code.max_redemptions.map(i64::from),
        code.stripe_promotion_code.as_deref(),
        code.active,
    ) else {
        return Ok(None);
    };
    let times = count(tx, at_stripe, &[PaymentStatus::Paid]).await?;
    if times <= most {
        return Ok(None);
    }
    let values = [at_stripe.into(), most.into()];
    let read = Statement::from_sql_and_values(tx.get_database_backend(), LOST, values);
    let lost = Loss::find_by_statement(read).all(tx).await?;
    let sums = lost
        .iter()
        .map(|loss| money::display(loss.amount, &loss.currency));
    let sums = sums.collect::<Vec<_>>().join(" and ");
    let only = match lost.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    let seller = sellers::find(tx, &code.seller_id).await?;
    Ok(Some(NewFinding {
        kind: OVERUSED,
        stripe_account: seller.and_then(|seller| seller.stripe_account),
        subject: code.id.to_string(),
        message: format!(
            "Promotion code {} of seller {} was redeemed {times} times, but it may be {most} times: it was in more open \
             checkouts than it had redemptions left. Those beyond took {sums} off. Their orders stand, since their buyers \
             have paid what Stripe asked. Switch the code off (PATCH /v1/promotion_codes/{} with active false), so that it \
             isn't redeemed again, and tell the seller.",
            code.code, code.seller_id, code.id,
        ),
        amount: only.map(|loss| loss.amount),
        currency: only.map(|loss| loss.currency.clone()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(percent_off: Option<i32>, amount_off: Option<i64>) -> promotion_code::Model {
        promotion_code::Model {
            id: "pmc_1".into(),
            seller_id: "sel_1".into(),
            code: "CODE".to_owned(),
            percent_off,
            amount_off,
            currency: amount_off.map(|_| "usd".to_owned()),
            duration: CodeDuration::Once,
            duration_in_months: None,
            minimum_amount: None,
            minimum_amount_currency: None,
            first_time_transaction: false,
            max_redemptions: None,
            expires_at: Some(Timestamp::from_seconds(1000)),
            active: true,
            stripe_coupon: None,
            stripe_promotion_code: None,
            key_number: 1,
            key_until: Timestamp(0),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }
    }

    #[test]
    fn a_discount_is_rounded_half_up_down_to_the_step_and_never_above_the_subtotal() {
        let off = |percent, subtotal, currency| {
            discount(&code(Some(percent), None), subtotal, currency).expect("small")
        };
        assert_eq!(off(20, 2500, "usd"), 500);
        assert_eq!(off(50, 101, "usd"), 51);
        assert_eq!(off(33, 100, "usd"), 33);
        assert_eq!(off(1, 49, "usd"), 0);
        assert_eq!(off(100, 2500, "usd"), 2500);
        assert_eq!(off(10, 1020, "kwd"), 100);
        assert_eq!(off(50, 500, "isk"), 200);
        let fixed =
            |amount, subtotal| discount(&code(None, Some(amount)), subtotal, "usd").expect("small");
        assert_eq!(fixed(500, 2500), 500);
        assert_eq!(fixed(5000, 2500), 2500);
        assert!(discount(&code(Some(100), None), i64::MAX, "usd").is_err());
    }

    #[test]
    fn a_code_is_used_until_it_expires_or_is_switched_off() {
        let refusal = |code: &promotion_code::Model, seconds| {
            let refusal = check_usable(code, Timestamp::from_seconds(seconds)).err()?;
            Some((refusal.reason(), refusal.into_error().status_and_code()))
        };
        assert_eq!(refusal(&code(Some(5), None), 999), None);
        let expired = ("expired", (422, "promotion_code_expired"));
        assert_eq!(refusal(&code(Some(5), None), 1000), Some(expired));
        let off = promotion_code::Model {
            active: false,
            ..code(Some(5), None)
        };
        let inactive = ("inactive", (422, "promotion_code_invalid"));
        assert_eq!(refusal(&off, 999), Some(inactive));
    }

    #[test]
    fn a_code_is_for_purchases_of_its_minimum_in_its_currencies() {
        let refusal = |code: &promotion_code::Model, subtotal, currency| {
            let purchase = Purchase {
                seller: &"sel_1".into(),
                buyer: None,
                subtotal,
                currency,
            };
            let refusal = check_purchase(code, purchase).err()?;
            Some((refusal.reason(), refusal.sentence()))
        };
        let least = promotion_code::Model {
            minimum_amount: Some(5000),
            minimum_amount_currency: Some("usd".to_owned()),
            ..code(Some(5), None)
        };
        assert_eq!(refusal(&least, 5000, "usd"), None);
        let (reason, sentence) = refusal(&least, 4999, "usd").expect("too little");
        assert_eq!(reason, "minimum_not_met");
        assert!(sentence.contains("50.00 USD"), "{sentence}");
        for code in [&least, &code(None, Some(500))] {
            let refused = refusal(code, 5000, "eur").map(|(reason, _)| reason);
            assert_eq!(refused, Some("currency_mismatch"));
        }
        assert_eq!(refusal(&code(Some(5), None), 1, "eur"), None);
    }
}
