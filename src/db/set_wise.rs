//! Rows that come with a statement, as one JSON text: so the statement's own text is the same for any number of them and
//! is prepared once, where lists of values would be another statement for each length.

use sea_orm::{ConnectionTrait, DbBackend, ExecResult, FromQueryResult, Statement, Value};
use serde::Serialize;

use super::Tx;
use crate::error::{Error, Result};

/// A column of the rows: its name, and its type in SQL.
pub type Column = (&'static str, &'static str);

/// A statement over rows that it is given. Its text names them `{input}` where a table would stand, and their columns
/// `input.NAME`. `$1` is theirs; the values begin at `$2`. What is too much to quote comes as the blob `$3`, of which
/// `{slice of $3}` is the text that a row's columns `at` (from 1) and `bytes` name. It may end with FOR UPDATE, which
/// SQLite needs not.
pub struct SetWise {
    /// In SQL that both databases understand.
    pub text: &'static str,
    /// Of the rows, in the order in which they are serialised.
    pub columns: &'static [Column],
}

impl SetWise {
    /// Changes rows, and answers how many.
    pub async fn execute<R: Serialize>(
        &self,
        tx: &Tx,
        rows: &[R],
        values: impl IntoIterator<Item = Value>,
    ) -> Result<u64> {
        let done = tx.execute_raw(self.statement(tx, rows, values)?).await;
        Ok(done.map(|done: ExecResult| done.rows_affected())?)
    }

    /// Reads rows.
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

    /// Each row is to be serialised as the sequence of its columns, as a tuple is.
    fn statement<R: Serialize>(
        &self,
        tx: &Tx,
        rows: &[R],
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Statement> {
        let backend = tx.get_database_backend();
        let rows = serde_json::to_string(rows).map_err(|e| Error::internal(e.to_string()))?;
        let values = std::iter::once(Value::from(rows)).chain(values);
        let text = self.text_for(backend);
        Ok(Statement::from_sql_and_values(backend, text, values))
    }

    fn text_for(&self, backend: DbBackend) -> String {
        let columns = (0..).zip(self.columns);
        let columns =
            columns.map(|(at, (name, kind))| format!("CAST(value->>{at} AS {kind}) AS {name}"));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let (rows, text) = match backend {
            // Through an array, of which PostgreSQL expects ten rows and looks each up by an index; of the function alone it
            // expects a hundred, and would rather read a whole table.
            DbBackend::Postgres => (
                "unnest(ARRAY(SELECT jsonb_array_elements(CAST($1 AS jsonb)))) AS rows(value)",
                self.text,
            ),
            _ => (
                // Whose arrays stay binary JSON, and aren't written out to be read again for each column.
                "jsonb_each($1)",
                self.text.split(" FOR UPDATE").next().unwrap_or(self.text),
            ),
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
