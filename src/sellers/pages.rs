//! The pages that Stripe sends a seller back to. Coming back proves nothing, so they show the account's own state.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use souk_entity::seller::{self, SellerStatus};

use super::links::Way;
use super::links::{REFRESH, RETURN};
use super::requirements::sentence;
use super::{account, account_link, find};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Form, Query, escape, page};
use crate::identity;

/// The life of a link on a page: as long as a visit.
const VISIT_MS: i64 = 3_600_000;

#[derive(Deserialize)]
pub(super) struct StateQuery {
    state: Option<String>,
}

/// The seller of a signed state, and the way of its link. None: the state was altered or has expired, or there is no such
/// seller.
async fn seller_of_state(
    app: &App,
    purpose: &str,
    state: Option<&str>,
) -> Result<Option<(seller::Model, Way)>> {
    let subject = state.and_then(|state| identity::open_state(app, purpose, state));
    let Some((id, way)) = subject.as_deref().map(Way::of) else {
        return Ok(None);
    };
    let seller = find(&app.db.read, &id).await?;
    Ok(seller.map(|seller| (seller, way)))
}

fn invalid_link_page() -> Response {
    page(
        StatusCode::BAD_REQUEST,
        "This link is not valid",
        "<h1>This link is not valid</h1>\n<p>It was altered, or it is too old. Start onboarding again where you began \
         it.</p>",
    )
}

/// `GET /onboarding/return`: re-reads the account, and shows its status or goes on to the caller's page.
pub(super) async fn onboarding_return(
    State(app): State<App>,
    query: Result<Query<StateQuery>>,
) -> Result<Response> {
    let state = query.ok().and_then(|Query(query)| query.state);
    let Some((known, way)) = seller_of_state(&app, RETURN, state.as_deref()).await? else {
        return Ok(invalid_link_page());
    };
    let (seller, is_fresh) = match account::refresh(&app, &known.id).await {
        Ok(seller) => (seller.ok_or(Error::NotFound("seller"))?, true),
        Err(
            e @ (Error::StripeUnavailable(_)
            | Error::StripeRefused(_)
            | Error::KeyRefused(_)
            | Error::Busy(_)),
        ) => {
            tracing::warn!(seller = %known.id, error = %e, "the account could not be read again");
            (known, false)
        }
        Err(e) => return Err(e),
    };
    if let Some(url) = &way.return_url {
        return Ok(Redirect::to(url).into_response());
    }
    let words = status_text(&seller);
    let mut body = format!(
        "<h1>{}</h1>\n<p>{}</p>\n",
        escape(&words.headline),
        escape(&words.text)
    );
    if !is_fresh {
        body.push_str(
            "<p class=\"note\">Stripe can't be reached just now. This is what was last known; load the page again in a \
             minute.</p>\n",
        );
    }
    body.push_str(&requirements_html(&seller));
    if words.needs_form {
        let state = identity::sign_state(&app, REFRESH, &way.subject(&seller.id), VISIT_MS);
        body.push_str(&format!(
            "<p><a href=\"/onboarding/refresh?state={}\">Go on with Stripe's form</a></p>\n",
            escape(&state)
        ));
    }
    Ok(page(StatusCode::OK, &words.headline, &body))
}

/// A seller's status in words.
struct StatusText {
    headline: String,
    text: String,
    /// Whether Stripe's form is to be filled in further.
    needs_form: bool,
}

fn status_text(seller: &seller::Model) -> StatusText {
    let name = &seller.name;
    let wants = !seller.requirements.0.currently_due.is_empty()
        || !seller.requirements.0.past_due.is_empty();
    let (headline, text, needs_form) = match seller.status {
        SellerStatus::Active if !seller.payouts_enabled => (
            format!("{name} can take payments"),
            "Payouts to your bank are not switched on yet.",
            wants,
        ),
        SellerStatus::Active if wants => (
            format!("{name} can take payments"),
            "Stripe will want more details soon.",
            true,
        ),
        SellerStatus::Active => (
            "All set".to_owned(),
            "You can take payments, and they will be paid out to your bank.",
            false,
        ),
        SellerStatus::Created | SellerStatus::Onboarding => (
            "Not finished yet".to_owned(),
            "Stripe still needs your details before you can take payments.",
            true,
        ),
        SellerStatus::PendingVerification => (
            "Stripe is checking your details".to_owned(),
            "You can take payments when that is done. There is nothing to do for now.",
            false,
        ),
        SellerStatus::Restricted if seller.charges_enabled => (
            "Stripe has restricted this account".to_owned(),
            "Until that is lifted, nothing can be bought from you here.",
            wants,
        ),
        SellerStatus::Restricted => (
            "You can't take payments yet".to_owned(),
            "Stripe has restricted this account.",
            wants,
        ),
        SellerStatus::Rejected => (
            "Stripe has closed this account".to_owned(),
            "It can't take payments. Stripe's support can tell you more.",
            false,
        ),
        SellerStatus::Closed => (
            "This account is closed".to_owned(),
            "It is closed at Stripe, so nothing can be bought from it here.",
            false,
        ),
        SellerStatus::Deauthorized => (
            "This account is disconnected".to_owned(),
            "It has disconnected from this platform, so nothing can be bought from it here.",
            false,
        ),
    };
    StatusText {
        headline,
        text: text.to_owned(),
        needs_form,
    }
}

