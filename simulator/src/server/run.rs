//! Idempotency, the route, and the answer: <https://docs.stripe.com/api/idempotent_requests>.

use std::time::Duration;

use axum::{body::Body, http::Response};
use serde_json::Value;

use super::{Request, Version, api_versions, browsers, build, identity, refuse};
use crate::{
    api::{self, Call, namespace::Namespace},
    engine::{Engine, SaveAnswer},
    error::ApiError,
    fields,
    form::Node,
    journal::Saved,
    routes,
    shape::Shape,
    store::{Kind, RequestOrigin, Tx},
};

/// What a fault does to a request.
pub(super) enum Injection {
    None,
    Delay(Duration),
    /// Nothing is done, and this is the answer.
    Error(ApiError),
    /// The work is done, and the answer is a 500 all the same.
    ErrorAfterCommit,
}

/// Frees an idempotency key when its request ends, however it ends.
struct InFlight<'a>(&'a Engine, Option<String>);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.1 {
            self.0.lock().in_flight.remove(key);
        }
    }
}

pub(super) async fn run(
    engine: &Engine,
    request: &Request<'_>,
    injection: Injection,
) -> Response<Body> {
    // A key means one thing on one account (the platform's own key is the empty name).
    let scope = request
        .key
        .map(|key| format!("{}\n{key}", request.account.unwrap_or_default()));
    match claim(engine, request, scope.as_deref()) {
        Ok(None) => {}
        Ok(Some(saved)) => return replay(saved, request),
        Err(error) => return refuse(request.namespace, &error, &request.id),
    }
    let flight = InFlight(engine, scope.clone());
    if let Injection::Delay(time) = injection {
        tokio::time::sleep(time).await;
    }
    let answer = match injection {
        Injection::Error(error) => Err(error),
        injection => execute(
            engine,
            request,
            scope.as_deref(),
            matches!(injection, Injection::ErrorAfterCommit),
        ),
    };
    let response = match answer {
        Ok(text) => respond(200, text, request),
        Err(error) => {
            let text = error.text(request.namespace, &request.id);
            let kept = replayed(engine, request, &error) && !error.keeps_work;
            if let Some(scope) = scope.filter(|_| kept) {
                let saved = saved(request, error.status, &text, engine.now());
                if let Err(lost) = engine.lock().save_answer(scope, saved) {
                    return refuse(request.namespace, &lost, &request.id);
                }
            }
            respond(error.status, text, request)
        }
    };
    drop(flight);
    response
}

/// Whether a key keeps a refusal. In `/v2` what failed is tried again: a 500 always, and whether a definite refusal is too
/// is an open question (<https://docs.stripe.com/api-v2-overview#idempotency>).
fn replayed(engine: &Engine, request: &Request<'_>, error: &ApiError) -> bool {
    let tried_again = request.namespace == Namespace::V2
        && (error.status >= 500 || engine.lock().assumptions.get("v2_refusals") == "tried_again");
    error.executed() && !tried_again
}

fn saved(request: &Request<'_>, status: u16, answer: &str, at: i64) -> Saved {
    Saved {
        path: request.path.to_owned(),
        body: request.form.to_owned(),
        status,
        answer: answer.to_owned(),
        request: request.id.clone(),
        at,
    }
}

