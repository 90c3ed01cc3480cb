//! The database: SQLite or PostgreSQL, write transactions, and the few statements whose text differs.

mod row_counts;
pub mod set_wise;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::sea_query::Expr;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, ExecResult, QueryResult, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};
use souk_entity::Timestamp;
use souk_migration::{Migrator, MigratorTrait};
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, Executor};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::error::{Error, Result};

pub use row_counts::RowCounts;
use row_counts::Tally;

/// Statements that a connection keeps prepared. There are fewer.
const STATEMENTS: usize = 512;
/// Rows that SQLite's thread sends before it waits for the reader. A batch has fewer.
const ROWS: usize = 256;
/// A connection that was idle for longer is pinged before it is used.
const TRUSTED: Duration = Duration::from_secs(1);

/// Connections to one database. On SQLite the write pool holds a single connection and `read` only reads; on
/// PostgreSQL both are one pool, and the committer has its own.
#[derive(Clone)]
pub struct Db {
    /// For `begin_write`. A query through it while a `Tx` is open would wait for that transaction.
    write: DatabaseConnection,
    /// For `begin_batch`.
    batches: DatabaseConnection,
    /// For everything that only reads.
    pub read: DatabaseConnection,
    clock: Clock,
    /// Notified after a commit that staged work which is due, so that workers need not poll often.
    pub staged: Arc<Notify>,
}

/// How a schema differs from the one that this version makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaChanges {
    /// Changes that the schema lacks.
    pub missing: usize,
    /// Changes of a newer version.
    pub unknown: usize,
}

/// A write transaction. Dropped without `commit` it rolls back.
pub struct Tx {
    inner: DatabaseTransaction,
    at: Timestamp,
    /// Whether `shared_now` is the database's time.
    asks_time: bool,
    /// None in a savepoint, whose commit makes nothing visible yet.
    staged: Option<Arc<Notify>>,
    /// Whether its commit wakes the workers. Shared with its savepoints.
    wakes: Arc<AtomicBool>,
    tally: Option<Tally>,
    _open: OpenTx,
}

impl Db {
    /// Connects. `url` is `sqlite://PATH` (made if it is missing) or `postgres://…`.
    ///
    /// # Errors
    /// The folder can't be made, or the database can't be reached.
    pub async fn connect(url: &str, clock: Clock) -> Result<Self> {
        let (write, batches, read) = if let Some(path) = url.strip_prefix("sqlite:") {
            make_folder(path)?;
            let write = Database::connect(sqlite_options(url, 1, false)).await?;
            // WAL lets readers go on while the one writer writes.
            let read = Database::connect(sqlite_options(url, 4, true)).await?;
            (write.clone(), write, read)
        } else {
            let pool = Database::connect(postgres_options(url, 16, false)).await?;
            let batches = Database::connect(postgres_options(url, 2, true)).await?;
            (pool.clone(), batches, pool)
        };
        Ok(Self {
            write,
            batches,
            read,
            clock,
            staged: Arc::new(Notify::new()),
        })
    }

    /// Begins a write transaction: `BEGIN IMMEDIATE` on SQLite, so that two writers queue instead of failing.
    ///
    /// # Errors
    /// The database can't be reached, or no connection is free in time.
    pub async fn begin_write(&self) -> Result<Tx> {
        self.begin(&self.write).await
    }

    /// Begins a write transaction of the committer, or one in which the worker writes how jobs ended and leases the next.
    /// On PostgreSQL their connections are used by nobody else: a pool uses its connections in turn, and each plans a
    /// statement anew the first times that it runs it.
    ///
    /// # Errors
    /// As `begin_write`.
    pub async fn begin_batch(&self) -> Result<Tx> {
        self.begin(&self.batches).await
    }

