//! Users and their passwords, sessions with their tokens, addresses that are proved, and the extractors of whoever calls.

pub mod addresses;
mod buyer;
mod caller;
mod passwords;
pub mod routes;
mod sessions;
mod throttle;
mod tokens;

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
};
use serde_json::json;
use souk_entity::user;
pub use souk_entity::user::Role;
use souk_entity::{Timestamp, UserId};
use validator::ValidateEmail;

pub use buyer::{Buyer, MaybeBuyer, actor};
pub use caller::{Admin, Caller, MaybeCaller};
pub use sessions::delete_expired_sessions;
pub use throttle::{CodeSender, RateLimited};
pub use tokens::{open_state, order_secret, sign_state};

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::{audit, ids};
use sessions::Tokens;

/// A new user's details, checked.
struct NewUser {
    email: String,
    name: String,
    password: String,
}

impl NewUser {
    /// Checks all three, and names the field that is wrong.
    fn checked(email: &str, name: &str, password: &str) -> Result<Self> {
        let Some(email) = email_address(email) else {
            return Err(Error::invalid(
                "email",
                "email must be an e-mail address such as mira@example.com.",
            ));
        };
        if !(12..=128).contains(&password.chars().count()) {
            return Err(Error::invalid(
                "password",
                "password must have 12 to 128 characters.",
            ));
        }
        Ok(Self {
            email,
            name: display_name(name)?,
            password: password.to_owned(),
        })
    }
}

/// An address as it is stored and compared: trimmed, in lower case. None: it is no address.
fn email_address(text: &str) -> Option<String> {
    let email = text.trim().to_lowercase();
    (email.chars().count() <= 254 && email.validate_email()).then_some(email)
}

fn display_name(text: &str) -> Result<String> {
    let name = text.trim();
    if !(1..=200).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "name",
            "name must have 1 to 200 characters, none of them a control character.",
        ));
    }
    Ok(name.to_owned())
}

/// Creates a member and logs them in. `email_taken` if somebody has the address.
async fn register(
    app: &App,
    email: &str,
    name: &str,
    password: &str,
) -> Result<(user::Model, Tokens)> {
    let new = NewUser::checked(email, name, password)?;
    let hash = passwords::hash(&new.password).await?;
    let tx = app.db.begin_write().await?;
    let Some(user) = insert(&tx, new, hash, Role::Member).await? else {
        return Err(Error::Conflict {
            code: "email_taken",
            param: Some("email".to_owned()),
            message: "Somebody has registered with this address. Log in instead.".to_owned(),
        });
    };
    audit::record(
        &tx,
        user.id.as_ref(),
        "user.registered",
        user.id.as_ref(),
        json!({}),
    )
    .await?;
    let tokens = sessions::start(app, &tx, &user.id).await?;
    tx.commit().await?;
    Ok((user, tokens))
}

/// The user with this address and password.
///
/// # Errors
/// `invalid_credentials` for an unknown address and for a wrong password, after the same time; 429 after too many wrong
/// passwords for one address.
pub async fn authenticate(app: &App, email: &str, password: &str) -> Result<user::Model> {
    let address = email_address(email);
    let attempt = throttle::PasswordAttempt::begin(address.as_deref().unwrap_or(email))?;
    let user = match &address {
        Some(email) => by_email(&app.db.read, email).await?,
        None => None,
    };
    let stored = user.as_ref().map(|user| user.password_hash.as_str());
    let right = passwords::verify(password, stored).await?;
    match user {
        Some(user) if right => {
            attempt.succeeded();
            Ok(user)
        }
        user => {
            tracing::info!(user = user.map(|user| user.id.0), "a login failed");
            Err(wrong_credentials())
        }
    }
}

fn wrong_credentials() -> Error {
    Error::Unauthenticated(
        "invalid_credentials",
        "The e-mail address or the password is wrong.",
    )
}

