//! The error type of the server, and the table of its variants' statuses and codes.

use sea_orm::DbErr;
use souk_entity::AccountId;

/// A failed request to Stripe, in Stripe's words (docs.stripe.com/api/errors).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StripeFault {
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Stripe's `type`, such as `invalid_request_error`.
    pub kind: String,
    /// Stripe's `code`, such as `charge_already_refunded`.
    pub code: Option<String>,
    /// Stripe's `decline_code`.
    pub decline_code: Option<String>,
    /// Stripe's `advice_code`: what to do after a decline.
    pub advice_code: Option<String>,
    /// Stripe's `param`.
    pub param: Option<String>,
    /// Stripe's words, or ours about the connection.
    pub message: String,
    /// Stripe's `user_message`, in `/v2/…`: words that were written for those who only use an application.
    pub user_message: Option<String>,
    /// Stripe's `Request-Id`.
    pub request_id: Option<String>,
}

impl StripeFault {
    /// Whether Stripe has no object of that id (docs.stripe.com/error-codes#resource-missing; `/v2/…` says `not_found`).
    pub fn is_missing(&self) -> bool {
        matches!(self.code.as_deref(), Some("resource_missing" | "not_found"))
    }

    /// Stripe's words for those who only use an application, or else its words for developers.
    pub fn words(&self) -> &str {
        self.user_message.as_deref().unwrap_or(&self.message)
    }
}

/// What callers, and the jobs that wait, are told when Stripe refuses our own key.
pub const KEY_REFUSED: &str =
    "Payments are not possible at the moment. The platform has been told.";

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field of the request is wrong; `param` is its path, such as `lines[0].quantity`.
    #[error("{message}")]
    Invalid { param: String, message: String },
    /// As `Invalid`, with a code of its own.
    #[error("{message}")]
    InvalidWith {
        code: &'static str,
        param: String,
        message: String,
    },
    /// The body is no JSON at all.
    #[error("{0}")]
    MalformedJson(String),
    /// A client secret of Stripe's was sent; `param` is the field, or none where the address holds it. It isn't repeated.
    #[error(
        "This holds a client secret, which is for Stripe.js in the buyer's browser and is never sent to us. Send the id alone: \
         what stands before `_secret_`."
    )]
    ClientSecret { param: Option<String> },
    /// No credentials, or invalid ones.
    #[error("{1}")]
    Unauthenticated(&'static str, &'static str),
    /// The caller is known, but may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// There is no such thing, or the caller may not know of it.
    #[error("No such {0}.")]
    NotFound(&'static str),
    /// A field names something that doesn't exist, or that the caller may not know of.
    #[error("No such {what}.")]
    NoSuch {
        /// The kind of thing.
        what: &'static str,
        /// The field's path.
        param: String,
    },
    /// No such path.
    #[error("There is nothing at this path.")]
    NoRoute,
    /// The path does not take this method.
    #[error("This path does not take that method.")]
    MethodNotAllowed,
    /// The present state forbids it; the code says by which rule.
    #[error("{message}")]
    Conflict {
        code: &'static str,
        param: Option<String>,
        message: String,
    },
    /// The body is larger than the limit.
    #[error("The body is larger than {0} bytes.")]
    PayloadTooLarge(usize),
    /// The body is not of the type that this path takes.
    #[error("Send the body as {0}.")]
    UnsupportedMediaType(&'static str),
    /// Too many requests; `retry_after` is in seconds.
    #[error("Too many requests; try again in {retry_after} s.")]
    TooManyRequests { retry_after: i64 },
    /// A webhook that was refused; the code says why.
    #[error("{message}")]
    WebhookRefused { code: &'static str, message: String },
    /// The queue is full, or the database can't be reached.
    #[error("{0}")]
    Busy(String),
    /// Stripe refused definitely: nothing was done there.
    #[error("Stripe refused: {}", .0.words())]
    StripeRefused(Box<StripeFault>),
    /// The account has disconnected from the platform (docs.stripe.com/error-codes#account-invalid), so Stripe refuses all
    /// that concerns it. Its words name our key and the account, and are no caller's business.
    #[error("Payments with this shop are not possible at the moment.")]
    AccessLost { account: AccountId },
    /// Stripe refuses our own key, or lacks a permission of it (docs.stripe.com/api/errors: 401 and 403). The platform's
    /// operator can mend that, so work waits for it. Stripe's words are in the log.
    #[error("{}", KEY_REFUSED)]
    KeyRefused(Box<StripeFault>),
    /// Stripe lets this platform make no accounts as the settings ask for it, which its operator can mend. The words say how.
    #[error("Sellers can't be onboarded at the moment. For the platform's operator: {0}")]
    PlatformNotReady(String),
    /// Stripe gave no usable answer: the request may or may not have had its effect.
    #[error("Stripe gave no answer: {}", .0.message)]
    StripeUnavailable(Box<StripeFault>),
    /// The settings don't belong to this database, so the server must not run.
    #[error("{0}")]
    WrongDatabase(String),
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] DbErr),
    /// A sum does not fit in 64 bits.
    #[error("An amount is too large.")]
    Overflow,
    /// A violated invariant, or another failure of ours.
    #[error("internal: {0}")]
    Internal(String),
}