    async fn begin(&self, connections: &DatabaseConnection) -> Result<Tx> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let inner = connections.begin_with_options(options).await?;
        Ok(Tx {
            inner,
            at: self.clock.now(),
            asks_time: matches!(self.clock, Clock::System) && self.backend() == DbBackend::Postgres,
            staged: Some(self.staged.clone()),
            wakes: Arc::default(),
            tally: None,
            _open: OpenTx::enter(),
        })
    }

    /// Brings the schema up to date in one transaction. Other replicas wait for it.
    ///
    /// # Errors
    /// A migration failed; the schema is as it was.
    pub async fn migrate(&self) -> Result<()> {
        let tx = self.begin_write().await?;
        if tx.inner.get_database_backend() == DbBackend::Postgres {
            tx.inner
                .execute_unprepared("SELECT pg_advisory_xact_lock(7307497510)")
                .await?;
        }
        Migrator::up(&tx.inner, None).await?;
        tx.commit().await
    }

    /// Compares the schema's changes with those that this version knows.
    ///
    /// # Errors
    /// The database failed.
    pub async fn migrations(&self) -> Result<SchemaChanges> {
        let known: BTreeSet<String> = Migrator::migrations()
            .iter()
            .map(|change| change.name().to_owned())
            .collect();
        let mut made = BTreeSet::new();
        if !self.is_empty().await? {
            let names =
                Statement::from_string(self.backend(), "SELECT version FROM seaql_migrations");
            for row in self.read.query_all_raw(names).await? {
                made.insert(row.try_get::<String>("", "version")?);
            }
        }
        Ok(SchemaChanges {
            missing: known.difference(&made).count(),
            unknown: made.difference(&known).count(),
        })
    }

    /// Asks whether the database answers.
    ///
    /// # Errors
    /// It doesn't.
    pub async fn ping(&self) -> Result<()> {
        self.read.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    /// Whether the database has no table yet.
    ///
    /// # Errors
    /// The database failed.
    pub async fn is_empty(&self) -> Result<bool> {
        let text = match self.backend() {
            DbBackend::Postgres => {
                "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = current_schema() LIMIT 1"
            }
            _ => "SELECT 1 FROM sqlite_master LIMIT 1",
        };
        let table = self
            .read
            .query_one_raw(Statement::from_string(self.backend(), text))
            .await?;
        Ok(table.is_none())
    }

    /// SQLite or PostgreSQL.
    pub fn backend(&self) -> DbBackend {
        self.read.get_database_backend()
    }

    /// Closes the connections.
    ///
    /// # Errors
    /// One of them could not be closed.
    pub async fn close(&self) -> Result<()> {
        // Some are one pool, which may be closed twice.
        for connections in [&self.write, &self.batches, &self.read] {
            connections.close_by_ref().await?;
        }
        Ok(())
    }
}

/// Makes the folder of an SQLite file.
fn make_folder(path: &str) -> Result<()> {
    let path = path.trim_start_matches("//");
    let path = path.split('?').next().unwrap_or(path);
    match std::path::Path::new(path).parent() {
        Some(folder) if !path.starts_with(':') => std::fs::create_dir_all(folder)
            .map_err(|e| Error::Busy(format!("{}: {e}", folder.display()))),
        _ => Ok(()),
    }
}

/// A text that both databases can hold and index. PostgreSQL's texts have no NUL, which Stripe's JSON could contain. A
/// text of more than `most` characters is cut, and ends in `…`.
pub fn fit(text: &str, most: usize) -> String {
    let text = text.replace('\0', "\u{fffd}");
    match text.char_indices().nth(most) {
        None => text,
        Some(_) => text
            .chars()
            .take(most.saturating_sub(1))
            .chain(['…'])
            .collect(),
    }
}

fn postgres_options(url: &str, connections: u32, by_index: bool) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(10))
        .sqlx_logging_level(log::LevelFilter::Trace)
        .test_before_acquire(false)
        .map_sqlx_postgres_opts(|postgres| postgres.statement_cache_capacity(STATEMENTS))
        .map_sqlx_postgres_pool_opts(move |pool| {
            let pool = pool
                .before_acquire(|connection, seen| Box::pin(is_alive(connection, seen.idle_for)));
            match by_index {
                true => pool.after_connect(|connection, _| Box::pin(plan_by_index(connection))),
                false => pool,
            }
        });
    options
}

/// Has a connection read rows by indexes alone. PostgreSQL keeps the plan of a statement that was run a few times. Made
/// while a table is small, it would read that table from end to end, and go on doing so when the table has grown.
async fn plan_by_index(connection: &mut sqlx::PgConnection) -> Result<(), sqlx::Error> {
    for plan in ["seqscan", "bitmapscan", "hashjoin", "mergejoin"] {
        let off = format!("SET enable_{plan} = off");
        connection.execute(sqlx::AssertSqlSafe(off)).await?;
    }
    Ok(())
}

fn sqlite_options(url: &str, connections: u32, read_only: bool) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .sqlx_logging_level(log::LevelFilter::Trace)
        .test_before_acquire(false)
        .map_sqlx_sqlite_pool_opts(move |pool| match read_only {
            true => pool,
            false => pool.after_release(|connection, _| Box::pin(is_at_rest(connection))),
        })
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .create_if_missing(!read_only)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(5))
                .statement_cache_capacity(STATEMENTS)
                .row_buffer_size(ROWS)
                // A savepoint's undo journal is kept in memory, not in a temporary file.
                .pragma("temp_store", "MEMORY")
                .pragma("query_only", if read_only { "ON" } else { "OFF" })
        });
    options
}

/// Whether the server is still at the other end. Under load nobody asks, since that costs each transaction a round trip. A
/// transaction that then fails is answered with 503, and its sender tries again.
async fn is_alive(
    connection: &mut sqlx::PgConnection,
    idle: Duration,
) -> Result<bool, sqlx::Error> {
    if idle > TRUSTED {
        connection.ping().await?;
    }
    Ok(true)
}

