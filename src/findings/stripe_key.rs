//! The finding that Stripe refuses the platform's own key, or lacks a permission of it.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::{NewFinding, resolve};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Result, StripeFault};
use crate::http::KeyRefused;

/// The finding's kind.
pub const KIND: &str = "stripe_key_refused";
/// There is one key.
const SUBJECT: &str = "STRIPE_SECRET_KEY";

/// Opens the finding.
///
/// # Errors
/// The database failed.
pub async fn raise(app: &App, fault: &StripeFault) -> Result<()> {
    tracing::error!(
        error = fault.message,
        status = fault.status,
        "Stripe refuses our key"
    );
    let tx = app.db.begin_write().await?;
    let finding = NewFinding {
        kind: KIND,
        stripe_account: None,
        subject: SUBJECT.to_owned(),
        message: "Stripe refuses STRIPE_SECRET_KEY, or a permission that it lacks: the log has Stripe's words. Look at the key \
                  in the Stripe dashboard, and restart with a key that works. Until then payments stand still; jobs go on by \
                  themselves afterwards."
            .to_owned(),
        amount: None,
        currency: None,
    };
    super::raise(&tx, finding).await?;
    tx.commit().await
}

/// Resolves it, if it is open.
///
/// # Errors
/// The database failed.
pub async fn has_worked(tx: &Tx) -> Result<()> {
    resolve(tx, KIND, SUBJECT).await
}

/// Raises the finding about a request that failed by the key. Its sender is told no more than that it failed.
pub async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(KeyRefused(fault)) = response.extensions().get::<KeyRefused>().cloned()
        && let Err(e) = raise(&app, &fault).await
    {
        tracing::error!(error = %e, "a refused key could not be noted");
    }
    response
}
