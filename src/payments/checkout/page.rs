//! Where a session is paid: on Stripe's own page, or inside a page of one's own
//! (docs.stripe.com/payments/accept-a-payment?payment-ui=embedded-form).

use souk_entity::PaymentId;
use souk_entity::payment::{RedirectOnCompletion, UiMode};

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{allowed_redirect, app_link};
use crate::stripe::requests::checkout::SessionPage;

use super::NewCheckout;

const OWN_PAGE: &str = "/checkout/success?session_id={CHECKOUT_SESSION_ID}";

/// Where a session is paid.
pub(super) struct Page {
    /// What Stripe is told.
    pub at_stripe: SessionPage,
    /// What the payment keeps: what was asked for, where that is an app.
    pub kept: SessionPage,
}

/// The page that a request asks for. Stripe refuses addresses that the mode doesn't have, so they are refused by name first.
///
/// # Errors
/// Names the field that another mode has, or that leads where it may not.
pub(super) fn of(app: &App, new: &NewCheckout, payment: &PaymentId) -> Result<Page> {
    match new.ui_mode {
        None | Some(UiMode::HostedPage) => hosted(app, new, payment),
        Some(ui_mode) => {
            let page = embedded(app, new, ui_mode)?;
            Ok(Page {
                at_stripe: page.clone(),
                kept: page,
            })
        }
    }
}

fn hosted(app: &App, new: &NewCheckout, payment: &PaymentId) -> Result<Page> {
    let is_others = "is for the ui_mode embedded_page or elements; Stripe's own page has success_url and cancel_url.";
    refuse("return_url", new.return_url.is_some(), is_others)?;
    let redirect = new.redirect_on_completion.is_some();
    refuse("redirect_on_completion", redirect, is_others)?;
    let left = format!("/checkout/cancelled?payment_id={payment}");
    let success_url = app_or_web(app, "success_url", new.success_url.as_ref(), OWN_PAGE)?;
    let cancel_url = app_or_web(app, "cancel_url", new.cancel_url.as_ref(), &left)?;
    let page = |success_url, cancel_url| SessionPage {
        ui_mode: Some(UiMode::HostedPage),
        success_url: Some(success_url),
        cancel_url: Some(cancel_url),
        ..SessionPage::default()
    };
    Ok(Page {
        at_stripe: page(success_url.at_stripe, cancel_url.at_stripe),
        kept: page(success_url.kept, cancel_url.kept),
    })
}

fn embedded(app: &App, new: &NewCheckout, ui_mode: UiMode) -> Result<SessionPage> {
    let is_hosted = "is for the ui_mode hosted_page; a page of your own has return_url.";
    refuse("success_url", new.success_url.is_some(), is_hosted)?;
    refuse("cancel_url", new.cancel_url.is_some(), is_hosted)?;
    let redirect_on_completion = new.redirect_on_completion;
    refuse(
        "redirect_on_completion",
        ui_mode == UiMode::Elements && redirect_on_completion.is_some(),
        "is for the ui_mode embedded_page; with elements the page decides itself.",
    )?;
    let stays = redirect_on_completion == Some(RedirectOnCompletion::Never);
    refuse(
        "return_url",
        stays && new.return_url.is_some(),
        "goes with any redirect_on_completion but never.",
    )?;
    let return_url = match stays {
        true => None,
        false => {
            let given = new.return_url.as_ref();
            Some(redirect_to(app, "return_url", given, OWN_PAGE)?)
        }
    };
    Ok(SessionPage {
        ui_mode: Some(ui_mode),
        return_url,
        redirect_on_completion,
        ..SessionPage::default()
    })
}

fn refuse(param: &str, is_wrong: bool, why: &str) -> Result<()> {
    match is_wrong {
        true => Err(Error::invalid(param, format!("{param} {why}"))),
        false => Ok(()),
    }
}

/// The given address, if its origin is allowed, or our own page.
fn redirect_to(app: &App, param: &str, given: Option<&String>, own: &str) -> Result<String> {
    match given {
        Some(given) => allowed_redirect(&app.config, param, given.clone()),
        None => Ok(app.config.page(own)),
    }
}

/// Where a buyer is sent back to.
struct Redirect {
    at_stripe: String,
    kept: String,
}

/// As `redirect_to`. An app is opened by our own page, since Stripe sends buyers to the web.
fn app_or_web(app: &App, param: &str, given: Option<&String>, own: &str) -> Result<Redirect> {
    if let Some(link) = given.filter(|link| app_link(&app.config, link).is_some()) {
        return Ok(Redirect {
            at_stripe: app.config.page(own),
            kept: link.clone(),
        });
    }
    let address = redirect_to(app, param, given, own)?;
    Ok(Redirect {
        at_stripe: address.clone(),
        kept: address,
    })
}
