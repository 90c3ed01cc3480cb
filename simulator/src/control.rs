//! The control API under `/_simulator`: what the library does, over HTTP.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    middleware::from_fn,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Simulator,
    accounts::onboarding::{self, Details, Restriction},
    balance::{given, payouts},
    billing::settings,
    checkout::pay::{self, Outcome, Payment},
    clock::MAX_ADVANCE,
    customers::{
        configurations::{self, Parent},
        renewal::{self, Renewal},
    },
    error::ApiError,
    pages,
    payments::{
        confirm::{self, Challenge},
        disputes, refunds, setup, warnings,
    },
    store::Tx,
};

mod guard;
mod network;

type JsonResult = Result<Json<Value>, ApiError>;

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(self.body("req_control"))).into_response()
    }
}

pub(crate) fn router() -> Router<Simulator> {
    let accounts = Router::new()
        .route("/{account}/onboard", post(onboard))
        .route("/{account}/restrict", post(restrict))
        .route("/{account}/unrestrict", post(unrestrict))
        .route("/{account}/reject", post(reject))
        .route("/{account}/deauthorize", post(deauthorize))
        .route("/{account}/reauthorize", post(reauthorize))
        .route("/{account}/mend_payouts", post(reenable_banks))
        .route("/{account}/balance_transactions", post(book))
        .route("/{account}/billing_settings", post(set_billing))
        .route("/{account}/events", post(emit));
    let routes = Router::new()
        .route("/clock", get(clock))
        .route("/clock/advance", post(advance))
        .route(
            "/oracle",
            get(async |State(s): State<Simulator>| Json(s.oracle().await)),
        )
        .route("/assumptions", get(assumptions).post(assume))
        .nest("/accounts", accounts)
        .route("/checkout/sessions/{id}/pay", post(pay))
        .route("/checkout/sessions/{id}/settle", post(settle))
        .route("/payment_intents/{id}/challenge", post(challenge))
        .route("/setup_intents/{id}/challenge", post(challenge_setup))
        .route("/payment_intents/{id}/settle", post(settle_intent))
        .route("/payment_methods/{id}/renew", post(renew))
        .route("/payment_method_configurations", post(configure))
        .route("/payouts/{id}/fail", post(fail_payout))
        .route("/refunds/{id}/fail", post(fail_refund))
        .route("/refunds/{id}/succeed", post(succeed_refund))
        .route("/refunds/{id}/require_action", post(require_action))
        .route("/refunds/{id}/hold", post(hold_refund))
        .route("/charges/{id}/dispute", post(dispute))
        .route("/charges/{id}/early_fraud_warning", post(warn))
        .route("/disputes/{id}/decide", post(decide_dispute))
        .merge(network::router());
    Router::new()
        .route(
            "/",
            get(async || axum::response::Redirect::to("/_simulator")),
        )
        .merge(pages::control::router())
        .nest("/_simulator", routes)
        .layer(from_fn(guard::guard))
}

/// Reads a JSON body of any content type. An empty body means all defaults.
fn read<T: for<'a> Deserialize<'a>>(body: &str) -> Result<T, ApiError> {
    let text = if body.trim().is_empty() { "{}" } else { body };
    serde_json::from_str(text).map_err(|e| ApiError::invalid(format!("Invalid JSON: {e}")))
}

