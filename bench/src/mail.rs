//! A mail server that takes calls and never says a word, so that a worker stands still behind its first mails.

use std::net::TcpListener;

use crate::Failure;

/// It hangs up when it is dropped.
pub struct SilentMail {
    /// `SMTP_URL`.
    pub url: String,
    /// Nobody accepts: the system takes the calls.
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