/// Checks the password and starts a session.
async fn login(app: &App, email: &str, password: &str) -> Result<(user::Model, Tokens)> {
    let proved = authenticate(app, email, password).await?;
    let tx = app.db.begin_write().await?;
    // Since the password was compared it may have been changed, and all sessions ended.
    let user = user::Entity::find_by_id(proved.id)
        .filter(user::Column::PasswordHash.eq(proved.password_hash))
        .lock_exclusive()
        .one(&tx)
        .await?
        .ok_or_else(wrong_credentials)?;
    let tokens = sessions::start(app, &tx, &user.id).await?;
    tx.commit().await?;
    Ok((user, tokens))
}

/// Creates a user if there is none with this address, for `souk admin create` and the demo. With [`Role::Member`] an
/// existing user stays as they are. With [`Role::Admin`] an existing user becomes an admin with this password and is
/// logged out everywhere, unless role and password are right already.
///
/// # Errors
/// Names the field that is wrong.
pub async fn ensure_user(
    app: &App,
    email: &str,
    name: &str,
    password: &str,
    role: Role,
) -> Result<user::Model> {
    let new = NewUser::checked(email, name, password)?;
    let existing = by_email(&app.db.read, &new.email).await?;
    if let Some(user) = &existing
        && (role == Role::Member
            || user.role == Role::Admin
                && passwords::verify(password, Some(&user.password_hash)).await?)
    {
        return Ok(user.clone());
    }
    let hash = passwords::hash(&new.password).await?;
    let email = new.email.clone();
    let tx = app.db.begin_write().await?;
    let user = match insert(&tx, new, hash.clone(), role).await? {
        Some(user) => {
            let data = json!({"role": role});
            audit::record(&tx, "system", "user.created", user.id.as_ref(), data).await?;
            user
        }
        // The user existed, or another replica has just created it.
        None => {
            let user = by_email(&tx, &email)
                .await?
                .ok_or_else(|| Error::internal("a user went away"))?;
            match role {
                Role::Admin => make_admin(&tx, user, hash).await?,
                Role::Member => user,
            }
        }
    };
    tx.commit().await?;
    Ok(user)
}

/// The users with these addresses.
pub async fn by_emails<C: ConnectionTrait>(db: &C, emails: &[&str]) -> Result<Vec<user::Model>> {
    Ok(user::Entity::find()
        .filter(user::Column::Email.is_in(emails.iter().copied()))
        .all(db)
        .await?)
}

/// Closes a user for good, as `actor`. Their sessions end, their role becomes member, no password is right, and their
/// address becomes one that nobody can have. The row stays, since orders and sellers refer to it.
pub async fn close_user(tx: &Tx, user: &user::Model, actor: &str) -> Result<()> {
    sessions::revoke_all(tx, &user.id, actor, "user_closed").await?;
    user::Entity::update_many()
        .col_expr(user::Column::Role, Expr::value(Role::Member))
        .col_expr(
            user::Column::PasswordHash,
            Expr::value(passwords::hash(&ids::random_token()).await?),
        )
        .col_expr(
            user::Column::Email,
            Expr::value(format!("{}@closed.invalid", user.id)),
        )
        .col_expr(
            user::Column::EmailVerifiedAt,
            Expr::value(None::<Timestamp>),
        )
        .col_expr(user::Column::UpdatedAt, Expr::value(tx.now()))
        .filter(user::Column::Id.eq(user.id.clone()))
        .exec(tx)
        .await?;
    audit::record(tx, actor, "user.closed", user.id.as_ref(), json!({})).await
}

async fn make_admin(tx: &Tx, user: user::Model, password_hash: String) -> Result<user::Model> {
    user::Entity::update_many()
        .col_expr(user::Column::Role, Expr::value(Role::Admin))
        .col_expr(user::Column::PasswordHash, Expr::value(&password_hash))
        .col_expr(user::Column::UpdatedAt, Expr::value(tx.now()))
        .filter(user::Column::Id.eq(user.id.clone()))
        .exec(tx)
        .await?;
    audit::record(tx, "system", "user.made_admin", user.id.as_ref(), json!({})).await?;
    sessions::revoke_all(tx, &user.id, "system", "password_set").await?;
    Ok(user::Model {
        role: Role::Admin,
        password_hash,
        updated_at: tx.now(),
        ..user
    })
}

