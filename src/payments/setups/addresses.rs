//! Where a buyer goes who has saved a card, or has left the page for it: what Stripe is told, and what is kept. An app is opened by
//! our own page, since Stripe sends buyers to the web.

use souk_entity::{SetupIntentId, setup_intent};

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{allowed_redirect, allowed_return};

use super::{NewSetupIntent, SetupUiMode};

const OWN_PAGE: &str = "/setup/return";

/// The addresses of a setup intent.
#[derive(Default)]
pub(super) struct Addresses {
    /// Of Stripe's own page, where the card is saved there: after saving, and for whoever gives up.
    pub at_stripe: Option<(String, String)>,
    /// As they were asked for.
    pub success_url: Option<String>,
    pub cancel_url: Option<String>,
    pub return_url: Option<String>,
}

/// The addresses that a request asks for. Those of another mode are refused by name.
///
/// # Errors
/// Names the field that another mode has, or that leads where it may not.
pub(super) fn of(app: &App, new: &NewSetupIntent, id: &SetupIntentId) -> Result<Addresses> {
    let allowed = |param: &str, given: &Option<String>| {
        let given = given.clone();
        given
            .map(|given| allowed_return(&app.config, param, given))
            .transpose()
    };
    let is_hosted = new.ui_mode == Some(SetupUiMode::HostedPage);
    let given = [
        ("success_url", new.success_url.is_some(), true),
        ("cancel_url", new.cancel_url.is_some(), true),
        ("return_url", new.return_url.is_some(), false),
    ];
    let wrong = given
        .into_iter()
        .find(|(_, is, of_hosted)| *is && *of_hosted != is_hosted);
    if let Some((param, _, of_hosted)) = wrong {
        let mode = if of_hosted { "hosted_page" } else { "elements" };
        return Err(Error::invalid(
            param,
            format!("{param} is for the ui_mode {mode}."),
        ));
    }
    let success_url = allowed("success_url", &new.success_url)?;
    let cancel_url = allowed("cancel_url", &new.cancel_url)?;
    let left = format!("/setup/cancelled?setup_id={id}");
    let at_stripe = (
        web(
            app,
            success_url.as_deref(),
            &format!("{OWN_PAGE}?session_id={{CHECKOUT_SESSION_ID}}"),
        ),
        web(app, cancel_url.as_deref(), &left),
    );
    Ok(Addresses {
        at_stripe: is_hosted.then_some(at_stripe),
        success_url,
        cancel_url,
        return_url: allowed("return_url", &new.return_url)?,
    })
}

/// An address of the web, or our own page.
fn web(app: &App, kept: Option<&str>, own: &str) -> String {
    let kept = kept.map(|kept| allowed_redirect(&app.config, "return_url", kept.to_owned()));
    match kept {
        Some(Ok(address)) => address,
        _ => app.config.page(own),
    }
}

/// What Stripe.js is to be given as `return_url`. None: Stripe's own page leads back.
pub(super) fn for_stripe_js(app: &App, row: &setup_intent::Model) -> Option<String> {
    (!row.hosted).then(|| web(app, row.return_url.as_deref(), OWN_PAGE))
}
