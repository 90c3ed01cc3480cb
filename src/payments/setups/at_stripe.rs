//! A setup intent as Stripe shows it: by itself, or by the Checkout Session that makes it
//! (docs.stripe.com/payments/save-and-reuse?platform=checkout).

use souk_entity::setup_intent;

use crate::app::App;
use crate::error::{Error, Result};
use crate::ids;
use crate::stripe::requests::checkout;
use crate::stripe::requests::setup_intents::{self as requests, METADATA_SETUP};
use crate::stripe::views::{Expandable, IdView, SetupIntentView, SetupSessionView};
use crate::stripe::{PreparedRequest, Scope};

/// What Stripe shows.
pub(super) enum Shown {
    Intent(Box<SetupIntentView>),
    Session(Box<SetupSessionView>),
}

impl Shown {
    /// The session's id.
    pub fn session(&self) -> Option<&str> {
        match self {
            Self::Intent(_) => None,
            Self::Session(view) => Some(&view.id),
        }
    }

    /// The intent's id. A session may make it only once it is complete.
    pub fn intent(&self) -> Option<&str> {
        match self {
            Self::Intent(view) => Some(&view.id),
            Self::Session(view) => match view.setup_intent.as_ref()? {
                Expandable::Id(id) => Some(id),
                Expandable::Object(intent) => Some(&intent.id),
            },
        }
    }

    /// The intent, where it is shown.
    pub fn into_intent(self) -> Option<SetupIntentView> {
        match self {
            Self::Intent(view) => Some(*view),
            Self::Session(view) => match view.setup_intent? {
                Expandable::Id(_) => None,
                Expandable::Object(intent) => Some(intent),
            },
        }
    }

    /// Whether the buyer may still save something by it.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Intent(view) => view.is_open(),
            Self::Session(view) => view.status.as_deref() == Some("open"),
        }
    }

    /// Whether nobody can save anything by it any more, whatever the intent says.
    pub fn has_expired(&self) -> bool {
        match self {
            Self::Intent(_) => false,
            Self::Session(view) => view.status.as_deref() == Some("expired"),
        }
    }

    fn livemode(&self) -> bool {
        match self {
            Self::Intent(view) => view.livemode,
            Self::Session(view) => view.livemode,
        }
    }
}

/// Reads it. `None`: Stripe has not told its id yet.
pub(super) async fn retrieve(app: &App, row: &setup_intent::Model) -> Result<Option<Shown>> {
    let scope = app.stripe.at(&row.stripe_account);
    Ok(Some(match (&row.checkout_session, &row.stripe_object) {
        (Some(session), _) => {
            let read = requests::retrieve_session(session);
            Shown::Session(Box::new(scope.get(&read).await?))
        }
        (None, Some(intent)) => {
            let read = requests::retrieve(intent);
            Shown::Intent(Box::new(scope.get(&read).await?))
        }
        (None, None) => return Ok(None),
    }))
}

/// Sends its stored request under a key.
pub(super) async fn send(app: &App, row: &setup_intent::Model, key: &str) -> Result<Shown> {
    let stored: PreparedRequest =
        serde_json::from_str(&row.request).map_err(|e| Error::internal(e.to_string()))?;
    Ok(match row.hosted {
        true => Shown::Session(Box::new(app.stripe.send(&stored, key).await?)),
        false => Shown::Intent(Box::new(app.stripe.send(&stored, key).await?)),
    })
}

/// Searches Stripe for one that was made without our knowing.
pub(super) async fn find_existing(app: &App, row: &setup_intent::Model) -> Result<Option<Shown>> {
    let scope = app.stripe.at(&row.stripe_account);
    let marked = match row.hosted {
        true => marked_sessions(&scope, row).await?,
        false => marked_intents(&scope, row).await?,
    };
    // The oldest one: a copy of our metadata can only be younger than ours.
    let mut marked = marked.into_iter().rev();
    Ok(marked.find(|one| one.livemode() == row.livemode))
}

async fn marked_intents(scope: &Scope, row: &setup_intent::Model) -> Result<Vec<Shown>> {
    let mark = (METADATA_SETUP, row.id.as_ref());
    let page = |last: Option<&str>| requests::list(row.created_at, last);
    let found = scope.find_by_metadata(mark, page).await?.into_iter();
    Ok(found.map(|view| Shown::Intent(Box::new(view))).collect())
}

async fn marked_sessions(scope: &Scope, row: &setup_intent::Model) -> Result<Vec<Shown>> {
    let mark = (METADATA_SETUP, row.id.as_ref());
    let page = |last: Option<&str>| checkout::list(row.created_at, last);
    let found = scope.find_by_metadata(mark, page).await?.into_iter();
    Ok(found.map(|view| Shown::Session(Box::new(view))).collect())
}

/// Asks Stripe to end it, and reads what it is then: it may have succeeded meanwhile. A session's intent ends with the session.
pub(super) async fn end(app: &App, row: &setup_intent::Model) -> Result<Option<Shown>> {
    // Ending twice does no harm, so each request has a new key.
    let key = format!("end:{}", ids::random_token());
    let scope = app.stripe.at(&row.stripe_account);
    let ended = match (&row.checkout_session, &row.stripe_object) {
        (Some(session), _) => {
            scope
                .post::<IdView, _>(&checkout::expire(session), &key)
                .await
        }
        (None, Some(intent)) => scope.post(&requests::cancel(intent), &key).await,
        (None, None) => return Ok(None),
    };
    match ended {
        Ok(_) | Err(Error::StripeRefused(_)) => retrieve(app, row).await,
        Err(e) => Err(e),
    }
}