/// Looks a key up and holds it.
fn claim(
    engine: &Engine,
    request: &Request<'_>,
    scope: Option<&str>,
) -> Result<Option<Saved>, ApiError> {
    let (Some(scope), Some(key)) = (scope, request.key) else {
        return Ok(None);
    };
    if key.is_empty() {
        return Err(ApiError::invalid(
            "Idempotency Key must be a non-empty string.",
        ));
    }
    if key.len() > 255 {
        return Err(ApiError::invalid(
            "Idempotency keys can have up to 255 characters.",
        ));
    }
    let mut core = engine.lock();
    let now = core.now();
    if let Some(saved) = core.saved.get(scope).filter(|saved| saved.is_kept(now)) {
        let other = |message| Err(ApiError::new(400, "idempotency_error", message));
        if saved.path != request.path {
            return other(format!(
                "Keys for idempotent requests can only be used for the same endpoint they were first used for ('{}' vs '{}'). Try using a key other than '{key}' if you meant to execute a different request.",
                request.path, saved.path
            ));
        }
        if saved.body != request.form {
            return other(format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
            ));
        }
        return Ok(Some(saved.clone()));
    }
    if !core.in_flight.insert(scope.to_owned()) {
        return Err(ApiError::new(409, "idempotency_error", "There is currently another in-progress request using this Idempotency Key (that probably means you submitted twice, and the other request is still going through).").code("idempotency_key_in_use"));
    }
    Ok(None)
}

/// A request's parameters, checked against its route's shape; in `/v2` also as the JSON that they came as.
fn parameters(
    request: &Request<'_>,
    route: &str,
    shape: &Shape,
) -> Result<(Node, Value), ApiError> {
    if request.namespace == Namespace::V2 && request.method == "POST" {
        let text = if request.form.trim().is_empty() {
            "{}"
        } else {
            request.form
        };
        let body: Value = serde_json::from_str(text)
            .ok()
            .filter(|body: &Value| body.is_object() && !text.contains("\\u0000"))
            .ok_or_else(|| {
                ApiError::invalid("The request body must be a JSON object, without NUL characters.")
                    .code("invalid_json")
            })?;
        shape.check_json(&body)?;
        return Ok((Node::of(&body), body));
    }
    let mut form = Node::parse(request.form)?;
    api_versions::translate(request.version, route, shape, &mut form);
    shape.check(&form)?;
    Ok((form, Value::Null))
}

/// Refuses what the key, or the platform, may not do.
fn permit(engine: &Engine, request: &Request<'_>, route: &str) -> Result<(), ApiError> {
    identity::permit(request.auth, route)?;
    let core = engine.lock();
    let (auth, version) = (request.auth, request.named_version);
    core.platform
        .permit(route, auth, version, &core.assumptions)
}

/// Runs the route, and returns the text of the object. A `spoiled` answer is saved as a 500, which `/v2` never keeps: there
/// a key whose work is done has that work's answer.
fn execute(
    engine: &Engine,
    request: &Request<'_>,
    scope: Option<&str>,
    spoiled: bool,
) -> Result<String, ApiError> {
    let unknown = || {
        ApiError::new(
            404,
            "invalid_request_error",
            format!(
                "Unrecognized request URL ({}: {}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.",
                request.method, request.path
            ),
        )
    };
    let (entry, ids) = routes::find(request.method, request.path).ok_or_else(unknown)?;
    let route = format!("{} {}", request.method, entry.path());
    permit(engine, request, &route)?;
    let (form, body) = parameters(request, &route, entry.shape)?;
    fields::check(request.path, &form)?;
    api::expands::check(&route, &form)?;
    let origin = RequestOrigin {
        request_id: Some(request.id.clone()),
        idempotency_key: request.key.map(str::to_owned),
    };
    let keep = |answer: &Result<String, ApiError>, at: i64| {
        let kept = match answer {
            Ok(_) if spoiled && request.namespace == Namespace::V1 => {
                let error = ApiError::unexpected();
                saved(
                    request,
                    500,
                    &error.text(request.namespace, &request.id),
                    at,
                )
            }
            Ok(text) => saved(request, 200, text, at),
            Err(error) => {
                let text = error.text(request.namespace, &request.id);
                saved(request, error.status, &text, at)
            }
        };
        (scope.unwrap_or_default().to_owned(), kept)
    };
    let keep: Option<SaveAnswer<'_, String>> = match scope {
        Some(_) => Some(&keep),
        None => None,
    };
    let answer = engine.lock().transact(origin, keep, |tx| {
        let owner = acting_account(tx, request.account)?;
        let call = Call {
            args: &form,
            body: &body,
            ids,
            owner: &owner,
            path: request.path,
            key: request.auth,
        };
        identity::check_client_secret(tx, &call)?;
        enter_clock(tx, &call);
        let mut answer = (entry.run)(tx, &call)
            .map_err(|error| missing_reference(tx, &call, error))
            .map_err(|error| browsers::hide_private_of(call.key, error))?;
        api::lists::expand(tx, &form, &mut answer);
        browsers::hide_private(call.key, &mut answer);
        Ok(answer.to_string())
    });
    if request.method != "GET" {
        engine.wake.notify_one();
    }
    match answer {
        Ok(_) if spoiled => Err(ApiError::unexpected()),
        answer => answer,
    }
}

