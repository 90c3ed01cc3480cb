//! Reviews events that an older version ignored because it did not know their type.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveEnum, ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use souk_entity::AccountId;
use souk_entity::inbox_event::{self, Endpoint, EventState};

use crate::app::App;
use crate::db::set_wise::SetWise;
use crate::error::Result;
use crate::stripe::EventObject;

use super::effects;

/// Events in a transaction.
const BATCH_SIZE: u64 = 200;
/// As the index says it, word for word, so that SQLite sees that it will do.
const IGNORED: &str = "state = 'ignored'";

#[derive(FromQueryResult)]
struct Ignored {
    id: String,
    endpoint: Endpoint,
    kind: String,
    account: Option<AccountId>,
    livemode: bool,
    object: Option<String>,
    effects_version: i32,
}

const REVIEWED: SetWise = SetWise {
    text: "UPDATE inbox_events SET state = input.state, effects_version = $2, \
               error = CASE WHEN input.state = 'processed' THEN NULL ELSE inbox_events.error END \
           FROM {input} WHERE inbox_events.id = input.id AND inbox_events.state = 'ignored'",
    columns: &[("id", "text"), ("state", "text")],
};

/// The job: goes through the events that an older version of the table of effects ignored. If this version has an effect
/// for the type, the event's object is re-read from Stripe: the payload may be gone, and is old by now.
///
/// # Errors
/// The database fails. Batches before that stay committed.
pub async fn review_ignored(app: &App) -> Result<()> {
    use inbox_event::Column as C;
    loop {
        let tx = app.db.begin_write().await?;
        let ignored: Vec<Ignored> = inbox_event::Entity::find()
            .filter(Expr::cust(IGNORED))
            .filter(C::EffectsVersion.lt(effects::VERSION))
            .order_by_asc(C::EffectsVersion)
            .order_by_asc(C::Id)
            .limit(BATCH_SIZE)
            .into_model()
            .all(&tx)
            .await?;
        if ignored.is_empty() {
            return Ok(());
        }
        let mut reviewed = Vec::with_capacity(ignored.len());
        for event in ignored {
            let object = EventObject {
                event: event.id.clone(),
                account: event.account,
                livemode: event.livemode,
                id: event.object,
            };
            let (endpoint, kind, version) = (event.endpoint, &event.kind, event.effects_version);
            let staged = effects::stage_reread(&tx, endpoint, kind, version, &object).await?;
            if staged {
                tracing::info!(
                    event = event.id,
                    kind,
                    "an event that an older version ignored is looked at again"
                );
            }
            let state = match staged {
                true => EventState::Processed,
                false => EventState::Ignored,
            };
            reviewed.push((event.id, state.to_value()));
        }
        REVIEWED
            .execute(&tx, &reviewed, [effects::VERSION.into()])
            .await?;
        tx.commit().await?;
    }
}
