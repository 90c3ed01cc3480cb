//! `souk admin`.

use clap::Subcommand;
use souk::clock::Clock;
use souk::identity::{self, Role};

use super::{Failure, settings};

#[derive(Subcommand)]
pub enum Command {
    /// Make an admin, or make an existing user one, and set the password.
    ///
    /// The password is read from SOUK_ADMIN_PASSWORD, or one is made and printed once.
    Create {
        /// The admin's mail address.
        #[arg(long)]
        email: String,
        /// The admin's name.
        #[arg(long, default_value = "Admin")]
        name: String,
    },
}

/// Runs `souk admin`.
pub async fn run(command: Command) -> Result<(), Failure> {
    let Command::Create { email, name } = command;
    let given = std::env::var("SOUK_ADMIN_PASSWORD")
        .ok()
        .filter(|password| !password.is_empty());
    let app = souk::assemble(settings()?, Clock::System).await?;
    let password = given
        .clone()
        .unwrap_or_else(|| souk::ids::random_token()[..24].to_owned());
    let admin = identity::ensure_user(&app, &email, &name, &password, Role::Admin).await?;
    println!("{} is an admin now ({}).", admin.email, admin.id);
    if given.is_none() {
        println!("Password, shown only this once: {password}");
    }
    app.db.close().await?;
    Ok(())
}
