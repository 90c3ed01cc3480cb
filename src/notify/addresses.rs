//! The mail with the code that proves an address.

use souk_entity::AddressVerificationId;

use crate::app::App;
use crate::error::Result;
use crate::identity::addresses;

/// Sends a code to the address that it is to prove, unless nobody can use it any more.
///
/// # Errors
/// The mail can't be sent.
pub(super) async fn send(app: &App, id: &AddressVerificationId) -> Result<()> {
    let Some((email, code)) = addresses::mail(app, id).await? else {
        return Ok(());
    };
    let text = format!(
        "Your code is {code}\n\nType it where you asked for it, within 15 minutes, to show that this address is yours. Give it to \
         nobody: we never ask for it by mail or telephone. If you didn't ask for it, do nothing; nobody can use your address without it."
    );
    let subject = "Your code to confirm your address";
    app.mailer.send(&email, subject, &text).await
}