/// Whether a connection that is given back is in no transaction. After a full disk or a failed read SQLite itself ends the
/// transaction. sqlx's rollback then fails, and sqlx takes every later transaction for a savepoint in one that nobody will
/// ever commit. Such a connection is closed.
async fn is_at_rest(connection: &mut sqlx::SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // Answered after a rollback that is still under way. Nobody waits for this after a commit.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

impl Tx {
    /// When it began, which is the time of everything written in it.
    pub fn now(&self) -> Timestamp {
        self.at
    }

    /// When it began, by the clock that all replicas share: PostgreSQL's, since a replica's may be wrong. On SQLite there
    /// is one replica, and a test's clock counts for everybody.
    pub fn shared_now(&self) -> Expr {
        if !self.asks_time {
            return Expr::value(self.at);
        }
        Expr::cust("CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT)")
    }

    /// Counts the rows that it writes from now on; see `row_counts`.
    pub fn count_rows(&mut self) {
        self.tally = Some(Tally::default());
    }

    /// The rows written since `count_rows`, by table. A savepoint's rows count once it is committed.
    pub fn row_counts(&self) -> RowCounts {
        self.tally.as_ref().map(Tally::rows).unwrap_or_default()
    }

    /// Wakes this process' workers once it is committed, since it leaves them a job that is due.
    pub fn wake_workers(&self) {
        self.wakes.store(true, Ordering::Relaxed);
    }

    /// Commits, and wakes the workers if `wake_workers` was called.
    ///
    /// # Errors
    /// The database failed. Whether it is committed isn't known if the connection was lost.
    pub async fn commit(self) -> Result<()> {
        self.inner.commit().await?;
        if let Some(tally) = self.tally {
            tally.commit();
        }
        if let Some(staged) = self.staged
            && self.wakes.load(Ordering::Relaxed)
        {
            staged.notify_waiters();
        }
        Ok(())
    }

    /// Undoes it.
    ///
    /// # Errors
    /// The connection was lost, which undoes it too.
    pub async fn rollback(self) -> Result<()> {
        self.inner.rollback().await?;
        Ok(())
    }

    /// Begins a savepoint in it, with the same time.
    ///
    /// # Errors
    /// The database failed.
    pub async fn savepoint(&self) -> Result<Tx> {
        Ok(Tx {
            inner: self.inner.begin().await?,
            at: self.at,
            asks_time: self.asks_time,
            staged: None,
            wakes: self.wakes.clone(),
            tally: self.tally.as_ref().map(Tally::inner),
            _open: OpenTx::enter(),
        })
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }
    async fn execute_raw(&self, stmt: Statement) -> Result<ExecResult, DbErr> {
        let Some(tally) = &self.tally else {
            return self.inner.execute_raw(stmt).await;
        };
        let sql = stmt.sql.clone();
        let result = self.inner.execute_raw(stmt).await?;
        tally.saw(&sql, result.rows_affected());
        Ok(result)
    }
    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.inner.execute_unprepared(sql).await
    }
    async fn query_one_raw(&self, stmt: Statement) -> Result<Option<QueryResult>, DbErr> {
        let Some(tally) = &self.tally else {
            return self.inner.query_one_raw(stmt).await;
        };
        let sql = stmt.sql.clone();
        let row = self.inner.query_one_raw(stmt).await?;
        tally.saw(&sql, u64::from(row.is_some()));
        Ok(row)
    }
    async fn query_all_raw(&self, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let Some(tally) = &self.tally else {
            return self.inner.query_all_raw(stmt).await;
        };
        let sql = stmt.sql.clone();
        let rows = self.inner.query_all_raw(stmt).await?;
        tally.saw(&sql, rows.len() as u64);
        Ok(rows)
    }
}

static OPEN: Mutex<Vec<Option<tokio::task::Id>>> = Mutex::new(Vec::new());

/// Counts the open transactions of a task, in debug builds only.
struct OpenTx(Option<tokio::task::Id>);

impl OpenTx {
    fn enter() -> Self {
        let task = tokio::task::try_id();
        if cfg!(debug_assertions) {
            OPEN.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(task);
        }
        Self(task)
    }
}

impl Drop for OpenTx {
    fn drop(&mut self) {
        if cfg!(debug_assertions) {
            let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = open.iter().position(|task| *task == self.0) {
                open.swap_remove(at);
            }
        }
    }
}

/// Panics in debug builds if this task holds a transaction. It is called before anything goes over the network.
pub fn assert_no_open_transaction() {
    if cfg!(debug_assertions)
        && let Some(task) = tokio::task::try_id()
    {
        let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(
            !open.contains(&Some(task)),
            "a network call while a transaction is open"
        );
    }
}

/// What an insert with `ON CONFLICT DO NOTHING` answered; `Ok(None)` if the row was there already.
///
/// # Errors
/// Any other failure of the database.
pub fn inserted<T>(result: Result<T, DbErr>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(DbErr::RecordNotInserted) => Ok(None),
        Err(e) => Err(Error::Database(e)),
    }
}
