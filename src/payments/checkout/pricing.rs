//! Prices what a buyer wants, from the database and the settings.

use serde::{Deserialize, Serialize};
use souk_entity::product::{self, ProductStatus};
use souk_entity::{AccountId, Metadata, ProductId, UserId, seller};
use validator::Validate;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::check_metadata;
use crate::identity::Buyer;
use crate::money::FeeRule;
use crate::orders::PricedLine;
use crate::{catalog, money, sellers};

use super::origin::Origin;

/// A line of a checkout.
#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// The product.
    pub product_id: ProductId,
    /// Pieces.
    #[validate(range(min = 1, max = 999, message = "quantity is 1 to 999."))]
    pub quantity: i64,
}

/// What a buyer wants, as the API asks for it.
pub struct NewBasket {
    pub lines: Vec<NewLine>,
    /// A guest's address.
    pub customer_email: Option<String>,
    pub metadata: Option<Metadata>,
    pub origin: Origin,
}

/// What a buyer wants, with its prices.
pub struct Basket {
    pub seller: seller::Model,
    pub account: AccountId,
    pub lines: Vec<PricedLine>,
    pub currency: String,
    /// Minor units.
    pub subtotal: i64,
    pub fee_rule: FeeRule,
    /// None: a guest.
    pub buyer: Option<UserId>,
    pub email: String,
    pub metadata: Metadata,
    pub origin: Origin,
}

impl Basket {
    /// Stripe's names of the payment methods that the seller allows; none: those of their dashboard.
    pub fn allowed_types(&self) -> Option<&[String]> {
        let types = self.seller.allowed_payment_method_types.as_ref()?;
        Some(&types.0)
    }
}

/// Prices what a buyer wants.
///
/// # Errors
/// Lines that can't be bought together or now, no address to write to, or another than a guest has proved.
pub async fn price(app: &App, buyer: Option<&Buyer>, new: NewBasket) -> Result<Basket> {
    let email = address(buyer, new.customer_email)?;
    let sold = price_lines(app, &new.lines).await?;
    basket(app, buyer, email, sold, new.metadata, new.origin)
}

/// A basket of lines that are priced. `email` is where the receipt goes.
///
/// # Errors
/// Metadata that can't be kept, and a sum that doesn't fit.
pub fn basket(
    app: &App,
    buyer: Option<&Buyer>,
    email: String,
    (seller, account, lines): (seller::Model, AccountId, Vec<PricedLine>),
    metadata: Option<Metadata>,
    origin: Origin,
) -> Result<Basket> {
    let metadata = metadata.unwrap_or_default();
    check_metadata(&metadata)?;
    let first = lines.first().map(|line| line.product.currency.clone());
    let mut amounts = lines.iter().map(|line| line.amount);
    Ok(Basket {
        currency: first.unwrap_or_default(),
        subtotal: amounts.try_fold(0, money::add)?,
        fee_rule: sellers::fee_rule(&app.config.application_fee, &seller),
        seller,
        account,
        lines,
        buyer: buyer
            .and_then(Buyer::user)
            .map(|caller| caller.id().clone()),
        email,
        metadata,
        origin,
    })
}

/// Where the receipt goes. A user may send it elsewhere; a guest with a token is whoever the token says.
fn address(buyer: Option<&Buyer>, given: Option<String>) -> Result<String> {
    if let (Some(Buyer::Guest(proved)), Some(given)) = (buyer, &given)
        && !proved.is(given)
    {
        return Err(Error::invalid(
            "customer_email",
            "The Guest-Token is of another address than customer_email. Leave one of them out.",
        ));
    }
    match (buyer, given) {
        (Some(Buyer::User(_)) | None, Some(given)) => Ok(given),
        (Some(buyer), _) => Ok(buyer.email().to_owned()),
        (None, None) => Err(Error::invalid(
            "customer_email",
            "customer_email is missing: a guest needs one, or log in.",
        )),
    }
}

impl Basket {
    /// The application fee that is asked for: of what the buyer is to pay by our reckoning, or of the subtotal, and then at most
    /// what the buyer pays. Minor units.
    ///
    /// # Errors
    /// A sum that doesn't fit.
    pub fn application_fee(&self, app: &App, total: i64) -> Result<i64> {
        let base = match app.config.application_fee_of_paid {
            true => total,
            false => self.subtotal,
        };
        Ok(self.fee_rule.of(base, &self.currency)?.min(total))
    }

