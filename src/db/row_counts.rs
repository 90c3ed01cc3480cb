//! Counts the rows that a transaction writes, by table, so that a dry run can say what it would have changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows inserted, updated or deleted, by table.
pub type RowCounts = BTreeMap<String, u64>;

/// The count of a transaction, or of a savepoint in one.
#[derive(Clone, Default)]
pub(super) struct Tally {
    rows: Arc<Mutex<RowCounts>>,
    outer: Option<Arc<Mutex<RowCounts>>>,
}

impl Tally {
    /// The count of a savepoint, which is added to its transaction's once it is committed.
    pub(super) fn inner(&self) -> Self {
        Self {
            rows: Arc::default(),
            outer: Some(self.rows.clone()),
        }
    }

    pub(super) fn rows(&self) -> RowCounts {
        self.rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Counts the rows of a statement that was executed, if it is one that writes.
    pub(super) fn saw(&self, sql: &str, rows: u64) {
        if rows > 0
            && let Some(table) = table_written(sql)
        {
            add(&self.rows, [(table.to_owned(), rows)]);
        }
    }

    pub(super) fn commit(self) {
        if let Some(outer) = &self.outer {
            add(outer, self.rows());
        }
    }
}

fn add(to: &Mutex<RowCounts>, rows: impl IntoIterator<Item = (String, u64)>) {
    let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
    for (table, rows) in rows {
        *to.entry(table).or_default() += rows;
    }
}

/// The table that a statement writes to. A statement that only reads has none, `FOR UPDATE` or not.
fn table_written(sql: &str) -> Option<&str> {
    let sql = sql.trim_start();
    let verbs = ["INSERT INTO ", "UPDATE ", "DELETE FROM "];
    let written = match sql.starts_with("SELECT ") {
        true => None,
        // The first verb counts: an INSERT may continue with DO UPDATE, and a WITH may come before any of them.
        false => verbs
            .iter()
            .filter_map(|verb| Some((sql.find(verb)?, verb.len())))
            .min(),
    };
    let (at, length) = written?;
    let rest = sql[at + length..].trim_start_matches('"');
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    Some(&rest[..end.unwrap_or(rest.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_that_a_statement_writes_to_is_read_from_it() {
        let table = |sql| table_written(sql).unwrap_or("none");
        assert_eq!(
            table(
                "INSERT INTO \"jobs\" (\"id\") VALUES ($1) ON CONFLICT (\"effect_key\") DO UPDATE SET x = 1"
            ),
            "jobs"
        );
        assert_eq!(table("UPDATE \"payments\" SET \"status\" = $1"), "payments");
        assert_eq!(
            table("WITH paid AS (SELECT 1) UPDATE orders SET status = 'paid' FROM paid"),
            "orders"
        );
        assert_eq!(table("DELETE FROM \"sessions\""), "sessions");
        assert_eq!(table("SELECT \"id\" FROM \"orders\" FOR UPDATE"), "none");
        assert_eq!(table("PRAGMA foreign_keys"), "none");
    }

    #[test]
    fn what_a_savepoint_wrote_counts_once_it_is_committed() {
        let tally = Tally::default();
        let undone = tally.inner();
        undone.saw("UPDATE orders SET status = 'paid'", 1);
        drop(undone);
        assert!(tally.rows().is_empty());
        let kept = tally.inner();
        kept.saw("UPDATE orders SET status = 'paid'", 2);
        kept.commit();
        assert_eq!(tally.rows(), RowCounts::from([("orders".to_owned(), 2)]));
    }
}
