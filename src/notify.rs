//! The mails to buyers and sellers.

mod addresses;
mod cards;
mod shipments;
mod subscriptions;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use souk_entity::ids::RowId;
use souk_entity::{
    AddressVerificationId, OrderId, PaymentId, RefundId, SellerId, ShipmentId, Timestamp, dispute,
    early_fraud_warning, order, payment, payment_order, payout, refund,
};

use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::Recipient;
use crate::{money, payments, sellers};

/// What a mail is about.
struct Subject {
    seller: SellerId,
    /// None: it is about the seller's account.
    order: Option<order::Model>,
    /// The sum that moved, in words.
    amount: String,
    /// When Stripe wants an answer, or what is held lapses.
    due_by: Option<Timestamp>,
    /// What Stripe wants of the seller, a sentence each.
    wanted: Vec<String>,
}

/// Sends a mail to a buyer or a seller. A buyer whose address isn't known gets none.
///
/// # Errors
/// The mail can't be sent, or what it is about isn't here.
pub async fn send(app: &App, what: &str, to: Recipient, about: &str) -> Result<()> {
    if what == "card_expires" {
        return cards::send(app, about).await;
    }
    if what.starts_with(subscriptions::PREFIX) {
        return subscriptions::send(app, what, about).await;
    }
    match about.split('_').next() {
        Some(ShipmentId::PREFIX) => {
            return shipments::send(app, what, &ShipmentId::from(about)).await;
        }
        Some(AddressVerificationId::PREFIX) => {
            return addresses::send(app, &AddressVerificationId::from(about)).await;
        }
        _ => {}
    }
    let subject = find(app, about).await?;
    let unknown = || Error::internal(format!("no mail is called {what}"));
    let (address, (headline, text)) = match to {
        Recipient::Buyer => {
            let order = subject.order.as_ref().ok_or_else(unknown)?;
            let how = match what {
                "payment_needs_you" => how_to_pay(app, about).await?,
                _ => String::new(),
            };
            let mail = to_buyer(what, order, &subject.amount, &how);
            (order.email.clone(), mail.ok_or_else(unknown)?)
        }
        Recipient::Seller => {
            let seller = sellers::find(&app.db.read, &subject.seller).await?;
            let mail = to_seller(what, &subject);
            (seller.map(|seller| seller.email), mail.ok_or_else(unknown)?)
        }
    };
    match address {
        Some(address) => app.mailer.send(&address, headline, &text).await,
        None => Ok(()),
    }
}

/// Looks up what a mail is about, by the prefix of its id.
async fn find(app: &App, about: &str) -> Result<Subject> {
    let found = match about.split_once('_').map(|(prefix, _)| prefix) {
        Some(RefundId::PREFIX) => of_refund(app, about).await?,
        Some(PaymentId::PREFIX) => of_payment(app, about).await?,
        Some(OrderId::PREFIX) => of_order(app, about).await?,
        Some("du" | "dp") => of_dispute(app, about).await?,
        Some("issfr") => of_fraud_warning(app, about).await?,
        Some("po") => of_payout(app, about).await?,
        Some(SellerId::PREFIX) => of_seller(app, about).await?,
        _ => None,
    };
    found.ok_or_else(|| Error::internal(format!("a mail about {about}, which is missing")))
}

async fn of_refund(app: &App, id: &str) -> Result<Option<Subject>> {
    let refund = refund::Entity::find_by_id(RefundId::from(id));
    let Some(refund) = refund.one(&app.db.read).await? else {
        return Ok(None);
    };
    of_sum(app, &refund.order_id, refund.amount, None).await
}

async fn of_payment(app: &App, id: &str) -> Result<Option<Subject>> {
    let payment = payment::Entity::find_by_id(PaymentId::from(id));
    let Some(payment) = payment.one(&app.db.read).await? else {
        return Ok(None);
    };
    let link = payment_order::Entity::find()
        .filter(payment_order::Column::PaymentId.eq(payment.id.clone()));
    let Some(link) = link.one(&app.db.read).await? else {
        return Ok(None);
    };
    let paid = payment.amount_paid.unwrap_or(payment.amount_subtotal);
    of_sum(app, &link.order_id, paid, None).await
}

