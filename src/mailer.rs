//! Outgoing mail, by SMTP or as files if no server is set.

use std::path::PathBuf;
use std::sync::Arc;

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::file::AsyncFileTransport;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;

use crate::config::Config;
use crate::error::{Error, Result};

/// Sends mail from one address.
#[derive(Clone)]
pub struct Mailer {
    from: Mailbox,
    transport: Arc<Transport>,
}

enum Transport {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Files(PathBuf),
}

impl Mailer {
    /// By `SMTP_URL`, or into `mail/` of the data directory.
    ///
    /// # Errors
    /// `MAIL_FROM` or `SMTP_URL` is no address.
    pub fn new(config: &Config) -> Result<Self> {
        let from = config
            .mail_from
            .parse()
            .map_err(|e| Error::internal(format!("MAIL_FROM is no mail address: {e}")))?;
        let transport = match &config.smtp_url {
            Some(url) => Transport::Smtp(
                AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
                    .map_err(|_| Error::internal("SMTP_URL is no smtp:// or smtps:// address"))?
                    .build(),
            ),
            None => Transport::Files(config.data_dir.join("mail")),
        };
        Ok(Self {
            from,
            transport: Arc::new(transport),
        })
    }

    /// Asks whether the mail server answers and takes our credentials, or whether the folder can be made.
    ///
    /// # Errors
    /// [`Error::Busy`] with the reason.
    pub async fn test(&self) -> Result<()> {
        let tested = match &*self.transport {
            Transport::Smtp(smtp) => match smtp.test_connection().await {
                Ok(true) => Ok(()),
                Ok(false) => Err("the server doesn't answer as a mail server".to_owned()),
                Err(e) => Err(e.to_string()),
            },
            Transport::Files(folder) => tokio::fs::create_dir_all(folder)
                .await
                .map_err(|e| format!("{}: {e}", folder.display())),
        };
        tested.map_err(Error::Busy)
    }

    /// Sends a plain text.
    ///
    /// # Errors
    /// [`Error::Busy`] if it may be retried.
    pub async fn send(&self, to: &str, subject: &str, text: &str) -> Result<()> {
        let to: Mailbox = to
            .parse()
            .map_err(|_| Error::internal("a recipient is no mail address"))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(text.to_owned())
            .map_err(|e| Error::internal(format!("mail: {e}")))?;
        match &*self.transport {
            Transport::Smtp(smtp) => {
                smtp.send(message)
                    .await
                    .map_err(|e| Error::Busy(format!("SMTP: {e}")))?;
            }
            Transport::Files(folder) => {
                tokio::fs::create_dir_all(folder)
                    .await
                    .map_err(|e| Error::Busy(format!("mail: {e}")))?;
                AsyncFileTransport::<Tokio1Executor>::new(folder)
                    .send(message)
                    .await
                    .map_err(|e| Error::Busy(format!("mail: {e}")))?;
            }
        }
        Ok(())
    }
}
