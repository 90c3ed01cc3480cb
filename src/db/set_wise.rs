//! Statements over rows that are given as one JSON text. The statement's own text is the same for any number of rows, so
//! that it is prepared once; lists of values would make another statement for each length.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock, PoisonError, RwLock};

use sea_orm::{ConnectionTrait, DbBackend, ExecResult, FromQueryResult, Statement, Value};
use serde::Serialize;

use super::Tx;
use crate::error::{Error, Result};

/// A column of the rows: its name, and its type in SQL.
pub type Column = (&'static str, &'static str);

/// Where a statement's text and columns lie in memory, and how long they are: they are constants, which never move.
type Key = ((usize, usize), (usize, usize));
type Texts = LazyLock<RwLock<HashMap<Key, Arc<str>>>>;

static POSTGRES_TEXTS: Texts = LazyLock::new(RwLock::default);
static SQLITE_TEXTS: Texts = LazyLock::new(RwLock::default);

/// A statement over rows. Its text names them `{input}` where a table would stand, and their columns `input.NAME`. `$1` is
/// the rows; the values begin at `$2`. What is too much to quote comes as the blob `$3`, of which `{slice of $3}` is the
/// text that a row's columns `at` (from 1) and `bytes` name. One subquery, or else the statement, may end with FOR UPDATE or
/// FOR NO KEY UPDATE, which is left out on SQLite.
pub struct SetWise {
    /// In SQL that both databases understand.
    pub text: &'static str,
    /// Of the rows, in the order in which they are serialised.
    pub columns: &'static [Column],
}

impl SetWise {
    /// Changes rows, and answers how many.
    ///
    /// # Errors
    /// The database failed.
    pub async fn execute<R: Serialize>(
        &self,
        tx: &Tx,
        rows: &[R],
        values: impl IntoIterator<Item = Value>,
    ) -> Result<u64> {
        let done = tx.execute_raw(self.statement(tx, rows, values)?).await;
        Ok(done.map(|done: ExecResult| done.rows_affected())?)
    }

