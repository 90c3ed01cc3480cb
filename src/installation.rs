//! The mode and the platform that a database belongs to. Every start compares them, so that simulated, test and live money
//! never get into one database, nor do two platforms.

use std::time::Duration;

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveEnum, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait};
use sea_orm::{QueryFilter, QuerySelect, Select};
use serde_json::json;
pub use souk_entity::installation::Mode;
use souk_entity::{AccountId, inbox_event, installation, seller, user};

use crate::app::App;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::findings::{self, NewFinding};
use crate::stripe::requests::accounts;
use crate::stripe::views::IdView;
use crate::{audit, identity};

/// The demo's admin, seller and buyer. Their password is public, so they exist only with simulated money.
pub const SEEDED_USERS: [&str; 3] = [
    "admin@demo.example",
    "seller@demo.example",
    "buyer@demo.example",
];

const ROW: i32 = 1;
/// The kind and the subject of the finding that the platform's account isn't known.
const UNKNOWN: &str = "platform_unknown";
const PLATFORM: &str = "platform";
/// The pause between two requests for the key's own account.
const RETRY: Duration = Duration::from_secs(30);

/// Opens a database in a mode: records the mode the first time, and compares it at every later start. The mode of a
/// database from an older version is inferred from its rows.
///
/// # Errors
/// [`Error::WrongDatabase`] if the database has another mode, or none can be inferred.
pub async fn open(db: &Db, mode: Mode) -> Result<()> {
    let tx = db.begin_write().await?;
    let recorded = match row(&tx).await? {
        Some(row) => row.mode,
        None => {
            let found = match infer_mode(&tx).await? {
                InferredMode::Empty => mode,
                InferredMode::Is(found) => found,
                InferredMode::Unclear => return Err(unclear()),
            };
            record(&tx, found).await?;
            found
        }
    };
    if recorded != mode {
        return Err(other_mode(recorded, mode));
    }
    tx.commit().await
}

/// Records the mode of a database from an older version, on an operator's word. In test and live mode the demo's users
/// are closed.
///
/// # Errors
/// [`Error::WrongDatabase`] if another mode is recorded already.
pub async fn set_mode(db: &Db, mode: Mode) -> Result<()> {
    let tx = db.begin_write().await?;
    match row(&tx).await? {
        Some(row) if row.mode == mode => return Ok(()),
        Some(row) => return Err(other_mode(row.mode, mode)),
        None => record(&tx, mode).await?,
    }
    if mode != Mode::Simulated {
        for user in identity::by_emails(&tx, &SEEDED_USERS).await? {
            identity::close_user(&tx, &user, "cli").await?;
        }
    }
    let data = json!({ "mode": mode });
    audit::record(
        &tx,
        "cli",
        "installation.mode_settled",
        "installation",
        data,
    )
    .await?;
    tx.commit().await
}

/// Retrieves the key's own account from Stripe (docs.stripe.com/api/accounts/retrieve), again until Stripe answers, and
/// compares it with the database, which keeps the first answer. The start doesn't wait for it.
///
/// # Errors
/// [`Error::WrongDatabase`] if the database belongs to another platform.
pub async fn check_platform(app: App) -> Result<()> {
    loop {
        match compare_platform(&app).await {
            Err(Error::StripeRefused(fault) | Error::KeyRefused(fault)) => {
                tracing::warn!(error = %fault.message, "Stripe doesn't tell this key whose it is (GET /v1/account), so it can't be compared with the database");
                return note_unknown(&app, &fault.message).await;
            }
            Err(e) if e.is_retryable() => {
                tracing::warn!(error = %e, "whose key this is could not be asked; trying again");
                tokio::time::sleep(RETRY).await;
            }
            compared => return compared,
        }
    }
}

/// Raises a finding when Stripe doesn't tell whose the key is, and nobody has written it down before: without the account the
/// platform's own book can't be kept. The next answer resolves it.
async fn note_unknown(app: &App, fault: &str) -> Result<()> {
    let tx = app.db.begin_write().await?;
    if platform_account(&tx).await?.is_none() {
        let finding = NewFinding {
            kind: UNKNOWN,
            stripe_account: None,
            subject: PLATFORM.to_owned(),
            message: format!(
                "Stripe doesn't tell whose STRIPE_SECRET_KEY is ({}), so the book of the platform's own account is not kept. \
                 Let the key read GET /v1/account, or set one that may, and restart.",
                fault.trim_end_matches('.'),
            ),
            amount: None,
            currency: None,
        };
        findings::raise(&tx, finding).await?;
    }
    tx.commit().await
}

