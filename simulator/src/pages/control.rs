//! The control page: the clock, upcoming work, events and their deliveries, faults.

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{Form, Path, State},
    response::Response,
    routing::{get, post},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    dashboard,
    html::{Field, badge, error_page, page, see_other, table, when},
};
use crate::{
    Fault, Simulator,
    assumptions::ASSUMPTIONS,
    clock::MAX_ADVANCE,
    delivery::history,
    engine::Core,
    error::ApiError,
    store::{Kind, Record},
};

const ROWS: usize = 30;
const UPCOMING_ROWS: usize = 10;
const STEPS: [(i64, &str); 6] = [
    (60, "A minute"),
    (3600, "An hour"),
    (86_400, "A day"),
    (7 * 86_400, "A week"),
    (31 * 86_400, "31 days"),
    (366 * 86_400, "A year"),
];
const KINDS: [(&str, &str); 8] = [
    ("commit_then_timeout", "Done, but never answered"),
    ("timeout_before_commit", "Neither done nor answered"),
    ("commit_then_error500", "Done, but answered 500"),
    ("error500", "500"),
    ("error429", "429 rate limit"),
    ("lock_timeout", "429 lock timeout"),
    ("error402", "402 card declined"),
    ("reset", "Connection reset"),
];

pub(crate) fn router() -> Router<Simulator> {
    Router::new()
        .route("/_simulator", get(show))
        .route("/_simulator/page/advance", post(advance))
        .route("/_simulator/page/next", post(next))
        .route("/_simulator/page/faults", post(arm))
        .route("/_simulator/page/faults/clear", post(disarm))
        .route("/_simulator/page/assumptions", post(assume))
        .route(
            "/_simulator/page/events/{id}",
            get(show_event).post(redeliver),
        )
        .route("/_simulator/page/accounts/{id}", get(show_account))
}

async fn show(State(s): State<Simulator>) -> Response {
    let core = s.engine().lock();
    let main = html! {
        main {
            h1 { "Simulated Stripe" }
            section.panel { h2 { "Clock" } (clock(&core)) }
            section.panel { h2 { "What falls due next" } (upcoming(&core)) }
            section.panel { h2 { "Last events" } (events(&core)) }
            section.panel { h2 { "Accounts" } (accounts(&core)) }
            section.panel { h2 { "Faults" } (faults(&core)) }
            section.panel { h2 { "Assumptions" } (assumptions(&core)) }
            section.panel {
                h2 { "As JSON" }
                ul {
                    li { a href="/_simulator/oracle" { "Everything that happened" } }
                    li { a href="/_simulator/events/pending" { "Events not yet delivered" } }
                    li { a href="/_simulator/deliveries" { "How deliveries go wrong" } }
                    li { a href="/_simulator/rate_limits" { "Rate limits" } }
                }
            }
        }
    };
    page("Control", main)
}

fn clock(core: &Core) -> Markup {
    let mode = match core.is_manual() {
        true => "stands still until it is moved",
        false => "runs with the wall clock",
    };
    html! {
        p.total { (when(core.now())) " UTC" }
        p.soft { "It " (mode) ". Moving it forward does whatever falls due on the way." }
        form.steps method="post" action="/_simulator/page/advance" {
            @for (seconds, label) in STEPS { button.quiet name="seconds" value=(seconds) { (label) } }
        }
        form method="post" action="/_simulator/page/next" {
            button { "To the next thing that falls due" }
        }
    }
}

/// What a record is waiting for.
fn about(record: &Record) -> &'static str {
    match (record.kind, record.text("status")) {
        (Kind::Session, "open") => "expires",
        (Kind::Session | Kind::Intent, _) => "payment is decided",
        (Kind::Txn, _) => "becomes available",
        (Kind::Payout, _) => "moves on its way to the bank",
        (Kind::Account, _) => "is paid out",
        (Kind::Refund, _) => "is decided",
        (Kind::Dispute, _) => "is decided",
        (Kind::Subscription, _) => "period or trial ends",
        (Kind::Invoice, _) => "is finalised or tried again",
        (Kind::TestClock, _) => "advances",
        _ => "changes",
    }
}

