//! Errors in Stripe's shape: <https://docs.stripe.com/api/errors>.

use serde_json::{Value, json};

use crate::api::namespace::Namespace;

/// The result of everything that answers an API request.
pub(crate) type Answer = Result<Value, ApiError>;

/// One of Stripe's errors: an HTTP status and the fields of its `error` object.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub status: u16,
    pub kind: &'static str,
    pub code: Option<&'static str>,
    pub message: String,
    pub param: Option<String>,
    /// Fields only some errors carry, such as `decline_code` or `payment_intent`.
    pub extra: Option<Value>,
    /// Whether the work is kept: a declined payment is an error, and its attempt stays on record.
    pub keeps_work: bool,
}

impl ApiError {
    pub fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code: None,
            message: message.into(),
            param: None,
            extra: None,
            keeps_work: false,
        }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// One more field of the `error` object.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        let extra = self.extra.get_or_insert_with(|| json!({}));
        extra[name] = value;
        self
    }

    pub fn keeping_work(mut self) -> Self {
        self.keeps_work = true;
        self
    }

    /// `resource_missing`: what Stripe answers for an id it doesn't have *on this account*.
    pub fn missing(noun: &str, id: &str, param: &str) -> Self {
        Self::new(
            404,
            "invalid_request_error",
            format!("No such {noun}: '{id}'"),
        )
        .code("resource_missing")
        .param(param)
    }

    pub fn parameter_missing(param: &str) -> Self {
        Self::invalid(format!("Missing required param: {param}."))
            .code("parameter_missing")
            .param(param)
    }

    pub fn parameter_unknown(params: &[String]) -> Self {
        let noun = if params.len() == 1 {
            "parameter"
        } else {
            "parameters"
        };
        Self::invalid(format!("Received unknown {noun}: {}", params.join(", ")))
            .code("parameter_unknown")
            .param(params.first().cloned().unwrap_or_default())
    }

    /// A sum that leaves 64 bits, which no amount that Stripe accepts can reach.
    pub fn overflow() -> Self {
        Self::invalid("Invalid integer: the amount is too large.")
            .code("parameter_invalid_integer")
            .param("amount")
    }

    /// Something went wrong at Stripe's end.
    pub fn unexpected() -> Self {
        Self::new(500, "api_error", "An unknown error occurred.")
    }

    /// Whether an idempotency key keeps this answer: Stripe saves what began to execute, and not
    /// what failed validation (<https://docs.stripe.com/api/idempotent_requests>).
    pub fn executed(&self) -> bool {
        !matches!(self.status, 401 | 403 | 409 | 429)
            && self.kind != "idempotency_error"
            && !self.code.is_some_and(|c| c.starts_with("parameter_"))
    }

    /// The JSON body as it is sent to a request in a namespace.
    pub fn text(&self, namespace: Namespace, request_id: &str) -> String {
        match namespace {
            Namespace::V1 => self.body(request_id).to_string(),
            Namespace::V2 => self.v2_body().to_string(),
        }
    }

    /// The JSON body in the shape of `/v2`, where every error has a `code` and nothing links to the request's log. What v1
    /// calls `resource_missing` is `not_found` there (schemas `v2.error…` of Stripe's description).
    fn v2_body(&self) -> Value {
        let code = match (self.code, self.kind, self.status) {
            (Some("resource_missing"), ..) => "not_found",
            (Some(code), ..) if !code.starts_with("idempotency_") => code,
            (_, "idempotency_error", _) => "idempotency_error",
            (_, _, 401) => "unauthorized",
            (_, _, 403) => "forbidden",
            (_, _, 404) => "not_found",
            (_, _, 429) => "rate_limit",
            (_, "api_error", _) => "api_error",
            _ => "invalid_request",
        };
        let kind = if self.status == 429 {
            "rate_limit"
        } else {
            self.kind
        };
        let mut error = json!({ "type": kind, "code": code, "message": self.message });
        if let Some(param) = &self.param {
            error["param"] = json!(param);
        }
        if let Some(Value::Object(extra)) = &self.extra {
            // No error of `/v2` has a card's.
            for (key, value) in extra.iter().filter(|(key, _)| *key != "decline_code") {
                error[key] = value.clone();
            }
        }
        json!({ "error": error })
    }

    /// The JSON body in the shape of `/v1`. `request_id` goes into `request_log_url`.
    pub fn body(&self, request_id: &str) -> Value {
        let mut error = json!({ "type": self.kind, "message": self.message });
        if let Some(code) = self.code {
            error["code"] = json!(code);
            error["doc_url"] = json!(format!(
                "https://stripe.com/docs/error-codes/{}",
                code.replace('_', "-")
            ));
        }
        if let Some(param) = &self.param {
            error["param"] = json!(param);
        }
        if let Some(Value::Object(extra)) = &self.extra {
            for (key, value) in extra {
                error[key] = value.clone();
            }
        }
        error["request_log_url"] = json!(format!(
            "https://dashboard.stripe.com/test/logs/{request_id}"
        ));
        json!({ "error": error })
    }
}