async fn compare_platform(app: &App) -> Result<()> {
    use installation::Column as C;
    let own: IdView = app.stripe.platform().get(&accounts::retrieve_own()).await?;
    let tx = app.db.begin_write().await?;
    installation::Entity::update_many()
        .col_expr(C::PlatformAccount, Expr::value(own.id.clone()))
        .filter(C::Id.eq(ROW))
        .filter(C::PlatformAccount.is_null())
        .exec(&tx)
        .await?;
    let recorded = row(&tx).await?.and_then(|row| row.platform_account);
    findings::resolve(&tx, UNKNOWN, PLATFORM).await?;
    tx.commit().await?;
    match recorded {
        Some(AccountId(recorded)) if recorded != own.id => Err(Error::WrongDatabase(format!(
            "This database belongs to the platform {recorded}, but Stripe says that the key is {}'s. Set the \
             STRIPE_SECRET_KEY of {recorded}, or a DATABASE_URL of its own for {}{}.",
            own.id,
            own.id,
            match app.config.mode() {
                Mode::Simulated => " (the simulator keeps its state beside it, in DATA_DIR)",
                Mode::Test | Mode::Live => "",
            }
        ))),
        recorded => {
            recorded
                .into_iter()
                .for_each(|own| app.stripe.know_platform(own));
            Ok(())
        }
    }
}

/// The platform's own account. `None`: Stripe has not told it yet.
///
/// # Errors
/// The database failed.
pub async fn platform_account<C: ConnectionTrait>(db: &C) -> Result<Option<AccountId>> {
    let row = installation::Entity::find_by_id(ROW).one(db).await?;
    Ok(row.and_then(|row| row.platform_account))
}

async fn row(tx: &Tx) -> Result<Option<installation::Model>> {
    let row = installation::Entity::find_by_id(ROW).lock_exclusive();
    Ok(row.one(tx).await?)
}

/// Records the mode. If two replicas start at once, the second finds the first's row.
async fn record(tx: &Tx, mode: Mode) -> Result<()> {
    let there = OnConflict::column(installation::Column::Id)
        .do_nothing()
        .to_owned();
    installation::Entity::insert(installation::ActiveModel {
        id: Set(ROW),
        mode: Set(mode),
        platform_account: Set(None),
        created_at: Set(tx.now()),
    })
    .on_conflict(there)
    .exec_without_returning(tx)
    .await?;
    match row(tx).await? {
        Some(row) if row.mode == mode => Ok(()),
        Some(row) => Err(other_mode(row.mode, mode)),
        None => Err(Error::internal("the installation's row is missing")),
    }
}

/// The mode of a database from an older version, as its rows show it.
enum InferredMode {
    /// The database has not been used yet.
    Empty,
    Is(Mode),
    Unclear,
}

async fn infer_mode(tx: &Tx) -> Result<InferredMode> {
    let (live, other) = (sellers_of(tx, true).await?, sellers_of(tx, false).await?);
    if !identity::by_emails(tx, &SEEDED_USERS).await?.is_empty() {
        // Only simulated money is seeded. A live seller beside the seeded users means that somebody went live on it.
        return Ok(match live {
            true => InferredMode::Unclear,
            false => InferredMode::Is(Mode::Simulated),
        });
    }
    if live || other {
        return Ok(match (live, other) {
            (true, false) => InferredMode::Is(Mode::Live),
            _ => InferredMode::Unclear,
        });
    }
    let used = any(tx, user::Entity::find()).await? || any(tx, inbox_event::Entity::find()).await?;
    Ok(match used {
        true => InferredMode::Unclear,
        false => InferredMode::Empty,
    })
}

async fn sellers_of(tx: &Tx, livemode: bool) -> Result<bool> {
    any(
        tx,
        seller::Entity::find().filter(seller::Column::Livemode.eq(livemode)),
    )
    .await
}

async fn any<E: EntityTrait>(tx: &Tx, rows: Select<E>) -> Result<bool> {
    let first = rows.select_only().expr(Expr::value(1)).limit(1);
    Ok(first.into_tuple::<i32>().one(tx).await?.is_some())
}

fn name(mode: Mode) -> String {
    mode.to_value()
}

fn other_mode(recorded: Mode, wanted: Mode) -> Error {
    let wants = match wanted {
        Mode::Simulated => "there is no STRIPE_SECRET_KEY, so money would be simulated",
        Mode::Test => "STRIPE_SECRET_KEY is a test key",
        Mode::Live => "STRIPE_SECRET_KEY is a live key",
    };
    let mut message = format!(
        "This database holds {} money, but {wants}. Set DATABASE_URL (or DATA_DIR) to another database",
        name(recorded),
    );
    message.push_str(match recorded {
        Mode::Simulated => "; a new one is made if it is missing. This one has the demo's users, whose password everybody knows.",
        Mode::Test | Mode::Live => ", or the key that belongs to this one.",
    });
    Error::WrongDatabase(message)
}

fn unclear() -> Error {
    Error::WrongDatabase(
        "This database was made by a version that did not write down whether its money is simulated, test or live, and \
         its rows don't tell. Say it once with `souk migrate --mode simulated`, `--mode test` or `--mode live`; with \
         test or live, the demo's users (…@demo.example) are closed if it has them."
            .to_owned(),
    )
}