/// Both 400 and 404 have been seen for a parameter that names a missing object.
fn missing_reference(tx: &Tx<'_>, call: &Call<'_>, error: ApiError) -> ApiError {
    let named = error
        .param
        .as_deref()
        .filter(|_| error.code == Some("resource_missing") && call.path.starts_with("/v1/"))
        .map(|param| param.replace('[', ".").replace(']', ""))
        .is_some_and(|path| call.args.at(&path).is_some());
    if named && tx.assumptions.get("missing_reference") == "400" {
        ApiError {
            status: 400,
            ..error
        }
    } else {
        error
    }
}

/// Runs a request about an object on a test clock in that clock's time. Refunds move only money,
/// which keeps the account's time.
fn enter_clock(tx: &mut Tx<'_>, call: &Call<'_>) {
    if call.path.starts_with("/v1/refunds") {
        return;
    }
    let named = call
        .args
        .children()
        .iter()
        .filter_map(|(_, node)| match node {
            Node::Leaf(text) => Some(text.as_str()),
            Node::Tree(_) => None,
        });
    let on_clock = |id: &&str| {
        tx.get(id).is_some_and(|r| {
            r.owner == call.owner && (r.clock.is_some() || r.kind == Kind::TestClock)
        })
    };
    let found = call.ids.iter().copied().chain(named).find(on_clock);
    if let Some(id) = found.map(str::to_owned) {
        tx.on_clock_of(&id);
    }
}

/// The account a request acts on: <https://docs.stripe.com/connect/authentication>. `Stripe-Context` may name the way to
/// it from the platform, `acct_platform/acct_connected` (<https://docs.stripe.com/context>).
fn acting_account(tx: &Tx<'_>, account: Option<&str>) -> Result<String, ApiError> {
    let platform = format!("{}/", tx.store().platform);
    match account.map(|id| id.strip_prefix(&platform).unwrap_or(id)) {
        None => Ok(tx.platform()),
        // A platform may name itself.
        Some(id) if id == tx.store().platform => Ok(id.to_owned()),
        Some(id) => api::connected(tx, id)
            .map(|r| r.id.clone())
            .ok_or_else(|| api::no_access(id)),
    }
}

fn replay(saved: Saved, request: &Request<'_>) -> Response<Body> {
    let builder = headers(request)
        .header("Idempotent-Replayed", "true")
        .header("Original-Request", saved.request);
    build(saved.status, saved.answer, &request.id, builder)
}

fn respond(status: u16, text: String, request: &Request<'_>) -> Response<Body> {
    let mut builder = headers(request);
    if request.key.is_some() {
        builder = builder.header("Original-Request", &request.id);
    }
    build(status, text, &request.id, builder)
}

fn headers(request: &Request<'_>) -> axum::http::response::Builder {
    let mut builder = Response::builder();
    if let Some(key) = request.key {
        builder = builder.header("Idempotency-Key", key);
    }
    if let Some(account) = request.account {
        builder = builder.header("Stripe-Account", account);
    }
    if request.version != Version::Current {
        builder = builder.header(
            "Simulator-Note",
            "asked for in an older version, answered in the shape of Stripe-Version",
        );
    }
    builder
}
