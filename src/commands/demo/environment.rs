//! The server that the demo runs against: one of its own with temporary data, or a running one.

use std::collections::HashMap;

use souk::clock::Clock;
use souk::config::{self, Config};
use souk::db::Db;
use tempfile::TempDir;

use super::super::serve::{self, Served};
use super::client::Api;
use super::responses::Readiness;
use super::{Args, Failure, seed};

/// A server with simulated money.
pub struct Environment {
    /// Its address.
    pub url: String,
    /// An admin of it.
    pub admin_email: String,
    /// The admin's password.
    pub admin_password: String,
    own: Option<OwnServer>,
}

/// A server that the demo started and has to stop.
struct OwnServer {
    served: Served,
    data: TempDir,
    database: &'static str,
}

impl Environment {
    /// Starts a server, or checks that the one at `--url` has simulated money.
    pub async fn start(args: Args) -> Result<Self, Failure> {
        let Some(url) = args.url else {
            return Self::start_own().await;
        };
        let ready: Readiness = Api::new(&url)?.get("/readyz").await?;
        if !ready.simulated {
            return Err(format!(
                "{url} takes real money, and the demo plays with simulated money only"
            )
            .into());
        }
        Ok(Self {
            url,
            admin_email: args.admin_email,
            admin_password: args.admin_password,
            own: None,
        })
    }

    async fn start_own() -> Result<Self, Failure> {
        let data = tempfile::Builder::new().prefix("souk-demo.").tempdir()?;
        let database_url = std::env::var("DATABASE_URL")
            .ok()
            .filter(|url| !url.is_empty());
        let database = match &database_url {
            Some(url) => check_empty(url).await?,
            None => "SQLite with temporary data",
        };
        // Only the database is taken from the environment, so that the demo is the same everywhere and never real.
        let mut settings = HashMap::from(
            [
                ("BIND", "127.0.0.1:0"),
                ("SIMULATOR_BIND", "127.0.0.1:0"),
                ("SEED_DEMO", "true"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        settings.insert(
            "DATA_DIR".to_owned(),
            data.path().to_string_lossy().into_owned(),
        );
        settings.extend(database_url.map(|url| ("DATABASE_URL".to_owned(), url)));
        let mut config = Config::read(&settings)?;
        config::ensure_jwt_secret(&mut config)?;
        let served = serve::start(config).await?;
        Ok(Self {
            url: format!("http://{}", served.addr),
            admin_email: seed::ADMIN_EMAIL.to_owned(),
            admin_password: seed::PASSWORD.to_owned(),
            own: Some(OwnServer {
                served,
                data,
                database,
            }),
        })
    }

    /// The server in one line.
    pub fn describe(&self) -> String {
        match &self.own {
            Some(ours) => format!("at {}, started for this, on {}", self.url, ours.database),
            None => format!("at {}", self.url),
        }
    }

    /// Stops the own server, and removes its data.
    pub async fn stop(self) {
        if let Some(OwnServer { served, data, .. }) = self.own {
            served.stop().await;
            drop(data);
        }
    }
}

/// Refuses a database that is in use: its jobs would run with simulated money.
async fn check_empty(url: &str) -> Result<&'static str, Failure> {
    let db = Db::connect(url, Clock::System)
        .await
        .map_err(|e| format!("DATABASE_URL: {e}"))?;
    let empty = db.is_empty().await?;
    db.close().await?;
    if !empty {
        return Err("DATABASE_URL names a database that is in use. The demo wants an empty one; without \
                    DATABASE_URL it makes its own, and with --url it plays against a running server."
            .into());
    }
    Ok(if url.starts_with("sqlite:") {
        "SQLite"
    } else {
        "PostgreSQL"
    })
}