/// The disabled reason, and the requirements that are due, in words and by Stripe's names.
fn requirements_html(seller: &seller::Model) -> String {
    let gone = [
        SellerStatus::Rejected,
        SellerStatus::Closed,
        SellerStatus::Deauthorized,
    ];
    if gone.contains(&seller.status) {
        return String::new();
    }
    let wanted = &seller.requirements.0;
    let mut body = String::new();
    if let Some(reason) = &wanted.disabled_reason {
        body.push_str(&format!("<p>Stripe's reason: {}.</p>\n", escape(reason)));
    }
    let due = wanted.past_due.iter().chain(&wanted.currently_due);
    let due: BTreeSet<&String> = due.collect();
    if !due.is_empty() {
        body.push_str(&match wanted.current_deadline {
            Some(by) => format!("<p>Wanted by {by}:</p>\n<ul>\n"),
            None => "<p>Still wanted:</p>\n<ul>\n".to_owned(),
        });
        for code in due {
            let mut entries = wanted.entries.iter();
            // Rows from before have names alone.
            let said = match entries.find(|entry| entry.code == *code) {
                Some(entry) => {
                    format!("{} <code>{}</code>", escape(&sentence(entry)), escape(code))
                }
                None => escape(code),
            };
            body.push_str(&format!("<li>{said}</li>\n"));
        }
        body.push_str("</ul>\n");
    }
    body
}

/// `GET /onboarding/refresh`: a login form, since the holder of a link to Stripe's form can fill in the seller's details.
pub(super) async fn login_page(
    State(app): State<App>,
    query: Result<Query<StateQuery>>,
) -> Result<Response> {
    let state = query.ok().and_then(|Query(query)| query.state);
    match (
        seller_of_state(&app, REFRESH, state.as_deref()).await?,
        state,
    ) {
        (Some((seller, _)), Some(state)) => Ok(form(StatusCode::OK, &seller, &state, None)),
        _ => Ok(invalid_link_page()),
    }
}

fn form(status: StatusCode, seller: &seller::Model, state: &str, fault: Option<&str>) -> Response {
    let name = escape(&seller.name);
    let state = escape(state);
    let fault = fault.map_or_else(String::new, |fault| {
        format!("<p class=\"bad\" role=\"alert\">{}</p>\n", escape(fault))
    });
    let body = format!(
        "<h1>Go on with {name}</h1>\n<p>Log in to go on with Stripe's form.</p>\n{fault}\
         <form method=\"post\" action=\"/onboarding/refresh\">\n\
         <input type=\"hidden\" name=\"state\" value=\"{state}\">\n\
         <label>E-mail <input type=\"email\" name=\"email\" autocomplete=\"username\" required></label>\n\
         <label>Password <input type=\"password\" name=\"password\" autocomplete=\"current-password\" required></label>\n\
         <button type=\"submit\">Log in and go on</button>\n</form>\n"
    );
    page(status, "Go on with onboarding", &body)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    state: String,
    email: String,
    password: String,
}

/// `POST /onboarding/refresh`: redirects the owner, or an admin, to a new link.
pub(super) async fn log_in(State(app): State<App>, Form(login): Form<Login>) -> Result<Response> {
    let Some((seller, way)) = seller_of_state(&app, REFRESH, Some(&login.state)).await? else {
        return Ok(invalid_link_page());
    };
    let again = |fault| form(StatusCode::UNAUTHORIZED, &seller, &login.state, Some(fault));
    let user = match identity::authenticate(&app, &login.email, &login.password).await {
        Ok(user) => user,
        Err(Error::Unauthenticated(..)) => {
            return Ok(again("The address or the password is wrong."));
        }
        Err(e) => return Err(e),
    };
    if user.id != seller.owner_id && user.role != souk_entity::user::Role::Admin {
        return Ok(again(
            "This is not the account that this seller belongs to.",
        ));
    }
    match account_link(&app, user.id.as_ref(), &seller.id, &way).await {
        Ok((url, _)) => Ok(Redirect::to(&url).into_response()),
        Err(e) => link_error_page(e),
    }
}

