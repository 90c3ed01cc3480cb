//! A database for each test: an SQLite file, or on PostgreSQL a copy of a template that is migrated once.

use std::path::{Path, PathBuf};

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection};
use souk::clock::Clock;
use souk::db::Db;
use souk::ids;
use souk_migration::{Migrator, MigratorTrait};

use crate::contract::root;

/// An empty or migrated database, gone when this is dropped.
pub struct Database {
    pub url: String,
    /// On PostgreSQL.
    name: Option<String>,
}

pub fn on_postgres() -> bool {
    std::env::var("TEST_DATABASE").as_deref() == Ok("postgres")
}

impl Database {
    /// With the schema.
    pub async fn migrated(folder: &Path) -> Self {
        if !on_postgres() {
            return Self::sqlite(folder);
        }
        let server = server().await;
        let name = new_name();
        // Others may be making the template, or copying it, which PostgreSQL forbids meanwhile.
        run(&server, "SELECT pg_advisory_lock(7307497511)").await;
        let template = template(&server).await;
        run(
            &server,
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await;
        Self {
            url: address(&name),
            name: Some(name),
        }
    }

    /// With nothing in it.
    pub async fn empty(folder: &Path) -> Self {
        if !on_postgres() {
            return Self::sqlite(folder);
        }
        let name = new_name();
        run(&server().await, &format!("CREATE DATABASE {name}")).await;
        Self {
            url: address(&name),
            name: Some(name),
        }
    }

    /// As the version left it that did not have this migration yet, with a connection.
    pub async fn before(folder: &Path, migration: &str) -> (Self, DatabaseConnection) {
        let database = Self::empty(folder).await;
        let url = match on_postgres() {
            true => database.url.clone(),
            false => format!("{}?mode=rwc", database.url),
        };
        let db = sea_orm::Database::connect(url).await.expect("connects");
        let all = Migrator::migrations();
        let older = all.iter().position(|one| one.name() == migration);
        let older = u32::try_from(older.expect("is there")).expect("few");
        Migrator::up(&db, Some(older)).await.expect("migrates");
        (database, db)
    }

    fn sqlite(folder: &Path) -> Self {
        Self {
            url: format!("sqlite://{}", folder.join("souk.sqlite").display()),
            name: None,
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            super::block_on_new_thread(async move {
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                run(&server().await, &drop).await;
            });
        }
    }
}

/// The name of a database with today's schema. The lock is held by the caller.
async fn template(server: &DatabaseConnection) -> String {
    let name = format!("souk_template_{}", &schema()[..16]);
    let exists = format!("SELECT datname FROM pg_database WHERE datname = '{name}'");
    let query = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, exists);
    if server
        .query_one_raw(query)
        .await
        .expect("a list of databases")
        .is_some()
    {
        return name;
    }
    let draft = new_name();
    run(server, &format!("CREATE DATABASE {draft}")).await;
    let db = Db::connect(&address(&draft), Clock::System)
        .await
        .expect("connects");
    db.migrate().await.expect("migrates");
    db.close().await.expect("closes");
    run(server, &format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
    name
}

/// The hash of the migrations' text, which tells one schema from another.
fn schema() -> String {
    let folder = std::fs::read_dir(root().join("migration/src")).expect("migrations");
    let mut files: Vec<PathBuf> = folder
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let texts: Vec<String> = files
        .iter()
        .map(|file| std::fs::read_to_string(file).expect("a file"))
        .collect();
    ids::sha256_hex(texts.concat().as_bytes())
}

fn new_name() -> String {
    format!(
        "souk_test_{}",
        &ids::sha256_hex(ids::random_token().as_bytes())[..20]
    )
}

fn server_url() -> String {
    std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL; tests/postgres.sh sets it")
}

async fn server() -> DatabaseConnection {
    let mut options = ConnectOptions::new(server_url());
    options.max_connections(1).sqlx_logging(false);
    sea_orm::Database::connect(options)
        .await
        .expect("connects to TEST_POSTGRES_URL")
}

/// `postgres://host/NAME?…`, beside the database that `TEST_POSTGRES_URL` names.
fn address(name: &str) -> String {
    let url = server_url();
    let (start, query) = url
        .split_once('?')
        .map_or((url.as_str(), ""), |(start, query)| (start, query));
    let host = start
        .rsplit_once('/')
        .expect("a database in TEST_POSTGRES_URL")
        .0;
    if query.is_empty() {
        format!("{host}/{name}")
    } else {
        format!("{host}/{name}?{query}")
    }
}

async fn run(connection: &DatabaseConnection, sql: &str) {
    connection
        .execute_unprepared(sql)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
}