    /// Reads rows, or those that a RETURNING tells.
    ///
    /// # Errors
    /// The database failed, or a row isn't an `A`.
    pub async fn all<R: Serialize, A: FromQueryResult>(
        &self,
        tx: &Tx,
        rows: &[R],
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<A>> {
        let found = tx.query_all_raw(self.statement(tx, rows, values)?).await?;
        let read = found.iter().map(|row| A::from_query_result(row, ""));
        Ok(read.collect::<Result<_, _>>()?)
    }

    fn statement<R: Serialize>(
        &self,
        tx: &Tx,
        rows: &[R],
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Statement> {
        let backend = tx.get_database_backend();
        let values = std::iter::once(Value::from(json_of(rows)?)).chain(values);
        let text = self.text_for(backend);
        Ok(Statement::from_sql_and_values(backend, &*text, values))
    }

    /// The text for a database, which is built once.
    fn text_for(&self, backend: DbBackend) -> Arc<str> {
        let texts = match backend {
            DbBackend::Postgres => &POSTGRES_TEXTS,
            _ => &SQLITE_TEXTS,
        };
        let (text, columns) = (self.text, self.columns);
        let key = (
            (text.as_ptr().addr(), text.len()),
            (columns.as_ptr().addr(), columns.len()),
        );
        let built = texts.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = built.get(&key) {
            return text.clone();
        }
        drop(built);
        let text: Arc<str> = self.build_text(backend).into();
        let mut built = texts.write().unwrap_or_else(PoisonError::into_inner);
        built.insert(key, text.clone());
        text
    }

    fn build_text(&self, backend: DbBackend) -> String {
        let columns = (0..).zip(self.columns);
        let columns =
            columns.map(|(at, (name, kind))| format!("CAST(value->>{at} AS {kind}) AS {name}"));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let (rows, text) = match backend {
            // PostgreSQL expects ten rows of an array, and looks each up by an index. It expects a hundred of the function
            // alone, and would rather read a whole table.
            DbBackend::Postgres => (
                "unnest(ARRAY(SELECT jsonb_array_elements(CAST($1 AS jsonb)))) AS rows(value)",
                self.text.to_owned(),
            ),
            // `json_each` would write each row out as text, which is then parsed again for each column.
            _ => ("jsonb_each($1)", without_for_update(self.text)),
        };
        let slice = match backend {
            DbBackend::Postgres => {
                "convert_from(substring($3 FROM input.at FOR input.bytes), 'UTF8')"
            }
            _ => "CAST(substr($3, input.at, input.bytes) AS TEXT)",
        };
        text.replace(
            "{input}",
            &format!("(SELECT {columns} FROM {rows}) AS input"),
        )
        .replace("{slice of $3}", slice)
    }
}

/// Statements that change rows of different tables. PostgreSQL is sent one statement, of which each is a CTE that sees nothing of
/// what the others change (<https://www.postgresql.org/docs/15/queries-with.html#QUERIES-WITH-MODIFYING>); SQLite knows no such
/// CTE.
pub struct Together<const N: usize> {
    /// None of them has a RETURNING or the blob `$3`.
    statements: [SetWise; N],
    postgres_text: OnceLock<String>,
}

impl<const N: usize> Together<N> {
    pub const fn new(statements: [SetWise; N]) -> Self {
        assert!(N < 9, "$10 would be taken for $1");
        Self {
            statements,
            postgres_text: OnceLock::new(),
        }
    }

    /// Changes rows, and answers how many by each statement. Its rows are given as `json_of` them; the value, which at least one
    /// statement uses, is `$2` of all.
    ///
    /// # Errors
    /// The database failed.
    pub async fn execute(&self, tx: &Tx, rows: [String; N], value: Value) -> Result<[u64; N]> {
        let backend = tx.get_database_backend();
        let mut changed = [0; N];
        if backend != DbBackend::Postgres {
            let statements = self.statements.iter().zip(rows);
            for ((statement, rows), changed) in statements.zip(&mut changed) {
                let (text, values) = (statement.text_for(backend), [rows.into(), value.clone()]);
                let statement = Statement::from_sql_and_values(backend, &*text, values);
                *changed = tx.execute_raw(statement).await?.rows_affected();
            }
            return Ok(changed);
        }
        let text = self.postgres_text.get_or_init(|| self.as_ctes());
        let values = rows.into_iter().map(Value::from).chain([value]);
        let statement = Statement::from_sql_and_values(backend, text, values);
        // The transaction's count of rows by table would take it for a statement of the first table.
        let counts = tx.inner.query_one_raw(statement).await?;
        let counts = counts.ok_or_else(|| Error::internal("no row of counts"))?;
        for (at, statement) in self.statements.iter().enumerate() {
            let count: i64 = counts.try_get_by_index(at)?;
            changed[at] = u64::try_from(count).map_err(|e| Error::internal(e.to_string()))?;
            if let Some(tally) = &tx.tally {
                tally.saw(statement.text, changed[at]);
            }
        }
        Ok(changed)
    }

    /// One statement, which answers how many rows each has changed. Each has a number of its own for its rows, and the last one
    /// for the value.
    fn as_ctes(&self) -> String {
        let value = format!("${}", N + 1);
        let named = self.statements.iter().zip(1..);
        let ctes = named.map(|(statement, at)| {
            let text = statement.build_text(DbBackend::Postgres);
            let text = text.replace("$2", &value).replace("$1", &format!("${at}"));
            format!("changed_{at} AS ({text} RETURNING 1)")
        });
        let counts = (1..=N).map(|at| format!("(SELECT count(*) FROM changed_{at})"));
        let (ctes, counts): (Vec<_>, Vec<_>) = (ctes.collect(), counts.collect());
        format!("WITH {} SELECT {}", ctes.join(", "), counts.join(", "))
    }
}

/// Rows as a statement takes them. Each row is to be serialised as the sequence of its columns, which a tuple is.
///
/// # Errors
/// A row can't be written as JSON.
pub fn json_of<R: Serialize>(rows: &[R]) -> Result<String> {
    serde_json::to_string(rows).map_err(|e| Error::internal(e.to_string()))
}

/// Has a struct read from a row by the order of its fields, which is that of the statement's columns. By their names, as
/// `FromQueryResult` is derived, each column of each row would be looked up in a map.
macro_rules! read_in_order {
    ($row:ident { $($field:ident),+ $(,)? }) => {
        impl ::sea_orm::FromQueryResult for $row {
            fn from_query_result(
                row: &::sea_orm::QueryResult,
                _: &str,
            ) -> ::std::result::Result<Self, ::sea_orm::DbErr> {
                let mut columns = 0..;
                $(let $field = row.try_get_by_index(columns.next().unwrap_or_default())?;)+
                Ok(Self { $($field),+ })
            }
        }
    };
}
pub(crate) use read_in_order;

/// SQLite knows no FOR UPDATE: its one writer needs no lock.
fn without_for_update(text: &str) -> String {
    let lock = [" FOR UPDATE", " FOR NO KEY UPDATE"];
    let Some((before, rest)) = lock.iter().find_map(|lock| text.split_once(lock)) else {
        return text.to_owned();
    };
    let after = rest.find(')').map_or("", |end| &rest[end..]);
    format!("{before}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_together_have_rows_of_their_own_and_one_value() {
        let columns: &[Column] = &[("id", "text")];
        let a = SetWise {
            text: "UPDATE a SET at = $2 FROM {input} WHERE a.id = input.id",
            columns,
        };
        let b = SetWise {
            text: "INSERT INTO b (id, at) SELECT id, $2 FROM {input}",
            columns,
        };
        let rows = |at| {
            format!(
                "(SELECT CAST(value->>0 AS text) AS id FROM unnest(ARRAY(SELECT \
                 jsonb_array_elements(CAST(${at} AS jsonb)))) AS rows(value)) AS input"
            )
        };
        assert_eq!(
            Together::new([a, b]).as_ctes(),
            format!(
                "WITH changed_1 AS (UPDATE a SET at = $3 FROM {} WHERE a.id = input.id RETURNING 1), \
                 changed_2 AS (INSERT INTO b (id, at) SELECT id, $3 FROM {} RETURNING 1) \
                 SELECT (SELECT count(*) FROM changed_1), (SELECT count(*) FROM changed_2)",
                rows(1),
                rows(2)
            )
        );
    }

    #[test]
    fn the_text_is_that_of_its_database() {
        let lock = SetWise {
            text: "SELECT o.id FROM {input} JOIN orders o ON o.id = input.id ORDER BY o.id FOR NO KEY UPDATE OF o",
            columns: &[("id", "text")],
        };
        let nested = SetWise {
            text: "UPDATE jobs SET state = 'done' FROM (SELECT input.id FROM {input} FOR UPDATE OF jobs) AS x WHERE true",
            columns: &[("id", "text")],
        };
        for _ in 0..2 {
            assert_eq!(
                *lock.text_for(DbBackend::Sqlite),
                *"SELECT o.id FROM (SELECT CAST(value->>0 AS text) AS id FROM jsonb_each($1)) AS input \
                  JOIN orders o ON o.id = input.id ORDER BY o.id"
            );
            assert!(
                lock.text_for(DbBackend::Postgres)
                    .ends_with("ORDER BY o.id FOR NO KEY UPDATE OF o")
            );
            assert_eq!(
                *nested.text_for(DbBackend::Sqlite),
                *"UPDATE jobs SET state = 'done' FROM (SELECT input.id FROM (SELECT CAST(value->>0 AS text) AS id \
                  FROM jsonb_each($1)) AS input) AS x WHERE true"
            );
        }
    }
}