/// A page that says why there is no link.
fn link_error_page(error: Error) -> Result<Response> {
    let sentence = |text: &str| format!("<h1>You can't go on now</h1>\n<p>{}</p>", escape(text));
    let (status, _) = error.status_and_code();
    match status {
        409 => {
            let body = sentence(&error.to_string());
            Ok(page(StatusCode::CONFLICT, "You can't go on now", &body))
        }
        503 => {
            tracing::warn!(error = %error, "no onboarding link could be made");
            let body = sentence("Stripe can't be reached just now. Please try again in a minute.");
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let mut response = page(status, "You can't go on now", &body);
            let wait = HeaderValue::from_static("60");
            response.headers_mut().insert(header::RETRY_AFTER, wait);
            Ok(response)
        }
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use souk_entity::seller::{
        AccountsApi, ChargeProfile, Dashboard, RenewalNotices, Requirement, Requirements,
        SubscriptionEndsOn,
    };
    use souk_entity::{JsonText, Timestamp};

    use super::*;

    fn seller(status: SellerStatus) -> seller::Model {
        seller::Model {
            id: "sel_1".into(),
            owner_id: "usr_1".into(),
            name: "Mira's <Lamps>".to_owned(),
            email: "mira@example.com".to_owned(),
            country: "DE".to_owned(),
            business_type: None,
            stripe_account: None,
            account_name: None,
            livemode: false,
            dashboard: Dashboard::Full,
            accounts_api: AccountsApi::V2,
            charge_profile: ChargeProfile::Direct,
            status,
            charges_enabled: status == SellerStatus::Active,
            payouts_enabled: status == SellerStatus::Active,
            details_submitted: true,
            capabilities: JsonText::default(),
            requirements: JsonText(Requirements::default()),
            onboarding_started_at: None,
            deauthorized_at: None,
            closed_at: None,
            application_fee_bps: None,
            application_fee_fixed: None,
            refund_policy: None,
            refund_policy_url: None,
            subscription_grace_days: 7,
            subscription_ends_on: SubscriptionEndsOn::Nothing,
            renewal_notices: RenewalNotices::LongPeriods,
            allowed_payment_method_types: None,
            metadata: JsonText::default(),
            key_number: 1,
            key_until: Timestamp(0),
            synced_at: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }
    }

    #[test]
    fn all_set_is_said_only_of_an_active_seller_who_is_paid_and_of_whom_nothing_is_wanted() {
        let mut active = seller(SellerStatus::Active);
        assert_eq!(status_text(&active).headline, "All set");
        active.payouts_enabled = false;
        assert_ne!(status_text(&active).headline, "All set");
        active.payouts_enabled = true;
        active.requirements.0.currently_due = vec!["external_account".to_owned()];
        assert_ne!(status_text(&active).headline, "All set");
        for status in [
            SellerStatus::Created,
            SellerStatus::Onboarding,
            SellerStatus::PendingVerification,
            SellerStatus::Restricted,
            SellerStatus::Rejected,
            SellerStatus::Closed,
            SellerStatus::Deauthorized,
        ] {
            assert_ne!(status_text(&seller(status)).headline, "All set");
        }
    }

    #[test]
    fn what_is_wanted_is_listed_once_and_made_safe() {
        let mut restricted = seller(SellerStatus::Restricted);
        restricted.requirements.0 = Requirements {
            currently_due: vec![
                "a.b".to_owned(),
                "<i>".to_owned(),
                "external_account".to_owned(),
            ],
            past_due: vec!["a.b".to_owned()],
            disabled_reason: Some("requirements.past_due".to_owned()),
            current_deadline: Some(Timestamp::from_seconds(1_800_000_000)),
            entries: vec![Requirement {
                code: "external_account".to_owned(),
                deadline_status: "currently_due".to_owned(),
                ..Requirement::default()
            }],
            ..Requirements::default()
        };
        let body = requirements_html(&restricted);
        assert_eq!(body.matches("<li>a.b</li>").count(), 1);
        assert!(body.contains("<li>&lt;i&gt;</li>"));
        assert!(body.contains("<li>Your bank account for payouts, or"));
        assert!(body.contains("<code>external_account</code>"));
        assert!(body.contains("Wanted by 2027-01-15T08:00:00.000Z"));
        assert!(body.contains("requirements.past_due"));
    }
}
