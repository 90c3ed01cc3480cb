//! Guests: the proof of their address, and what becomes of their customers when a user proves the same address.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;
use souk_entity::customer::{self, Column as C};
use souk_entity::{AddressVerificationId, Timestamp, user};

use crate::app::App;
use crate::audit;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::identity::{self, Caller, addresses};

/// An address that was proved just now.
pub struct Proved {
    /// Lower case.
    pub email: String,
    /// When.
    pub at: Timestamp,
    /// A guest's token. None: a user has proved their own address.
    pub token: Option<String>,
}

/// Proves an address by the code that was mailed there. A guest gets a token; a user who is logged in has their own address noted as
/// proved, and takes over the customers that they had as a guest.
///
/// # Errors
/// 404; `address_of_another` where the caller's address is another one; `verification_over`; `code_wrong`.
pub async fn prove(
    app: &App,
    caller: Option<&Caller>,
    id: &AddressVerificationId,
    code: &str,
) -> Result<Proved> {
    let row = addresses::find(&app.db.read, id).await?;
    let email = row.ok_or(Error::NotFound("address verification"))?.email;
    if caller.is_some_and(|caller| caller.user.email != email) {
        return Err(Error::conflict(
            "address_of_another",
            "You are logged in with another address. Prove your own, or send no token and go on as a guest.",
        ));
    }
    let tx = app.db.begin_write().await?;
    if !addresses::prove(app, &tx, id, code).await? {
        tx.commit().await?;
        return Err(Error::invalid_with(
            "code_wrong",
            "code",
            "This is not the code that was mailed. After five wrong ones ask for a new one.",
        ));
    }
    let token = match caller {
        Some(caller) => {
            take_over(&tx, caller, &email).await?;
            None
        }
        None => Some(addresses::give_token(&tx, id).await?),
    };
    let actor = identity::actor(caller);
    let (action, data) = ("address_verification.proved", json!({}));
    audit::record(&tx, &actor, action, id.as_ref(), data).await?;
    let at = tx.now();
    tx.commit().await?;
    Ok(Proved { email, at, token })
}

/// Makes a guest's customers the user's, but for those with a seller with whom the user has one of their own: two customers at Stripe
/// never become one.
async fn take_over(tx: &Tx, caller: &Caller, email: &str) -> Result<()> {
    use user::Column as U;
    // Who inserts a customer of this user has locked its row, too, and waits for us from now on.
    let user = user::Entity::find_by_id(caller.id().clone())
        .filter(U::Email.eq(email))
        .lock_exclusive()
        .one(tx)
        .await?;
    let user =
        user.ok_or_else(|| Error::conflict("address_of_another", "Your address has changed."))?;
    if user.email_verified_at.is_none() {
        user::Entity::update_many()
            .col_expr(U::EmailVerifiedAt, Expr::value(tx.now()))
            .col_expr(U::UpdatedAt, Expr::value(tx.now()))
            .filter(U::Id.eq(user.id.clone()))
            .exec(tx)
            .await?;
    }
    let guests = customer::Entity::find()
        .filter(C::VerifiedEmail.eq(email))
        .order_by_asc(C::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    for guest in guests {
        let own = customer::Entity::find()
            .filter(C::UserId.eq(user.id.clone()))
            .filter(C::StripeAccount.eq(guest.stripe_account.clone()))
            .filter(C::Livemode.eq(guest.livemode))
            .one(tx)
            .await?;
        if own.is_some() {
            continue;
        }
        customer::Entity::update_many()
            .col_expr(C::UserId, Expr::value(user.id.clone()))
            .col_expr(C::VerifiedEmail, Expr::value(None::<String>))
            .col_expr(C::UpdatedAt, Expr::value(tx.now()))
            .filter(C::Id.eq(guest.id.clone()))
            .filter(C::VerifiedEmail.eq(email))
            .exec(tx)
            .await?;
        let (actor, action) = (user.id.as_ref(), "customer.taken_over");
        audit::record(tx, actor, action, guest.id.as_ref(), json!({})).await?;
    }
    Ok(())
}