fn upcoming(core: &Core) -> Markup {
    let rows = core
        .store
        .upcoming()
        .filter_map(|(at, id)| Some((at, core.store.get(id)?)))
        .take(UPCOMING_ROWS)
        .map(|(at, record)| {
            html! {
                tr {
                    td { (when(at)) }
                    td { (record.kind.noun()) " " (about(record)) }
                    td { code { (record.id) } }
                }
            }
        })
        .collect();
    table(
        "What falls due next",
        &["When", "What", "Id"],
        rows,
        "Nothing waits for the clock",
    )
}

fn accounts(core: &Core) -> Markup {
    let rows = core
        .store
        .list(Kind::Account, &core.store.platform)
        .rev()
        .take(ROWS)
        .map(|r| {
            let yes = |field: &str| match r.value[field] == true {
                true => "yes",
                false => "no",
            };
            let wants = match r.value["requirements"]["disabled_reason"].as_str() {
                _ if r.hidden["deauthorized"] == true => "deauthorized",
                reason => reason.unwrap_or("nothing"),
            };
            html! {
                tr {
                    td { a href={ "/_simulator/page/accounts/" (r.id) } { code { (r.id) } } @if r.id == core.store.platform { " (platform)" } }
                    td { (badge(yes("charges_enabled"))) }
                    td { (badge(yes("payouts_enabled"))) }
                    td { (wants) }
                }
            }
        })
        .collect();
    table(
        "Accounts",
        &["Account", "Charges", "Payouts", "Wants"],
        rows,
        "No accounts",
    )
}

fn events(core: &Core) -> Markup {
    let mut last: Vec<_> = core
        .store
        .list(Kind::Account, &core.store.platform)
        .flat_map(|a| core.store.list(Kind::Event, &a.id).rev().take(ROWS))
        .collect();
    last.sort_by_key(|r| std::cmp::Reverse(r.seq));
    last.truncate(ROWS);
    let rows = last
        .into_iter()
        .map(|event| {
            html! {
                tr {
                    td { (when(event.int("created"))) }
                    td { a href={ "/_simulator/page/events/" (event.id) } { (event.text("type")) } }
                    td { code { (event.value["account"].as_str().unwrap_or("platform")) } }
                    td {
                        @for delivery in history(core, &event.id) {
                            @let tries = delivery["attempts"].as_array().map_or(0, Vec::len);
                            (badge(delivery["status"].as_str().unwrap_or_default())) " "
                            @if tries > 1 { span.soft { "× " (tries) } }
                        }
                    }
                }
            }
        })
        .collect();
    table(
        "Last events",
        &["When", "Event", "Account", "Deliveries"],
        rows,
        "Nothing has happened yet",
    )
}

fn faults(core: &Core) -> Markup {
    let rows: Vec<_> = core
        .faults
        .list()
        .iter()
        .map(|f| {
            html! {
                tr {
                    td { code { (json!(f.kind).to_string().replace('"', "")) } }
                    td { (f.method.as_deref().unwrap_or("any")) " " code { (f.path_prefix) "…" } }
                    td { (f.account.as_deref().unwrap_or("any")) }
                    td { @match f.times { Some(n) => (n), None => "for ever" } }
                }
            }
        })
        .collect();
    let armed = !rows.is_empty();
    let path = Field {
        id: "path_prefix",
        label: "Paths that begin with",
        value: "/v1/",
        ..Field::default()
    };
    let times = Field {
        id: "times",
        label: "How often",
        kind: "number",
        value: "1",
        ..Field::default()
    };
    html! {
        (table("Faults", &["Fault", "Requests", "Account", "Times left"], rows, "Nothing goes wrong."))
        @if armed {
            form method="post" action="/_simulator/page/faults/clear" { button.quiet { "Disarm all" } }
        }
        form.inline method="post" action="/_simulator/page/faults" {
            div.field {
                label for="kind" { "What goes wrong" }
                select #kind name="kind" { @for (kind, label) in KINDS { option value=(kind) { (label) } } }
            }
            (path.show(None))
            (times.show(None))
            button { "Arm" }
        }
    }
}

fn assumptions(core: &Core) -> Markup {
    html! {
        p.soft { "What Stripe’s descriptions leave open. Test your application under each answer." }
        details {
            summary { (ASSUMPTIONS.len()) " switches" }
            form method="post" action="/_simulator/page/assumptions" {
                div.columns {
                    @for a in ASSUMPTIONS {
                        @let now = core.assumptions.answer(a);
                        div.field {
                            label for=(a.name) { (a.name) }
                            p.soft id={ (a.name) "-hint" } { (a.about) }
                            select id=(a.name) name=(a.name) aria-describedby={ (a.name) "-hint" } {
                                @for value in a.values { option value=(value) selected[*value == now] { (value) } }
                            }
                        }
                    }
                }
                button { "Save" }
            }
        }
    }
}

