//! Saved cards in payments: which customer a payment is of, by which card it is to be paid, and what it saves.

use souk_entity::payment::{self, PaymentStatus};
use souk_entity::{AccountId, customer, payment_method};

use crate::app::App;
use crate::customers;
use crate::customers::methods::{self, Bringer};
use crate::error::{Error, Result};
use crate::identity::Buyer;
use crate::stripe::requests::customers as requests;
use crate::stripe::requests::intents::Saving;
use crate::stripe::views::{ChargeView, Expandable, PaymentMethodView};

/// What a buyer wants to do with saved cards.
#[derive(Clone, Copy, Default)]
pub struct Wish<'a> {
    /// A card that they have saved.
    pub payment_method: Option<&'a str>,
    /// Whether to save what they pay with.
    pub saves: bool,
}

/// Whose payment it is at Stripe.
#[derive(Default)]
pub struct Chosen {
    /// Stripe's customer. None: nobody's.
    pub customer: Option<String>,
    /// The card.
    pub payment_method: Option<String>,
}

/// The customer and the card of a payment on an account. A buyer who has a customer there pays as that customer; one who wants
/// to save a card gets one.
///
/// # Errors
/// Names the field: a card that isn't the buyer's, or is saved with another seller; saving as a guest whose address isn't proved.
pub async fn choose(
    app: &App,
    buyer: Option<&Buyer>,
    account: &AccountId,
    wish: Wish<'_>,
) -> Result<Chosen> {
    let Some(buyer) = buyer else {
        return match wish {
            Wish {
                payment_method: Some(_),
                ..
            } => Err(Error::no_such("payment method", "payment_method")),
            Wish { saves: true, .. } => Err(Error::invalid(
                "save_payment_method",
                "Log in to save a card, or prove your address (POST /v1/address_verifications) and send the Guest-Token.",
            )),
            _ => Ok(Chosen::default()),
        };
    };
    if let Some(id) = wish.payment_method {
        let own = methods::of_buyer(&app.db.read, buyer, id).await;
        let (method, customer) = own.map_err(|e| match e {
            Error::NotFound(what) => Error::no_such(what, "payment_method"),
            e => e,
        })?;
        check_account(&method, account, "payment_method")?;
        return Ok(Chosen {
            customer: customer.stripe_customer,
            payment_method: Some(method.id),
        });
    }
    let customer = match wish.saves {
        true => Some(customers::ensure(app, buyer, account).await?.1),
        false => {
            let livemode = app.stripe.livemode();
            let known = customers::of_buyer(&app.db.read, buyer, account, livemode).await?;
            known.and_then(|customer| customer.stripe_customer)
        }
    };
    Ok(Chosen {
        customer,
        payment_method: None,
    })
}

/// Refuses a card that is saved with another seller than the one who is to be paid.
///
/// # Errors
/// `payment_method_of_another_seller`, naming the field.
pub fn check_account(
    method: &payment_method::Model,
    account: &AccountId,
    param: &'static str,
) -> Result<()> {
    match method.stripe_account == *account {
        true => Ok(()),
        false => Err(Error::invalid_with(
            "payment_method_of_another_seller",
            param,
            "This card is saved with another seller, and can be used only there. Save it with this one, too.",
        )),
    }
}

/// Keeps the card of a paid payment that was to save it.
///
/// # Errors
/// Stripe has not answered.
pub(super) async fn keep_paid(
    app: &App,
    payment: &payment::Model,
    charge: Option<&Expandable<ChargeView>>,
) -> Result<()> {
    let (Some(known), Some(Expandable::Object(charge))) = (&payment.customer, charge) else {
        return Ok(());
    };
    let Some(method) = &charge.payment_method else {
        return Ok(());
    };
    if payment.status != PaymentStatus::Paid || !Saving::is_asked_by(&payment.request) {
        return Ok(());
    }
    let db = &app.db.read;
    let of = customers::by_stripe_id(db, &payment.charge_account, payment.livemode, known).await?;
    let Some(customer) = of else {
        return Ok(());
    };
    let scope = app.stripe.at(&payment.charge_account);
    let read = requests::payment_method(known, method);
    let view: PaymentMethodView = match scope.get(&read).await {
        // It was detached since.
        Err(Error::StripeRefused(_)) => return Ok(()),
        read => read?,
    };
    keep(app, &customer, &view, payment).await
}

async fn keep(
    app: &App,
    customer: &customer::Model,
    view: &PaymentMethodView,
    payment: &payment::Model,
) -> Result<()> {
    let by = Bringer {
        id: payment.id.as_ref(),
        mandate: None,
    };
    let tx = app.db.begin_write().await?;
    methods::keep(&tx, customer, view, by).await?;
    tx.commit().await
}