    /// As [`check_total`], of what the basket comes to.
    ///
    /// # Errors
    /// `amount_too_small` or `amount_too_large`.
    pub fn check_total(&self, total: i64) -> Result<()> {
        check_total(&self.currency, self.subtotal, total)
    }
}

/// A first check of what the buyer is to pay, in minor units: what is settled in another currency must convert to the
/// smallest charge of that one, which only Stripe knows. Nothing need be charged where a code takes all of it off.
///
/// # Errors
/// `amount_too_small` or `amount_too_large`.
pub fn check_total(currency: &str, subtotal: i64, total: i64) -> Result<()> {
    let Some(limits) = money::currency(currency) else {
        return Ok(());
    };
    if total > 0 && total < limits.smallest {
        let least = money::display(limits.smallest, currency);
        return Err(Error::invalid_with(
            "amount_too_small",
            match subtotal < limits.smallest {
                true => "lines",
                false => "promotion_code",
            },
            format!("Stripe takes no less than {least}."),
        ));
    }
    if total > limits.largest {
        let most = money::display(limits.largest, currency);
        return Err(Error::invalid_with(
            "amount_too_large",
            "lines",
            format!("Stripe takes no more than {most} at once."),
        ));
    }
    Ok(())
}

/// Looks the products up and checks that they can be bought together now.
///
/// # Errors
/// 404 for what nobody sells; `mixed_sellers`, `mixed_currencies`, `product_archived`, `recurring_only`, `sold_out`,
/// `seller_not_active`.
pub async fn price_lines(
    app: &App,
    wanted: &[NewLine],
) -> Result<(seller::Model, AccountId, Vec<PricedLine>)> {
    let ids: Vec<ProductId> = wanted.iter().map(|line| line.product_id.clone()).collect();
    let products = catalog::products(&app.db.read, &ids).await?;
    let mut lines: Vec<PricedLine> = Vec::with_capacity(wanted.len());
    for (line, at) in wanted.iter().zip(0..) {
        let param = format!("lines[{at}].product_id");
        let found = products
            .iter()
            .find(|(product, _)| product.id == line.product_id);
        let (product, _) = found.ok_or_else(|| Error::no_such("product", param.clone()))?;
        lines.push(price_line(product, line, &lines, param)?);
    }
    let seller = products.into_iter().next().map(|(_, seller)| seller);
    let seller = seller.ok_or_else(|| Error::internal("a checkout without lines"))?;
    let account = sellers::charging_account(app, &seller)?.clone();
    Ok((seller, account, lines))
}

/// A line's price, if it can be bought together with those before it.
fn price_line(
    product: &product::Model,
    line: &NewLine,
    before: &[PricedLine],
    param: String,
) -> Result<PricedLine> {
    if let Some(first) = before.first() {
        if product.seller_id != first.product.seller_id {
            return Err(mixed_sellers());
        }
        if product.currency != first.product.currency {
            return Err(mixed_currencies());
        }
    }
    if product.status != ProductStatus::Active {
        return Err(line_conflict(
            "product_archived",
            param,
            format!("{} is no longer for sale.", product.name),
        ));
    }
    let Some(unit_amount) = product.unit_amount else {
        let name = &product.name;
        return Err(line_conflict(
            "recurring_only",
            param,
            format!("{name} isn't sold once, but by its recurring prices (GET /v1/prices)."),
        ));
    };
    let same = before.iter().filter(|line| line.product.id == product.id);
    let total_quantity = same
        .map(|line| line.quantity)
        .fold(line.quantity, i64::saturating_add);
    if let Some(left) = product.available.filter(|left| *left < total_quantity) {
        return Err(line_conflict(
            "sold_out",
            param,
            format!("Only {left} of {} are left.", product.name),
        ));
    }
    Ok(PricedLine {
        amount: money::times(unit_amount, line.quantity)?,
        product: product.clone(),
        unit_amount,
        quantity: line.quantity,
    })
}

/// The refusal of lines of two sellers.
pub(super) fn mixed_sellers() -> Error {
    Error::invalid_with(
        "mixed_sellers",
        "lines",
        "A checkout holds products of one seller: open one for each.",
    )
}

/// The refusal of lines in two currencies.
pub(super) fn mixed_currencies() -> Error {
    Error::invalid_with(
        "mixed_currencies",
        "lines",
        "A checkout holds prices in one currency.",
    )
}

fn line_conflict(code: &'static str, param: String, message: String) -> Error {
    Error::Conflict {
        code,
        param: Some(param),
        message,
    }
}
