//! Authentication and API versions: <https://docs.stripe.com/api/authentication>,
//! <https://docs.stripe.com/api/versioning>.

use base64::Engine as _;

use crate::{
    api::{Call, Key, namespace::Namespace},
    error::ApiError,
    events::API_VERSION,
    store::Tx,
};

const MISSING: &str = "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.";

/// Accepts any test key, and refuses live ones.
pub(crate) fn authenticate(header: Option<&str>) -> Result<Key, ApiError> {
    let refuse = |message: &str| Err(ApiError::new(401, "invalid_request_error", message));
    let Some((scheme, rest)) = header.and_then(|h| h.split_once(' ')) else {
        return refuse(MISSING);
    };
    let key = if scheme.eq_ignore_ascii_case("basic") {
        base64::engine::general_purpose::STANDARD
            .decode(rest.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|pair| pair.split(':').next().map(str::to_owned))
            .unwrap_or_default()
    } else {
        rest.trim().to_owned()
    };
    if key.is_empty() {
        return refuse(MISSING);
    }
    if ["sk_live_", "rk_live_", "pk_live_"]
        .iter()
        .any(|p| key.starts_with(p))
    {
        return refuse(
            "This is a simulator: it takes test keys only, and a live key must never be sent to it.",
        );
    }
    if key.starts_with("sk_test_") {
        return Ok(Key::Secret);
    }
    if key.starts_with("rk_test_") {
        return Ok(Key::Restricted);
    }
    if key.starts_with("pk_test_") {
        return Ok(Key::Publishable);
    }
    let shown: String = key.chars().take(4).collect();
    refuse(&format!("Invalid API Key provided: {shown}****"))
}

/// The refusal of a key that was rolled or revoked (<https://docs.stripe.com/error-codes#api-key-expired>).
pub(crate) fn expired_key() -> ApiError {
    ApiError::new(
        401,
        "invalid_request_error",
        "Expired API Key provided: sk_test_*********************",
    )
    .code("api_key_expired")
}

/// The refusal of a restricted key (<https://docs.stripe.com/keys#limit-access>).
pub(crate) fn no_permission() -> ApiError {
    ApiError::new(
        403,
        "invalid_request_error",
        "The provided key 'rk_test_*********************' does not have the required permissions for this endpoint.",
    )
}

/// The routes of a publishable key: it makes tokens and payment methods, and finishes payments
/// whose client secret it knows.
const PUBLISHABLE: [&str; 10] = [
    "POST /v1/tokens",
    "GET /v1/tokens/{token}",
    "POST /v1/payment_methods",
    "GET /v1/payment_intents/{intent}",
    "POST /v1/payment_intents/{intent}/confirm",
    "GET /v1/setup_intents/{intent}",
    "POST /v1/setup_intents/{intent}/confirm",
    "POST /v1/sources",
    "POST /v2/core/account_tokens",
    "POST /v2/core/accounts/{account_id}/person_tokens",
];

/// Whether a publishable key may make a request of this route.
pub(super) fn is_public(route: &str) -> bool {
    PUBLISHABLE.contains(&route)
}

/// Refuses a publishable key where Stripe wants a secret one.
pub(crate) fn permit(key: Key, route: &str) -> Result<(), ApiError> {
    if key != Key::Publishable || is_public(route) {
        return Ok(());
    }
    Err(ApiError::new(
        401,
        "invalid_request_error",
        "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of your API keys at https://dashboard.stripe.com/account/apikeys.",
    )
    .code("secret_key_required"))
}

/// A client secret that is given must be the intent's own, and a publishable key must give it.
pub(crate) fn check_client_secret(tx: &Tx<'_>, call: &Call<'_>) -> Result<(), ApiError> {
    let id = call.id();
    let Some(secret) = tx
        .get(id)
        .and_then(|r| r.value["client_secret"].as_str().map(str::to_owned))
        .filter(|_| id.starts_with("pi_") || id.starts_with("seti_"))
    else {
        return Ok(());
    };
    match call.args.text("client_secret") {
        Some(given) if given != secret => {
            let noun = if id.starts_with("pi_") {
                "PaymentIntent"
            } else {
                "SetupIntent"
            };
            Err(ApiError::invalid(format!("The client_secret provided does not match the client_secret associated with the {noun}."))
                .code("payment_intent_invalid_parameter")
                .param("client_secret"))
        }
        None if call.key == Key::Publishable => Err(ApiError::parameter_missing("client_secret")),
        _ => Ok(()),
    }
}

/// The version a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// The present version, or a newer one.
    Current,
    /// An older version. It is answered in the present shape, and the header `Simulator-Note` says
    /// so.
    Older,
    /// A version from before payment intents accepted all payment methods by default.
    Oldest,
}

/// The version since which payment intents accept all payment methods of the dashboard by default.
const AUTOMATIC_METHODS: &str = "2023-08-16";

/// Stripe's CLI sends no version and its fixtures are of many years, so it counts as oldest. In `/v2` every request
/// names its version (<https://docs.stripe.com/api/versioning>).
pub(crate) fn version(
    namespace: Namespace,
    header: Option<&str>,
    agent: Option<&str>,
) -> Result<Version, ApiError> {
    let Some(text) = header else {
        if namespace == Namespace::V2 {
            return Err(ApiError::invalid(
                "You must provide an API version in the Stripe-Version header for requests to APIs in the v2 namespace.",
            )
            .code("api_version_required"));
        }
        let cli = agent.is_some_and(|agent| agent.contains("stripe-cli/"));
        return Ok(if cli {
            Version::Oldest
        } else {
            Version::Current
        });
    };
    // Preview versions may carry betas: `2026-09-30.preview; some_beta=v1`.
    let name = text.split(';').next().unwrap_or_default().trim();
    let (date, train) = name.split_once('.').unwrap_or((name, ""));
    let format = time::macros::format_description!("[year]-[month]-[day]");
    let known = time::Date::parse(date, format).is_ok_and(|day| day.year() >= 2011)
        && train.chars().all(|c| c.is_ascii_lowercase())
        && !name.ends_with('.');
    if !known {
        return Err(ApiError::invalid(format!(
            "Invalid Stripe API version: {text}"
        )));
    }
    let ours = API_VERSION.split('.').next().unwrap_or_default();
    Ok(if date >= ours {
        Version::Current
    } else if date >= AUTOMATIC_METHODS {
        Version::Older
    } else {
        Version::Oldest
    })
}