/// The result of most functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A wrong field.
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            param: param.into(),
            message: message.into(),
        }
    }

    /// A wrong field, with a code of its own.
    pub fn invalid_with(
        code: &'static str,
        param: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::InvalidWith {
            code,
            param: param.into(),
            message: message.into(),
        }
    }

    /// A conflict with the present state.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict {
            code,
            param: None,
            message: message.into(),
        }
    }

    /// A field that names nothing that the caller may know of.
    pub fn no_such(what: &'static str, param: impl Into<String>) -> Self {
        Self::NoSuch {
            what,
            param: param.into(),
        }
    }

    /// A violated invariant, or another failure of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }

    /// The HTTP status and the `code` of each variant.
    pub fn status_and_code(&self) -> (u16, &'static str) {
        match self {
            Self::Invalid { .. } | Self::Overflow => (422, "invalid_request"),
            Self::InvalidWith { code, .. } => (422, code),
            Self::MalformedJson(_) => (400, "malformed_json"),
            Self::ClientSecret { .. } => (400, "client_secret_refused"),
            Self::Unauthenticated(code, _) => (401, code),
            Self::Forbidden(_) => (403, "forbidden"),
            Self::NotFound(_) | Self::NoSuch { .. } | Self::NoRoute => (404, "not_found"),
            Self::MethodNotAllowed => (405, "method_not_allowed"),
            Self::Conflict { code, .. } => (409, code),
            Self::PayloadTooLarge(_) => (413, "payload_too_large"),
            Self::UnsupportedMediaType(_) => (415, "unsupported_media_type"),
            Self::TooManyRequests { .. } => (429, "too_many_requests"),
            Self::WebhookRefused { code, .. } => (400, code),
            Self::Busy(_) => (503, "busy"),
            Self::StripeRefused(_) => (409, "stripe_refused"),
            Self::AccessLost { .. } => (409, "seller_not_active"),
            Self::PlatformNotReady(_) => (503, "platform_not_ready"),
            Self::StripeUnavailable(_) | Self::KeyRefused(_) => (503, "stripe_unavailable"),
            Self::Database(e) if is_engine_error(e) => (503, "busy"),
            Self::Database(_) | Self::Internal(_) | Self::WrongDatabase(_) => (500, "internal"),
        }
    }

    /// The field that is at fault.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Invalid { param, .. } | Self::InvalidWith { param, .. } => Some(param),
            Self::NoSuch { param, .. } => Some(param),
            Self::Conflict { param, .. } | Self::ClientSecret { param } => param.as_deref(),
            _ => None,
        }
    }

    /// Whether the operation may work later. A job is then retried, otherwise given up.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::StripeUnavailable(_)
                | Self::KeyRefused(_)
                | Self::PlatformNotReady(_)
                | Self::Busy(_)
                | Self::TooManyRequests { .. }
                | Self::Database(_)
        )
    }

    /// Whether the transaction was aborted because of another one (PostgreSQL 40001 and 40P01), so that it can be retried.
    pub fn is_contention(&self) -> bool {
        let Self::Database(DbErr::Exec(e) | DbErr::Query(e)) = self else {
            return false;
        };
        let sea_orm::RuntimeErr::SqlxError(e) = e else {
            return false;
        };
        let code = e.as_database_error().and_then(|e| e.code());
        matches!(code.as_deref(), Some("40001" | "40P01"))
    }

    /// Whether the database itself failed, and not our statement. The whole transaction is then over.
    pub fn is_engine_error(&self) -> bool {
        matches!(self, Self::Database(e) if is_engine_error(e)) || matches!(self, Self::Busy(_))
    }
}

/// PostgreSQL 40001, 40P01, class 08, 53 and 57; SQLite BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, FULL; a lost connection.
fn is_engine_error(e: &DbErr) -> bool {
    let runtime = match e {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => return true,
        DbErr::Exec(e) | DbErr::Query(e) => e,
        _ => return false,
    };
    let sea_orm::RuntimeErr::SqlxError(e) = runtime else {
        return false;
    };
    match &**e {
        sqlx::Error::Database(e) => {
            let code = e.code().unwrap_or_default().into_owned();
            match code.parse::<i64>() {
                // SQLite gives result codes. An extended one has the primary code in its low byte.
                Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6 | 7 | 9 | 10 | 13),
                _ => {
                    matches!(code.as_str(), "40001" | "40P01" | "55P03")
                        || ["08", "53", "57"]
                            .iter()
                            .any(|class| code.starts_with(class))
                }
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}