async fn of_dispute(app: &App, id: &str) -> Result<Option<Subject>> {
    // A mail that is sent more than once for a dispute names what it is about behind a colon.
    let id = id.split(':').next().unwrap_or_default();
    let dispute = dispute::Entity::find_by_id(id.to_owned());
    let Some(dispute) = dispute.one(&app.db.read).await? else {
        return Ok(None);
    };
    let due_by = dispute.evidence_due_by;
    of_sum(app, &dispute.order_id, dispute.amount, due_by).await
}

async fn of_fraud_warning(app: &App, id: &str) -> Result<Option<Subject>> {
    let warning = early_fraud_warning::Entity::find_by_id(id.to_owned());
    let Some(warning) = warning.one(&app.db.read).await? else {
        return Ok(None);
    };
    of_payment(app, warning.payment_id.as_ref()).await
}

async fn of_payout(app: &App, id: &str) -> Result<Option<Subject>> {
    let payout = payout::Entity::find_by_id(id.to_owned());
    let payout = payout.one(&app.db.read).await?;
    Ok(payout.and_then(|payout| {
        Some(Subject {
            seller: payout.seller_id?,
            order: None,
            amount: money::display(payout.amount, &payout.currency),
            due_by: None,
            wanted: Vec::new(),
        })
    }))
}

/// A seller at a moment, as `sellers` names it: the id, a colon and the time.
async fn of_seller(app: &App, about: &str) -> Result<Option<Subject>> {
    let id = SellerId::from(about.split(':').next().unwrap_or_default());
    let seller = sellers::find(&app.db.read, &id).await?;
    Ok(seller.map(|seller| Subject {
        seller: seller.id,
        order: None,
        amount: String::new(),
        due_by: seller.requirements.0.current_deadline,
        wanted: sellers::requirements::due(&seller.requirements.0),
    }))
}

async fn of_order(app: &App, id: &str) -> Result<Option<Subject>> {
    let id = OrderId::from(id);
    let Some(order) = order(app, &id).await? else {
        return Ok(None);
    };
    let paid = payments::amount_paid(&app.db.read, &id).await?;
    Ok(Some(Subject {
        amount: money::display(paid.unwrap_or(order.amount_subtotal), &order.currency),
        seller: order.seller_id.clone(),
        order: Some(order),
        due_by: payments::capture::deadline(&app.db.read, &id).await?,
        wanted: Vec::new(),
    }))
}

/// A sum of an order, in minor units of its currency.
async fn of_sum(
    app: &App,
    order_id: &OrderId,
    amount: i64,
    due_by: Option<Timestamp>,
) -> Result<Option<Subject>> {
    let subject = |order: order::Model| Subject {
        seller: order.seller_id.clone(),
        amount: money::display(amount, &order.currency),
        order: Some(order),
        due_by,
        wanted: Vec::new(),
    };
    Ok(order(app, order_id).await?.map(subject))
}

async fn order(app: &App, id: &OrderId) -> Result<Option<order::Model>> {
    Ok(order::Entity::find_by_id(id.clone())
        .one(&app.db.read)
        .await?)
}

/// What a buyer is told to do about a payment: it is paid on a page of ours, or where Stripe.js has no key in the shop.
async fn how_to_pay(app: &App, payment: &str) -> Result<String> {
    let payment = payment::Entity::find_by_id(PaymentId::from(payment));
    let payment = payment.one(&app.db.read).await?;
    let page = payment.and_then(|payment| payments::sessions::pay_page::address(app, &payment));
    Ok(match page {
        Some(page) => format!(
            "Confirm it here, or pay by another card:\n\n{page}\n\nThe link is yours alone; don't pass it on. Nobody asks for \
             your card by mail."
        ),
        None => {
            "Open the order in the shop, and confirm the payment or pay in another way.".to_owned()
        }
    })
}

