//! The mails to whoever has subscribed to something.

use crate::app::App;
use crate::error::{Error, Result};
use crate::subscriptions::notices::{self, Notice};

/// What the names of these mails begin with.
pub(super) const PREFIX: &str = "subscription_";

/// Tells a subscription's buyer what has become of it, or is about to. There is no mail about what is no longer so.
///
/// # Errors
/// The mail can't be sent, Stripe has not answered, or the subscription isn't here.
pub(super) async fn send(app: &App, what: &str, about: &str) -> Result<()> {
    let Some(notice) = notices::notice(app, what, about).await? else {
        return Ok(());
    };
    let shop_page = app.config.page("/");
    let unknown = || Error::internal(format!("no mail is called {what}"));
    let (headline, text) = text(what, &notice, &shop_page).ok_or_else(unknown)?;
    app.mailer.send(&notice.address, headline, &text).await
}

/// Headline and text of a mail.
fn text(what: &str, of: &Notice, shop_page: &str) -> Option<(&'static str, String)> {
    let day = of
        .at
        .map(|at| at.to_string().chars().take(10).collect::<String>());
    let day = day.as_deref().unwrap_or("the end of the period");
    about_money(what, of, (day, shop_page)).or_else(|| about_state(what, of, (day, shop_page)))
}

/// What is charged soon, or could not be.
fn about_money(
    what: &str,
    of: &Notice,
    (day, shop_page): (&str, &str),
) -> Option<(&'static str, String)> {
    let Notice { shop, plan, .. } = of;
    let amount = of.amount.as_deref().unwrap_or("the open sum");
    let pay = match &of.page {
        Some(page) => format!(
            "Open this page of Stripe, which takes payments for {shop}:\n\n{page}\n\nThe link is yours alone; don't pass it on. Nobody \
             asks for your card by mail."
        ),
        None => format!("Open your subscription in the shop, and pay it there: {shop_page}"),
    };
    let retry = match (&of.page, of.at) {
        (Some(_), Some(_)) => format!(" It is tried again on {day}, unless you pay before."),
        _ => String::new(),
    };
    Some(match what {
        "subscription_trial_ends" => (
            "Your trial ends soon",
            format!(
                "Your trial with {shop} ends on {day}:\n{plan}\n\nThen your subscription begins, and {amount} are charged. If you don't \
                 want that, cancel it before: {shop_page}"
            ),
        ),
        "subscription_renews" => (
            "Your subscription renews soon",
            format!(
                "Your subscription with {shop} is renewed on {day}:\n{plan}\n\nThen {amount} are charged. If you don't want that, \
                 cancel it before: {shop_page}"
            ),
        ),
        "subscription_payment_failed" => (
            "Your subscription could not be paid",
            format!(
                "{amount} for your subscription with {shop} could not be charged:\n{plan}\n\nYour bank or card did not take it, or the \
                 card's details are out of date. Pay it by another card, so that you don't lose it.{retry} {pay}"
            ),
        ),
        "subscription_needs_you" => (
            "Your bank wants you to confirm a payment",
            format!(
                "{amount} for your subscription with {shop} are due:\n{plan}\n\nYour bank wants you to confirm the payment yourself. \
                 Until then nothing is charged. {pay}"
            ),
        ),
        "subscription_card_expires" => (
            "The card of your subscription expires",
            format!(
                "The card ending in {} that pays your subscription with {shop} expires soon:\n{plan}\n\nSave a new one there, so that \
                 you don't lose it: {shop_page}",
                of.amount.as_deref().unwrap_or("…"),
            ),
        ),
        _ => return None,
    })
}

/// What has become of it.
fn about_state(
    what: &str,
    of: &Notice,
    (day, shop_page): (&str, &str),
) -> Option<(&'static str, String)> {
    let Notice { shop, plan, .. } = of;
    Some(match what {
        "subscription_canceled" => (
            "Your subscription ends",
            format!(
                "Your subscription with {shop} is cancelled, and ends on {day}:\n{plan}\n\nYou can use it until then, and nothing more is \
                 charged. To keep it, resume it before: {shop_page}"
            ),
        ),
        "subscription_ended" => (
            "Your subscription has ended",
            format!("Your subscription with {shop} has ended:\n{plan}\n\nNothing more is charged."),
        ),
        "subscription_lapsed" => (
            "Your subscription has ended",
            format!(
                "Your subscription with {shop} has ended, since its renewal was not paid:\n{plan}\n\nNothing more is charged. Subscribe \
                 again if you want it back: {shop_page}"
            ),
        ),
        "subscription_changed" => (
            "Your subscription was changed",
            format!(
                "Your subscription with {shop} is now of this:\n{plan}\n\nIf you didn't want that, change it back or cancel it: {shop_page}"
            ),
        ),
        "subscription_paused" => (
            "Your subscription is paused",
            format!(
                "Your subscription with {shop} is paused:\n{plan}\n\nYou can't use it until it is resumed, and nothing is charged \
                 meanwhile. Resume it whenever you like: {shop_page}"
            ),
        ),
        "subscription_resumed" => (
            "Your subscription goes on",
            format!(
                "Your subscription with {shop} is no longer paused:\n{plan}\n\nA new period has begun, and the next one begins on {day}."
            ),
        ),
        _ => return None,
    })
}
