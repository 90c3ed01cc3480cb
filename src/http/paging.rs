//! Lists a page at a time, newest first.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use serde::Serialize;
use souk_entity::Timestamp;

use crate::error::{Error, Result};

const DEFAULT_LIMIT: u64 = 10;

/// `limit`, `starting_after` and `ending_before` of a list query.
#[derive(Clone, Debug)]
pub struct Paging {
    /// Rows a page, 1 to 100.
    pub limit: u64,
    /// Rows older than this one.
    pub starting_after: Option<String>,
    /// Rows newer than this one.
    pub ending_before: Option<String>,
    url: String,
}

/// The response of every list route.
#[derive(Debug, Serialize)]
pub struct List<T> {
    object: &'static str,
    url: String,
    has_more: bool,
    data: Vec<T>,
}

impl Paging {
    /// Splits a query into its paging and the other parameters.
    pub(super) fn split(
        pairs: Vec<(String, String)>,
        path: &str,
    ) -> Result<(Self, Vec<(String, String)>)> {
        let mut paging = Self::new(path);
        let mut rest = Vec::new();
        for (name, value) in pairs {
            match name.as_str() {
                "limit" => {
                    paging.limit = value
                        .parse()
                        .ok()
                        .filter(|limit| (1..=100).contains(limit))
                        .ok_or_else(|| {
                            Error::invalid("limit", "limit is a whole number from 1 to 100.")
                        })?;
                }
                "starting_after" => paging.starting_after = Some(cursor(name, value)?),
                "ending_before" => paging.ending_before = Some(cursor(name, value)?),
                _ => rest.push((name, value)),
            }
        }
        if paging.starting_after.is_some() && paging.ending_before.is_some() {
            return Err(Error::invalid(
                "ending_before",
                "Give starting_after or ending_before, not both.",
            ));
        }
        Ok((paging, rest))
    }

    /// The first page of the list at a path, with the default limit.
    pub fn new(path: &str) -> Self {
        Self {
            limit: DEFAULT_LIMIT,
            starting_after: None,
            ending_before: None,
            url: path.to_owned(),
        }
    }

    /// The list of a page's rows, each as `view` shows it.
    pub fn list<M, T>(
        &self,
        (rows, has_more): (Vec<M>, bool),
        view: impl FnMut(M) -> T,
    ) -> List<T> {
        List {
            object: "list",
            url: self.url.clone(),
            has_more,
            data: rows.into_iter().map(view).collect(),
        }
    }
}

/// Checks that a cursor has the form of an id.
fn cursor(param: String, value: String) -> Result<String> {
    let is_id = value.split_once('_').is_some_and(|(prefix, tail)| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        !prefix.is_empty()
            && prefix.chars().all(|c| c.is_ascii_lowercase())
            && !tail.is_empty()
            && tail.chars().all(plain)
            && value.len() <= 255
    });
    if is_id {
        return Ok(value);
    }
    let message = format!("{param} is the id of a row of this list.");
    Err(Error::invalid(param, message))
}

/// Reads one page of a query.
pub trait Paginate {
    /// The rows.
    type Row;
    /// A page, newest first, and whether there are more. `by` is a column that sorts by age, such as our ids.
    fn page<C: ConnectionTrait>(
        self,
        paging: &Paging,
        by: impl ColumnTrait,
        db: &C,
    ) -> impl Future<Output = Result<(Vec<Self::Row>, bool)>> + Send;
}

impl<E, M> Paginate for Select<E>
where
    E: EntityTrait<Model = M>,
    M: FromQueryResult + Sized + Send + Sync,
{
    type Row = M;

    async fn page<C: ConnectionTrait>(
        self,
        paging: &Paging,
        by: impl ColumnTrait,
        db: &C,
    ) -> Result<(Vec<M>, bool)> {
        let backwards = paging.ending_before.is_some();
        let mut query = self.limit(paging.limit + 1);
        query = match (&paging.starting_after, &paging.ending_before) {
            (_, Some(newer_than)) => query.filter(by.gt(newer_than.as_str())).order_by_asc(by),
            (Some(older_than), None) => query.filter(by.lt(older_than.as_str())).order_by_desc(by),
            (None, None) => query.order_by_desc(by),
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
}

/// A page of rows with Stripe's ids, newest first, and whether there are more. Such ids don't sort by age, so the page
/// goes by a time, then by id. The cursor's
/// row is looked up in `visible`, the rows that the caller may see without the filters, so that a row that no longer
/// passes the filters still marks the position.
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