#[derive(Deserialize)]
struct AdvanceForm {
    seconds: i64,
}

async fn advance(State(s): State<Simulator>, Form(form): Form<AdvanceForm>) -> Response {
    s.engine().advance(form.seconds.clamp(0, MAX_ADVANCE));
    see_other("/_simulator")
}

async fn next(State(s): State<Simulator>) -> Response {
    let seconds = {
        let core = s.engine().lock();
        let now = core.now();
        let next = core.store.upcoming().map(|(at, _)| at - now);
        next.into_iter().find(|seconds| *seconds > 0)
    };
    s.engine().advance(seconds.unwrap_or(0).min(MAX_ADVANCE));
    see_other("/_simulator")
}

#[derive(Deserialize)]
struct FaultForm {
    kind: String,
    path_prefix: String,
    times: u32,
}

async fn arm(State(s): State<Simulator>, Form(form): Form<FaultForm>) -> Response {
    let fault = json!({ "kind": form.kind, "path_prefix": form.path_prefix, "times": form.times });
    match serde_json::from_value::<Fault>(fault) {
        Ok(fault) => {
            s.fault(fault).await;
            see_other("/_simulator")
        }
        Err(error) => error_page(&ApiError::invalid(error.to_string())),
    }
}

async fn disarm(State(s): State<Simulator>) -> Response {
    s.clear_faults().await;
    see_other("/_simulator")
}

async fn assume(
    State(s): State<Simulator>,
    Form(wanted): Form<BTreeMap<String, String>>,
) -> Response {
    match s.engine().lock().assumptions.set_all(&wanted) {
        Ok(()) => see_other("/_simulator"),
        Err(error) => error_page(&error),
    }
}

async fn show_event(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    let core = s.engine().lock();
    let Some(event) = core.store.get(&id).filter(|r| r.kind == Kind::Event) else {
        return error_page(&ApiError::missing("event", &id, "id"));
    };
    let deliveries = history(&core, &id);
    let main = html! {
        main {
            p { a href="/_simulator" { "← Control" } }
            h1 { (event.text("type")) }
            p { (when(event.int("created"))) " · " code { (event.id) } " · " code { (event.value["account"].as_str().unwrap_or("platform")) } }
            section.panel {
                h2 { "Deliveries" }
                @if deliveries.is_empty() { p.soft { "No webhook endpoint wanted it." } }
                @for delivery in &deliveries { (delivered(&core, delivery)) }
                @if !deliveries.is_empty() {
                    form method="post" { button { "Deliver again" } }
                }
            }
            section.panel {
                h2 { "Event" }
                pre tabindex="0" { (serde_json::to_string_pretty(&event.value).unwrap_or_default()) }
            }
        }
    };
    page(event.text("type"), main)
}

fn delivered(core: &Core, delivery: &Value) -> Markup {
    let endpoint = delivery["endpoint"].as_str().unwrap_or_default();
    let url = core.store.get(endpoint).map_or("", |e| e.text("url"));
    let rows = delivery["attempts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|attempt| {
            let answer = match (&attempt["status"], &attempt["error"]) {
                (Value::Number(status), _) => status.to_string(),
                (_, Value::String(error)) => error.clone(),
                _ => "no answer".to_owned(),
            };
            html! { tr { td { (when(attempt["at"].as_i64().unwrap_or_default())) } td { (answer) } } }
        })
        .collect();
    html! {
        p {
            (badge(delivery["status"].as_str().unwrap_or_default())) " to " code { (url) }
            @if delivery["status"] == "pending" {
                @if let Some(at) = delivery["next_at"].as_i64() { ", next at " (when(at)) }
            }
        }
        (table("Attempts", &["Attempt", "Answer"], rows, "Not tried yet"))
    }
}

async fn redeliver(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    s.deliver(&id, 1).await;
    see_other(&format!("/_simulator/page/events/{id}"))
}

async fn show_account(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    let core = s.engine().lock();
    match core.store.get(&id).filter(|r| r.kind == Kind::Account) {
        Some(account) => page(&id, dashboard::dashboard(&core, account)),
        None => error_page(&ApiError::missing("account", &id, "account")),
    }
}
