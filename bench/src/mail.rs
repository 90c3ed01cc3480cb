//! A mail server that takes connections and never answers, so that a worker waits on its first mails.

use std::net::TcpListener;

use crate::Failure;

/// It closes when it is dropped.
pub struct SilentMail {
    /// `SMTP_URL`.
    pub url: String,
    /// Never accepted from: the system takes the connections.
    _listener: TcpListener,
}

impl SilentMail {
    /// Listens on a free port of loopback.
    pub fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        Ok(Self {
            url: format!("smtp://{}", listener.local_addr()?),
            _listener: listener,
        })
    }
}