/// Headline and text of a mail to the buyer. `how` says what they can do.
fn to_buyer(
    what: &str,
    order: &order::Model,
    amount: &str,
    how: &str,
) -> Option<(&'static str, String)> {
    let id = &order.id;
    Some(match what {
        "order_paid" => (
            "Your order is confirmed",
            format!("Thank you. Your order {id} over {amount} is paid and confirmed."),
        ),
        "order_authorized" => (
            "Your order is confirmed",
            format!(
                "Thank you. Your order {id} is confirmed. {amount} are only held on your card or account; the shop takes them \
                 when it ships."
            ),
        ),
        "order_released" => (
            "Your order was not charged",
            format!(
                "The shop did not take the {amount} that were held for your order {id}. Nothing was charged, and the order has ended."
            ),
        ),
        "order_sold_out" => (
            "Your order sold out",
            format!(
                "We are sorry: what you ordered in {id} sold out before your order was complete. Nothing was charged."
            ),
        ),
        "payment_needs_you" => (
            "Your payment needs you",
            format!(
                "The card that you have saved could not be charged for order {id} over {amount}. Your bank wants you to confirm \
                 the payment, or the card's details are out of date. Nothing was charged. {how}"
            ),
        ),
        "refund_due" => (
            "Your money is on its way back",
            match order.refund_reason.as_deref() {
                Some("oversold") => format!(
                    "We are sorry: what you ordered in {id} sold out before your payment arrived. All you paid, \
                     {amount}, is being refunded."
                ),
                Some(_) => format!(
                    "Your payment for order {id} arrived after the order had ended. All you paid, {amount}, is being \
                     refunded."
                ),
                None => format!(
                    "Order {id} was paid twice. The second payment, {amount}, is being refunded."
                ),
            },
        ),
        "refund_blocked" => (
            "Your refund needs a person",
            format!(
                "The refund of {amount} of your order {id} could not be made by itself. The shop has been told and \
                 will be in touch."
            ),
        ),
        "refund_failed" => (
            "Your refund did not arrive",
            format!(
                "The refund of {amount} of your order {id} was sent, but your bank or card did not take it, so the \
                 money came back to the shop. The shop has been told and will be in touch about another way."
            ),
        ),
        _ => return None,
    })
}

/// Headline and text of a mail to the seller.
fn to_seller(what: &str, about: &Subject) -> Option<(&'static str, String)> {
    let Subject { amount, due_by, .. } = about;
    let until = due_by.map_or_else(String::new, |at| format!(" until {at}"));
    let Some(order) = &about.order else {
        return about_account(what, amount, &until, &about.wanted);
    };
    let id = &order.id;
    Some(match what {
        "order_paid" => (
            "You have sold something",
            format!("Order {id} over {amount} is paid. Fulfil it, and record that in Souk."),
        ),
        "order_authorized" => (
            "You have an order to ship",
            format!(
                "{amount} are held for order {id}. Ship it, and capture the money in Souk{until}; after that nothing can be \
                 charged. Its goods are taken from stock."
            ),
        ),
        "capture_due_soon" | "capture_due_tomorrow" => (
            "Money that is held for you lapses soon",
            format!(
                "The {amount} that are held for order {id} can be captured only{until}. Capture what you have shipped, or \
                 cancel the order."
            ),
        ),
        "order_released" => (
            "An order was not charged",
            format!(
                "The {amount} that were held for order {id} were released: the authorization was canceled or has lapsed. Don't \
                 ship it. Its goods are back in stock."
            ),
        ),
        "refund_failed" => (
            "A refund failed",
            format!(
                "The refund of {amount} of order {id} came back: the buyer's bank or card did not take it, and the buyer \
                 does not have the money. Refund it again, which fails again if the card is closed; or pay the buyer in \
                 another way, and record that in Souk."
            ),
        ),
        _ => return about_dispute(what, id, amount, &until),
    })
}

