//! The control page: the clock, what happened last, and where it was sent.

use axum::{
    extract::{Form, State},
    response::Response,
};
use serde::Deserialize;

use super::{document, escape, go, when};
use crate::{
    Simulator,
    engine::Core,
    store::{Kind, Record},
};

const ROWS: usize = 30;

pub(crate) fn show(simulator: &Simulator) -> String {
    let core = simulator.engine().lock();
    let now = core.now();
    let body = format!(
        r#"<main>
<h1>Simulated Stripe</h1>
<section class="panel"><h2>Clock</h2><p><strong>{when} UTC</strong> <span class="soft">({now}, {mode})</span></p>
<form class="inline" method="post" action="/_simulator"><div><label for="seconds">Advance by</label>
<select id="seconds" name="seconds"><option value="60">a minute</option><option value="3600">an hour</option><option value="86400" selected>a day</option><option value="604800">a week</option></select></div><button>Advance</button></form></section>
<section class="panel"><h2>Accounts</h2><div class="scroll"><table><thead><tr><th>Account</th><th>Charges</th><th>Payouts</th><th>Wants</th></tr></thead><tbody>{accounts}</tbody></table></div></section>
<section class="panel"><h2>Last events</h2><div class="scroll"><table><thead><tr><th>When</th><th>Event</th><th>Account</th><th>Deliveries</th></tr></thead><tbody>{events}</tbody></table></div></section>
<section class="panel"><h2>Faults</h2><p>{faults} armed.</p></section>
<section class="panel"><h2>More</h2><p><a href="/_simulator/oracle">Oracle</a> · <a href="/_simulator/events/pending">Pending events</a> · <a href="/_simulator/faults">Faults</a> · <a href="/_simulator/deliveries">Delivery rules</a></p></section>
</main>"#,
        when = when(now),
        mode = if core.is_manual() { "manual" } else { "real" },
        accounts = accounts(&core),
        events = events(&core),
        faults = core.faults.len(),
    );
    document("Control", &body)
}

fn accounts(core: &Core) -> String {
    let yes = |r: &Record, field: &str| if r.value[field] == true { "yes" } else { "no" };
    core.store
        .list(Kind::Account, &core.store.platform)
        .rev()
        .take(ROWS)
        .map(|r| {
            let wants = match r.value["requirements"]["disabled_reason"].as_str() {
                _ if r.hidden["deauthorized"] == true => "deauthorized",
                reason => reason.unwrap_or("nothing"),
            };
            format!(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
                r.id,
                yes(r, "charges_enabled"),
                yes(r, "payouts_enabled"),
                escape(wants)
            )
        })
        .collect()
}

fn events(core: &Core) -> String {
    let mut last: Vec<&std::sync::Arc<Record>> = core
        .store
        .list(Kind::Account, &core.store.platform)
        .flat_map(|a| core.store.list(Kind::Event, &a.id).rev().take(ROWS))
        .collect();
    last.sort_by_key(|r| std::cmp::Reverse(r.seq));
    last.truncate(ROWS);
    let mut out = String::new();
    for event in last {
        let sent: Vec<String> = crate::delivery::history(core, &event.id)
            .iter()
            .map(|d| {
                let tries = d["attempts"].as_array().map_or(0, Vec::len);
                format!("{} ({tries})", d["status"].as_str().unwrap_or_default())
            })
            .collect();
        out.push_str(&format!(
            "<tr><td>{}</td><td>{}<br><code>{}</code></td><td><code>{}</code></td><td>{}</td></tr>",
            when(event.int("created")),
            escape(event.text("type")),
            event.id,
            escape(event.value["account"].as_str().unwrap_or("platform")),
            escape(&sent.join(", "))
        ));
    }
    out
}

#[derive(Deserialize)]
pub(crate) struct Move {
    seconds: i64,
}

pub(crate) async fn submit(State(s): State<Simulator>, Form(form): Form<Move>) -> Response {
    s.engine().advance(form.seconds);
    go("/_simulator")
}