fn work(
    simulator: &Simulator,
    work: impl FnOnce(&mut Tx<'_>) -> Result<Value, ApiError>,
) -> JsonResult {
    simulator.engine().work(work).map(Json)
}

async fn clock(State(s): State<Simulator>) -> Json<Value> {
    let core = s.engine().lock();
    Json(json!({ "now": core.now(), "mode": if core.is_manual() { "manual" } else { "real" } }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: i64,
}

async fn advance(State(s): State<Simulator>, body: String) -> JsonResult {
    let Advance { seconds } = read(&body)?;
    if seconds < 0 {
        return Err(ApiError::invalid("The clock only moves forward.").param("seconds"));
    }
    if seconds > MAX_ADVANCE {
        return Err(
            ApiError::invalid("The clock moves ten years at a time at most.").param("seconds"),
        );
    }
    Ok(Json(json!({ "now": s.engine().advance(seconds) })))
}

async fn assumptions(State(s): State<Simulator>) -> Json<Value> {
    Json(s.engine().lock().assumptions.to_json())
}

async fn assume(State(s): State<Simulator>, body: String) -> JsonResult {
    let wanted = read(&body)?;
    let mut core = s.engine().lock();
    core.assumptions.set_all(&wanted)?;
    Ok(Json(core.assumptions.to_json()))
}

async fn onboard(State(s): State<Simulator>, Path(id): Path<String>, body: String) -> JsonResult {
    let details: Details = read(&body)?;
    work(&s, |tx| onboarding::onboard(tx, &id, &details))
}

async fn restrict(State(s): State<Simulator>, Path(id): Path<String>, body: String) -> JsonResult {
    let how: Restriction = read(&body)?;
    work(&s, |tx| onboarding::restrict(tx, &id, &how))
}

async fn unrestrict(State(s): State<Simulator>, Path(id): Path<String>) -> JsonResult {
    work(&s, |tx| onboarding::unrestrict(tx, &id))
}

async fn reject(State(s): State<Simulator>, Path(id): Path<String>) -> JsonResult {
    work(&s, |tx| onboarding::reject(tx, &id, "other"))
}

async fn reauthorize(State(s): State<Simulator>, Path(id): Path<String>) -> JsonResult {
    work(&s, |tx| onboarding::reauthorize(tx, &id))
}

async fn deauthorize(State(s): State<Simulator>, Path(id): Path<String>) -> JsonResult {
    work(&s, |tx| onboarding::deauthorize(tx, &id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Emit {
    r#type: String,
    object: Value,
}

/// Emits any event at all on an account: for odd shapes and types not simulated yet.
async fn emit(State(s): State<Simulator>, Path(id): Path<String>, body: String) -> JsonResult {
    let Emit { r#type, object } = read(&body)?;
    work(&s, |tx| {
        tx.get(&id)
            .ok_or_else(|| ApiError::missing("account", &id, "account"))?;
        tx.emit(&r#type, &id, &object);
        Ok(json!({ "emitted": r#type }))
    })
}

/// Writes any balance transaction at all: see [`given::Given`].
async fn book(State(s): State<Simulator>, Path(id): Path<String>, body: String) -> JsonResult {
    let given: given::Given = read(&body)?;
    work(&s, |tx| given::create(tx, &id, given))
}

/// Sets what an account sets for billing in its Dashboard.
async fn set_billing(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    body: String,
) -> JsonResult {
    let wanted: settings::Settings = read(&body)?;
    work(&s, |tx| settings::set(tx, &id, &wanted))
}

async fn pay(State(s): State<Simulator>, Path(id): Path<String>, body: String) -> JsonResult {
    let payment: Payment = read(&body)?;
    work(&s, |tx| {
        let outcome = pay::pay(tx, &id, &payment)?;
        let session = pay::session(tx, &id)?;
        let (error, redirect) = match outcome {
            Outcome::Completed(url) => (Value::Null, json!(url)),
            Outcome::Declined { code, message } => {
                (json!({ "code": code, "message": message }), Value::Null)
            }
            Outcome::Challenge => (
                Value::Null,
                json!(format!("{}/c/pay/{id}/challenge", tx.base_url)),
            ),
        };
        Ok(json!({
            "status": session.value["status"],
            "payment_status": session.value["payment_status"],
            "error": error,
            "redirect": redirect,
        }))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settle {
    outcome: Settled,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Settled {
    Succeed,
    Fail,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    outcome: Challenge,
}

async fn challenge(State(s): State<Simulator>, Path(id): Path<String>, body: String) -> JsonResult {
    let Answered { outcome } = read(&body)?;
    work(&s, |tx| {
        confirm::challenge(tx, &id, outcome)?;
        Ok(tx.get(&id).map(|r| r.value.clone()).unwrap_or_default())
    })
}

async fn challenge_setup(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    body: String,
) -> JsonResult {
    let Answered { outcome } = read(&body)?;
    work(&s, |tx| {
        setup::challenge(tx, &id, outcome)?;
        Ok(tx.get(&id).map(|r| r.value.clone()).unwrap_or_default())
    })
}

async fn settle_intent(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    body: String,
) -> JsonResult {
    let Settle { outcome } = read(&body)?;
    work(&s, |tx| {
        confirm::settle(tx, &id, outcome == Settled::Succeed)
    })
}

async fn settle(State(s): State<Simulator>, Path(id): Path<String>, body: String) -> JsonResult {
    let Settle { outcome } = read(&body)?;
    work(&s, |tx| pay::settle(tx, &id, outcome == Settled::Succeed))
}

/// The network renews a saved card.
async fn renew(State(s): State<Simulator>, Path(id): Path<String>, body: String) -> JsonResult {
    let how: Renewal = read(&body)?;
    work(&s, |tx| renewal::renew(tx, &id, &how))
}

/// The platform sets in its Dashboard what its connected accounts may be paid by.
async fn configure(State(s): State<Simulator>, body: String) -> JsonResult {
    let parent: Parent = read(&body)?;
    work(&s, |tx| configurations::set_parent(tx, &parent))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    #[serde(default = "could_not_process")]
    failure_code: String,
}

fn could_not_process() -> String {
    "could_not_process".to_owned()
}

async fn fail_payout(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    body: String,
) -> JsonResult {
    let Failure { failure_code } = read(&body)?;
    work(&s, |tx| payouts::fail(tx, &id, &failure_code))
}

async fn reenable_banks(State(s): State<Simulator>, Path(id): Path<String>) -> JsonResult {
    work(&s, |tx| payouts::reenable_banks(tx, &id))
}

async fn fail_refund(State(s): State<Simulator>, Path(id): Path<String>) -> JsonResult {
    work(&s, |tx| refunds::fail(tx, &id))
}

async fn succeed_refund(State(s): State<Simulator>, Path(id): Path<String>) -> JsonResult {
    work(&s, |tx| refunds::succeed(tx, &id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hold {
    pending_reason: String,
}

async fn hold_refund(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    body: String,
) -> JsonResult {
    let Hold { pending_reason } = read(&body)?;
    work(&s, |tx| refunds::hold(tx, &id, &pending_reason))
}

async fn require_action(State(s): State<Simulator>, Path(id): Path<String>) -> JsonResult {
    work(&s, |tx| refunds::require_action(tx, &id))
}

async fn dispute(State(s): State<Simulator>, Path(id): Path<String>, body: String) -> JsonResult {
    let how: disputes::DisputeParams = read(&body)?;
    work(&s, |tx| disputes::open(tx, &id, &how))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    outcome: disputes::Verdict,
}

async fn decide_dispute(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    body: String,
) -> JsonResult {
    let Decision { outcome } = read(&body)?;
    work(&s, |tx| disputes::decide(tx, &id, outcome))
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Warning {
    fraud_type: String,
}

impl Default for Warning {
    fn default() -> Self {
        Self {
            fraud_type: "made_with_stolen_card".to_owned(),
        }
    }
}

/// The issuer of a charge's card suspects fraud.
async fn warn(State(s): State<Simulator>, Path(id): Path<String>, body: String) -> JsonResult {
    let Warning { fraud_type } = read(&body)?;
    work(&s, |tx| warnings::warn(tx, &id, &fraud_type))
}