/// Headline and text of a mail about a disputed payment.
fn about_dispute(
    what: &str,
    id: &OrderId,
    amount: &str,
    until: &str,
) -> Option<(&'static str, String)> {
    Some(match what {
        "dispute_opened" => (
            "A payment is disputed",
            format!(
                "The buyer of order {id} has disputed {amount} with their bank, which has taken the money back for now. \
                 Submit evidence{until}, or accept it. Don't pay the buyer in another way, who would \
                 have the money twice."
            ),
        ),
        "inquiry_opened" => (
            "A bank asks about a payment",
            format!(
                "The bank of the buyer of order {id} asks about {amount}. No money has moved. Submit \
                 evidence{until}, or refund the order, which ends it."
            ),
        ),
        "appeal_opened" => (
            "A dispute is reopened",
            format!(
                "The dispute of {amount} of order {id} was decided, and can be appealed{until}. Then the card network decides for \
                 good, and may take a high fee. Write down why the decision is wrong and submit it, or accept the dispute."
            ),
        ),
        "evidence_due_soon" | "evidence_due_tomorrow" => (
            "A dispute waits for your answer",
            format!(
                "The dispute of {amount} of order {id} is lost if nobody answers it{until}. Submit evidence, or accept it."
            ),
        ),
        "evidence_refused" => (
            "Your evidence was not submitted",
            format!(
                "Stripe did not take the evidence against the dispute of {amount} of order {id}. Look at the dispute for what it \
                 says, change the evidence, and submit it again{until}."
            ),
        ),
        "fraud_suspected" => (
            "A bank suspects fraud",
            format!(
                "The bank of whoever paid order {id} over {amount} suspects that their card was used by somebody else. No money \
                 has moved, but most such payments are disputed later. Look at the order before you ship it; a refund now \
                 avoids the dispute and its fee. Nothing is refunded by itself."
            ),
        ),
        "dispute_won" => (
            "A dispute is won",
            format!("The dispute of {amount} of order {id} is won: the money is yours again."),
        ),
        "dispute_lost" => (
            "A dispute is lost",
            format!(
                "The dispute of {amount} of order {id} is lost: the buyer has the money. Don't refund it again."
            ),
        ),
        _ => return None,
    })
}

/// Headline and text of a mail about the seller's account.
fn about_account(
    what: &str,
    amount: &str,
    until: &str,
    wanted: &[String],
) -> Option<(&'static str, String)> {
    let wanted = match wanted {
        [] => String::new(),
        wanted => format!("\n\nStripe wants:\n- {}", wanted.join("\n- ")),
    };
    let look = "Ask for a new onboarding link in Souk, or look at your Stripe dashboard.";
    Some(match what {
        "payout_failed" => (
            "A payout failed",
            format!(
                "Stripe could not pay {amount} out to your bank. Look at your bank account in your Stripe dashboard; the \
                 money is paid out again once that is right."
            ),
        ),
        "requirements_due" => (
            "Stripe needs something from you",
            format!(
                "Stripe wants to know more about you{until}, or you can't take payments or be paid out any more. {look}{wanted}"
            ),
        ),
        "charges_stopped" => (
            "You can't take payments at the moment",
            format!(
                "Stripe has restricted your account, and nothing can be bought from you until that is lifted. {look}{wanted}"
            ),
        ),
        "payouts_stopped" => (
            "You aren't paid out at the moment",
            format!(
                "Stripe has stopped payouts to your bank. You can go on selling, and your money stays in your balance at \
                 Stripe. {look}{wanted}"
            ),
        ),
        "name_kept" => (
            "Stripe keeps your old name",
            "You have changed your name here. On the page where buyers pay, Stripe shows the old one, which only you can \
             change: in the settings of your Stripe dashboard."
                .to_owned(),
        ),
        _ => return None,
    })
}
