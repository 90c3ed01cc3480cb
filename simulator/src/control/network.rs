//! What goes wrong between Stripe and an application: faults, rate limits, deliveries.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{JsonResult, read, work};
use crate::{
    Deliveries, Fault, Platform, RateLimits, Simulator,
    delivery::{DeliveryRules, history},
    error::ApiError,
    webhooks,
};

pub(super) fn router() -> Router<Simulator> {
    Router::new()
        .route("/faults", get(faults).post(fault).delete(clear))
        .route("/rate_limits", get(limits).post(set_limits))
        .route("/platform", get(platform).post(set_platform))
        .route(
            "/events/pending",
            get(async |State(s): State<Simulator>| Json(s.pending_events().await)),
        )
        .route(
            "/events/deliver_pending",
            post(async |State(s): State<Simulator>| Json(s.deliver_pending().await)),
        )
        .route("/events/drop_pending", post(drop_pending))
        .route("/events/{id}/deliver", post(deliver))
        .route("/events/{id}/deliveries", get(deliveries_of))
        .route("/deliveries", get(rules).post(set_rules))
        .route("/webhook_endpoints", post(ensure))
        .route("/webhook_endpoints/{id}/roll", post(roll))
}

async fn faults(State(s): State<Simulator>) -> Json<Vec<Fault>> {
    Json(s.engine().lock().faults.list().to_vec())
}

async fn fault(State(s): State<Simulator>, body: String) -> JsonResult {
    let fault: Fault = read(&body)?;
    fault.check()?;
    s.fault(fault.clone()).await;
    Ok(Json(json!(fault)))
}

async fn clear(State(s): State<Simulator>) -> Json<Value> {
    s.clear_faults().await;
    Json(json!({ "cleared": true }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    mode: RateLimits,
}

async fn limits(State(s): State<Simulator>) -> Json<Value> {
    Json(json!({ "mode": s.engine().lock().limiter.mode }))
}

async fn set_limits(State(s): State<Simulator>, body: String) -> JsonResult {
    let Limits { mode } = read(&body)?;
    s.limit_rates(mode).await;
    Ok(limits(State(s)).await)
}

async fn platform(State(s): State<Simulator>) -> Json<Platform> {
    Json(s.engine().lock().platform)
}

/// What isn't named is allowed again.
async fn set_platform(State(s): State<Simulator>, body: String) -> JsonResult {
    let platform: Platform = read(&body)?;
    s.set_platform(platform).await;
    Ok(Json(json!(platform)))
}

async fn drop_pending(State(s): State<Simulator>) -> Json<Value> {
    Json(json!({ "dropped": s.drop_pending().await }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Times {
    #[serde(default = "once")]
    times: usize,
}

fn once() -> usize {
    1
}

async fn deliver(State(s): State<Simulator>, Path(id): Path<String>, body: String) -> JsonResult {
    let Times { times } = read(&body)?;
    if s.engine().lock().store.get(&id).is_none() {
        return Err(ApiError::missing("event", &id, "id"));
    }
    Ok(Json(json!(s.deliver(&id, times.min(1000)).await)))
}

async fn deliveries_of(State(s): State<Simulator>, Path(id): Path<String>) -> Json<Vec<Value>> {
    Json(history(&s.engine().lock(), &id))
}

async fn rules(State(s): State<Simulator>) -> Json<DeliveryRules> {
    Json(s.engine().lock().rules.clone())
}

/// A mode sets all rules to its own. Other fields then change single rules.
async fn set_rules(State(s): State<Simulator>, body: String) -> JsonResult {
    let wanted: serde_json::Map<String, Value> = read(&body)?;
    let changed = {
        let mut core = s.engine().lock();
        let base = match wanted.get("mode") {
            None => core.rules.clone(),
            Some(mode) => DeliveryRules {
                drop_types: core.rules.drop_types.clone(),
                ..DeliveryRules::new(parse::<Deliveries>(mode.clone())?)
            },
        };
        let mut merged = json!(base);
        for (name, value) in wanted {
            merged[name] = value;
        }
        let rules: DeliveryRules = parse(merged)?;
        rules.check()?;
        core.rules = rules;
        json!(core.rules)
    };
    s.engine().wake.notify_one();
    Ok(Json(changed))
}

fn parse<T: for<'a> Deserialize<'a>>(value: Value) -> Result<T, ApiError> {
    serde_json::from_value(value).map_err(|e| ApiError::invalid(format!("Invalid JSON: {e}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ensure {
    name: String,
    url: String,
    #[serde(default)]
    connect: bool,
}

async fn ensure(State(s): State<Simulator>, body: String) -> JsonResult {
    let Ensure { name, url, connect } = read(&body)?;
    Ok(Json(json!(s.ensure(&name, &url, connect)?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Roll {
    /// Seconds for which the old secret signs along.
    #[serde(default = "webhooks::overlap")]
    expires_in: i64,
}

async fn roll(State(s): State<Simulator>, Path(id): Path<String>, body: String) -> JsonResult {
    let Roll { expires_in } = read(&body)?;
    work(&s, |tx| webhooks::roll(tx, &id, expires_in))
}