/// Changes a user's name.
async fn rename(app: &App, user: user::Model, name: &str) -> Result<user::Model> {
    let name = display_name(name)?;
    if name == user.name {
        return Ok(user);
    }
    let tx = app.db.begin_write().await?;
    user::Entity::update_many()
        .col_expr(user::Column::Name, Expr::value(&name))
        .col_expr(user::Column::UpdatedAt, Expr::value(tx.now()))
        .filter(user::Column::Id.eq(user.id.clone()))
        .exec(&tx)
        .await?;
    audit::record(
        &tx,
        user.id.as_ref(),
        "user.renamed",
        user.id.as_ref(),
        json!({}),
    )
    .await?;
    let updated_at = tx.now();
    tx.commit().await?;
    Ok(user::Model {
        name,
        updated_at,
        ..user
    })
}

/// None: the address is taken. The unique constraint decides between two at once.
async fn insert(
    tx: &Tx,
    new: NewUser,
    password_hash: String,
    role: Role,
) -> Result<Option<user::Model>> {
    let now: Timestamp = tx.now();
    let user = user::Model {
        id: ids::new::<UserId>(now),
        email: new.email,
        email_verified_at: None,
        name: new.name,
        password_hash,
        role,
        created_at: now,
        updated_at: now,
    };
    let row = user::ActiveModel {
        id: Set(user.id.clone()),
        email: Set(user.email.clone()),
        email_verified_at: Set(None),
        name: Set(user.name.clone()),
        password_hash: Set(user.password_hash.clone()),
        role: Set(user.role),
        created_at: Set(user.created_at),
        updated_at: Set(user.updated_at),
    };
    let inserted = user::Entity::insert(row)
        .on_conflict(
            OnConflict::column(user::Column::Email)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await;
    let is_new = db::inserted(inserted)?.is_some_and(|rows| rows > 0);
    Ok(is_new.then_some(user))
}

async fn by_email<C: ConnectionTrait>(db: &C, email: &str) -> Result<Option<user::Model>> {
    let user = user::Entity::find()
        .filter(user::Column::Email.eq(email))
        .one(db)
        .await?;
    Ok(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(email: &str, name: &str, password: &str) -> Option<String> {
        let error = NewUser::checked(email, name, password).err()?;
        error.param().map(str::to_owned)
    }

    #[test]
    fn an_address_is_trimmed_and_compared_without_regard_to_case() {
        assert_eq!(
            email_address(" Mira@Example.COM\n").as_deref(),
            Some("mira@example.com")
        );
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        for email in [
            "",
            "mira",
            "@example.com",
            "mira@",
            "a b@example.com",
            "a\0@example.com",
        ] {
            let fault = fault(email, "Mira", "correct horse battery");
            assert_eq!(fault.as_deref(), Some("email"), "{email:?}");
        }
        assert!(email_address(&format!("mira@{}.com", "long.".repeat(60))).is_none());
    }

    #[test]
    fn a_password_has_12_to_128_characters_of_any_alphabet() {
        let fault = |password: &str| fault("mira@example.com", "Mira", password);
        assert_eq!(fault("eleven chars"), None);
        assert_eq!(fault("elevenchars").as_deref(), Some("password"));
        assert_eq!(fault(&"ж".repeat(128)), None);
        assert_eq!(fault(&"ж".repeat(129)).as_deref(), Some("password"));
    }

    #[test]
    fn a_name_is_more_than_blanks_and_holds_no_control_characters() {
        for name in ["", "  \t ", "Mi\0ra", "Mi\nra", &"m".repeat(201)] {
            let fault = fault("mira@example.com", name, "correct horse battery");
            assert_eq!(fault.as_deref(), Some("name"), "{name:?}");
        }
        assert_eq!(display_name(" Mira ").ok().as_deref(), Some("Mira"));
    }
}
