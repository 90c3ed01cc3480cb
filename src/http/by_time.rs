//! Pages of rows with Stripe's ids: those do not sort by age, so they go by a time, then by id.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use souk_entity::Timestamp;

use crate::error::{Error, Result};

use super::Paging;

/// A page of `query`, newest first, and whether there are more. The row that the cursor names is looked for in
/// `visible`: what the caller may see, filtered or not, so that a row that left the filter still holds the place.
pub async fn page_by_time<E, M, C>(
    query: Select<E>,
    visible: Select<E>,
    paging: &Paging,
    (at, id): (E::Column, E::Column),
    db: &C,
) -> Result<(Vec<M>, bool)>
where
    E: EntityTrait<Model = M>,
    M: FromQueryResult + Send + Sync,
    C: ConnectionTrait,
{
    let (cursor, param, backwards) = match (&paging.starting_after, &paging.ending_before) {
        (_, Some(newer_than)) => (Some(newer_than), "ending_before", true),
        (older_than, None) => (older_than.as_ref(), "starting_after", false),
    };
    let mut query = query.limit(paging.limit + 1);
    if let Some(cursor) = cursor {
        let seen: Option<Timestamp> = visible
            .filter(id.eq(cursor.as_str()))
            .select_only()
            .column(at)
            .into_tuple()
            .one(db)
            .await?;
        let seen = seen.ok_or_else(|| {
            Error::invalid(
                param,
                format!("{param} names nothing in this list. Give the id of a row of it."),
            )
        })?;
        let beyond = if backwards {
            at.gt(seen).or(at.eq(seen).and(id.gt(cursor.as_str())))
        } else {
            at.lt(seen).or(at.eq(seen).and(id.lt(cursor.as_str())))
        };
        query = query.filter(beyond);
    }
    query = if backwards {
        query.order_by_asc(at).order_by_asc(id)
    } else {
        query.order_by_desc(at).order_by_desc(id)
    };
    let mut rows = query.all(db).await?;
    let has_more = rows.len() as u64 > paging.limit;
    if has_more {
        rows.pop();
    }
    if backwards {
        rows.reverse();
    }
    Ok((rows, has_more))
}
