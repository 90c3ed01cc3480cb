//! Another shape for a table of SQLite, which changes no constraint of a table that is there.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DbBackend, Statement};

/// Makes a table anew under its name and fills it with its rows. `values` says what isn't copied as it is, by column: an
/// expression over the old row. Columns that are new have their defaults. The caller's transaction makes it all or nothing.
///
/// Rows of other tables that refer to this one lose it for a moment, so their foreign keys are checked at the commit. The
/// table is never renamed: that would rename it in those foreign keys, too.
///
/// # Errors
/// The database failed.
pub async fn rebuild(
    db: &SchemaManagerConnection<'_>,
    table: &str,
    create: &str,
    values: &[(&str, &str)],
) -> Result<(), DbErr> {
    // Those of constraints have no text; they come with the table.
    let kept = texts(
        db,
        "SELECT sql FROM sqlite_master WHERE tbl_name = $1 AND type IN ('index', 'trigger') AND sql IS NOT NULL \
         ORDER BY type, name",
        table,
    )
    .await?;
    let columns = texts(
        db,
        "SELECT name FROM pragma_table_info($1) ORDER BY cid",
        table,
    )
    .await?;
    let value = |column: &String| {
        let given = values.iter().find(|(name, _)| name == column);
        given.map_or_else(|| column.clone(), |(_, value)| (*value).to_owned())
    };
    let (names, values): (Vec<_>, Vec<_>) = columns
        .iter()
        .map(|column| (column.clone(), value(column)))
        .unzip();
    let (names, values) = (names.join(", "), values.join(", "));
    db.execute_unprepared(&format!(
        "PRAGMA defer_foreign_keys = ON;
         CREATE TABLE {table}_before AS SELECT * FROM {table};
         DROP TABLE {table};
         {create}
         INSERT INTO {table} ({names}) SELECT {values} FROM {table}_before ORDER BY rowid;
         DROP TABLE {table}_before;"
    ))
    .await?;
    for text in kept {
        db.execute_unprepared(&text).await?;
    }
    Ok(())
}

async fn texts(
    db: &SchemaManagerConnection<'_>,
    query: &str,
    table: &str,
) -> Result<Vec<String>, DbErr> {
    let query = Statement::from_sql_and_values(DbBackend::Sqlite, query, [table.into()]);
    let rows = db.query_all_raw(query).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}
