//! Each rule reports the bad lines that it is shown, and lets good ones pass that look alike.

use super::*;

fn bad(rule: impl Fn(&[Source]) -> Vec<String>, file: &str, text: &str) {
    let faults = rule(&[Source::parse(file, text)]);
    assert_eq!(faults.len(), 1, "{file}: {text}\n{faults:#?}");
}

fn good(rule: impl Fn(&[Source]) -> Vec<String>, file: &str, text: &str) {
    let faults = rule(&[Source::parse(file, text)]);
    assert!(faults.is_empty(), "{file}: {text}\n{faults:#?}");
}

fn forbidden_imports(sources: &[Source]) -> Vec<String> {
    super::forbidden_imports(&Rooms::of_the_repository(), sources)
}

#[test]
fn a_forbidden_import_is_seen_wherever_it_is_written() {
    let catalog = "src/catalog/mod.rs";
    for text in [
        "use crate::payments::Payment;",
        "use crate::payments;",
        "use crate::payments as p;",
        "use crate::payments::*;",
        "use crate::{error::Error, payments::{self, Payment as _}};",
        "use super::payments::Payment;",
        "use crate::{db, ledger as book};",
        "pub use crate::orders::Order;",
        "fn f() { crate::payments::confirm(); }",
        "fn f(x: crate::payments::Payment) {}",
        "fn f(x: Vec<Option<crate::payments::Payment>>) {}",
        "fn f() { super::payments::confirm() }",
        "mod inner { fn f() { super::super::payments::confirm() } }",
        "fn f() { match x { crate::payments::Kind::A => {} } }",
        "impl crate::payments::Pay for X {}",
        "fn f() { tracing::info!(id = %crate::payments::name(), \"x\"); }",
        "fn f() { vec![vec![crate::payments::A]]; }",
        "macro_rules! m { () => { $crate::payments::confirm() } }",
        "macro_rules! m { () => { use crate::{payments::confirm, error}; } }",
        "macro_rules! m { () => { use crate::payments::*; } }",
        "fn f() { crate::payments::macro_of_it!() }",
        "#[derive(crate::payments::Pay)] struct X;",
        "struct X { #[serde(with = \"crate::payments::money\")] a: i64 }",
        "#[cfg(test)] mod tests { use crate::payments::X; }",
        "fn f() { crate::r#payments::x() }",
    ] {
        let faults = forbidden_imports(&[Source::parse(catalog, text)]);
        assert!(!faults.is_empty(), "not seen: {text}");
    }
}

#[test]
fn an_allowed_import_passes() {
    for text in [
        "use crate::{error::Error, sellers::{self, SellerAccess}, stripe};",
        "use super::db::Tx; use self::stock::Stock; mod stock {}",
        "mod tests { use super::*; use super::super::db; }",
        "pub(crate) fn f() {} pub(super) fn g() {} pub(in crate::catalog) fn h() {}",
        "use souk_entity::product; use axum::Json;",
        "/// See crate::payments.\nfn f() { log(\"crate::payments::x\"); payments::x(); }",
    ] {
        good(forbidden_imports, "src/catalog/mod.rs", text);
    }
    good(
        forbidden_imports,
        "src/catalog/routes.rs",
        "use super::{Product, stock::Stock};",
    );
    good(
        forbidden_imports,
        "src/lib.rs",
        "mod payments; mod worker; use crate::payments::confirm;",
    );
    good(
        forbidden_imports,
        "src/ids.rs",
        "use crate::{clock::Clock, error::Error};",
    );
    good(
        forbidden_imports,
        "src/main.rs",
        "mod commands; use crate::commands::run;",
    );
    good(
        forbidden_imports,
        "src/webhooks/effects.rs",
        "use crate::payments::events;",
    );
}

#[test]
fn imports_within_base_and_against_the_table_are_seen() {
    bad(forbidden_imports, "src/error.rs", "use crate::db::Tx;");
    bad(
        forbidden_imports,
        "src/jobs.rs",
        "use crate::audit::record;",
    );
    bad(
        forbidden_imports,
        "src/http/valid.rs",
        "use super::super::identity::Caller;",
    );
    bad(
        forbidden_imports,
        "src/orders.rs",
        "use crate::stripe::Gateway;",
    );
    bad(
        forbidden_imports,
        "src/webhooks/mod.rs",
        "use crate::notify::mail;",
    );
    bad(
        forbidden_imports,
        "src/notify.rs",
        "use crate::stripe::Gateway;",
    );
    bad(forbidden_imports, "src/admin.rs", "use crate::worker::run;");
}

#[test]
fn an_unlisted_room_is_seen() {
    bad(forbidden_imports, "src/utils.rs", "");
    bad(forbidden_imports, "src/utils/text.rs", "");
    bad(forbidden_imports, "src/bin/other.rs", "fn main() {}");
    bad(
        forbidden_imports,
        "src/lib.rs",
        "pub mod helpers { pub fn f() {} }",
    );
    bad(forbidden_imports, "src/catalog/mod.rs", "use crate::run;");
}

#[test]
fn an_import_of_the_whole_crate_is_seen() {
    for text in [
        "use crate as souk;",
        "use crate::*;",
        "use super::*;",
        "use crate::{self as c};",
    ] {
        bad(forbidden_imports, "src/catalog/mod.rs", text);
    }
}

#[test]
fn a_room_that_does_not_exist_is_seen() {
    let table = "## The rooms\n| rooms | what | imports |\n| --- | --- | --- |\n| `db` | | |\n| `lib` `gone` | | |";
    let rooms = Rooms::read(table).expect("a table");
    let sources =
        ["src/lib.rs", "src/db/mod.rs", "bench/src/gone.rs"].map(|file| Source::parse(file, ""));
    let seen = "ARCHITECTURE.md:5: src/ has no room `gone`";
    assert_eq!(rooms_without_code(&rooms, &sources), [seen]);
}

#[test]
fn an_import_of_routes_is_seen() {
    for text in [
        "use crate::sellers::routes;",
        "use crate::sellers::routes::Answer;",
        "use crate::sellers; fn f() { sellers::routes::router() }",
        "pub use routes::router; ",
        "fn f() { merge!(super::routes::router()) }",
    ] {
        bad(imports_of_routes, "src/sellers/later.rs", text);
    }
    bad(
        imports_of_routes,
        "src/commands/serve.rs",
        "use souk::sellers::routes;",
    );
    good(
        imports_of_routes,
        "src/lib.rs",
        "fn router() { sellers::routes::router() }",
    );
    good(
        imports_of_routes,
        "src/http.rs",
        "fn f(routes: Router) { routes; self::all::routes() }",
    );
}

#[test]
fn async_stripe_outside_its_room_is_seen() {
    for text in [
        "use stripe::Client;",
        "use stripe;",
        "use stripe as s;",
        "use stripe_core::{charge::Charge};",
        "use ::stripe::Client;",
        "fn f(x: stripe_checkout::Session) {}",
        "fn f() { panic!(\"{}\", stripe_core::name()) }",
        "extern crate async_stripe;",
        "use {axum::Json, stripe_types::Currency};",
        "use crate::stripe; fn f() { ::stripe::x() }",
    ] {
        bad(async_stripe_outside_its_room, "src/payments/mod.rs", text);
    }
    bad(
        async_stripe_outside_its_room,
        "simulator/src/lib.rs",
        "use stripe_core::Charge;",
    );
    good(
        async_stripe_outside_its_room,
        "src/stripe/mod.rs",
        "use stripe::Client;",
    );
    for text in [
        "use crate::stripe; fn f() { stripe::on(x); stripe.on(y); }",
        "use crate::{error::Error, stripe::{self, Gateway}}; fn f() -> stripe::Answer {}",
        "use souk_entity::stripe_event; fn f() { stripe_event::Entity::find() }",
        "fn f() { App { stripe, db }; app.stripe.on(x) } mod stripe_links; use stripe_links::A;",
    ] {
        good(async_stripe_outside_its_room, "src/payments/mod.rs", text);
    }
    good(
        async_stripe_outside_its_room,
        "src/lib.rs",
        "pub mod stripe; fn f() { stripe::x() }",
    );
}

#[test]
fn times_and_ids_made_elsewhere_are_seen() {
    for text in [
        "fn f() { std::time::SystemTime::now(); }",
        "use std::time::{Duration, SystemTime};",
        "use std::time::Instant;",
        "use std::time::*;",
        "fn f() { OffsetDateTime::now_utc() }",
        "fn f() { time::UtcDateTime::now() }",
        "fn f() { uuid::Uuid::now_v7() }",
        "fn f() { Uuid::new_v4() }",
        "fn f() { info!(at = ?OffsetDateTime::now_utc()) }",
    ] {
        bad(times_and_ids_made_elsewhere, "src/payments/mod.rs", text);
        bad(times_and_ids_made_elsewhere, "entity/src/order.rs", text);
        good(times_and_ids_made_elsewhere, "src/clock.rs", text);
        good(times_and_ids_made_elsewhere, "src/ids.rs", text);
    }
    let fine = "use std::time::Duration; use tokio::time::Instant; fn f() { Uuid::parse_str(x) }";
    good(times_and_ids_made_elsewhere, "src/payments/mod.rs", fine);
}

#[test]
fn an_effect_that_sees_app_is_seen() {
    for text in [
        "use crate::app::App;",
        "use crate::app;",
        "async fn paid(tx: &Tx, app: &super::App) {}",
        "async fn paid(tx: &Tx, app: &App) {}",
        "macro_rules! m { () => { App::new() } }",
    ] {
        bad(effects_that_see_app, "src/payments/events.rs", text);
        bad(effects_that_see_app, "src/payments/events/refunds.rs", text);
        good(effects_that_see_app, "src/payments/later.rs", text);
    }
    good(
        effects_that_see_app,
        "src/payments/events.rs",
        "fn paid(tx: &Tx, e: &Event) { app(e) }",
    );
}

#[test]
fn a_rule_in_entity_is_seen() {
    let rule = |sources: &[Source]| rules_in_entity(sources, ENTITY_FUNCTIONS);
    for text in [
        "impl Model { pub fn total(&self) -> i64 { 1 } }",
        "fn is_paid(m: &Model) -> bool { true }",
        "trait Priced { fn total(&self) -> i64 { 1 } }",
        "macro_rules! m { () => { impl Model { fn total(&self) {} } } }",
        "use souk::money::Money;",
    ] {
        bad(rule, "entity/src/order.rs", text);
    }
    for text in [
        "impl ActiveModelBehavior for ActiveModel {} impl Model { pub const LIMIT: i64 = 3; }",
        "impl Related<x::Entity> for Entity { fn to() -> R { R::X.def() } }",
        "trait RowId { const PREFIX: &'static str; fn text(&self) -> String; }",
        "#[cfg(test)] mod tests { #[test] fn a_name_round_trips() {} }",
    ] {
        good(rule, "entity/src/order.rs", text);
    }
    good(
        rule,
        "entity/src/ids.rs",
        "impl OrderId { pub fn text(&self) {} }",
    );
}

#[test]
fn our_crates_in_the_simulator_are_seen() {
    for text in [
        "use souk::money;",
        "use souk_entity::order;",
        "fn f() { dbg(souk::x::y()) }",
    ] {
        bad(ours_in_simulator, "simulator/src/payouts.rs", text);
        bad(ours_in_simulator, "simulator/tests/all.rs", text);
    }
    good(
        ours_in_simulator,
        "simulator/src/main.rs",
        "use souk_simulator::serve;",
    );
}

#[test]
fn our_crates_in_the_simulators_manifest_are_seen() {
    for line in [
        "[dependencies]\nsouk.workspace = true",
        "[dependencies]\nsouk-entity = { path = \"../entity\" }",
        "[dev-dependencies]\n\"souk\" = \"1\"",
        "[target.'cfg(unix)'.dependencies]\nsouk = \"1\"",
        "[dependencies.souk-entity]\npath = \"../entity\"",
        "[dependencies]\nasync-stripe-core.workspace = true",
        "[dependencies]\nours = { package = \"souk\", path = \"..\" }",
    ] {
        let manifest = format!("[package]\nname = \"souk-simulator\"\n\n{line}\n");
        assert_eq!(ours_in_simulators_manifest(&manifest).len(), 1, "{line}");
    }
    let fine = "[package]\nname = \"souk-simulator\"\n[dependencies]\naxum.workspace = true\n\
                [[bin]]\nname = \"souk-simulator\"";
    assert!(ours_in_simulators_manifest(fine).is_empty());
}

#[test]
fn a_float_is_seen() {
    let rule = |sources: &[Source]| floats(sources, &[("src/limits.rs", "a rate, no money")]);
    for text in [
        "fn f(x: f64) {}",
        "struct X { a: Option<Vec<f32>> }",
        "fn f() { x as f64; }",
        "const X: i64 = g(1.5);",
        "fn f() { h(1e3) }",
        "fn f() { h(2f64) }",
        "fn f() { value.as_f64() }",
        "fn f() { println!(\"{}\", 0.5) }",
        "fn f() { json!({ \"a\": [x as f64] }) }",
        "macro_rules! m { () => { d.as_secs_f64() } }",
    ] {
        bad(rule, "src/money.rs", text);
        bad(rule, "simulator/src/payouts.rs", text);
        good(rule, "src/limits.rs", text);
    }
    for text in [
        "fn f() { x.0.1; 1..2; println!(\"{} {}\", x.0.1, \"1.5\") }",
        "fn f() { value.is_f64(); 0xf64; 10_i64 }",
    ] {
        good(rule, "src/money.rs", text);
    }
}

#[test]
fn a_binary_that_goes_beyond_souk_is_seen() {
    bad(
        binary_beyond_souk,
        "src/main.rs",
        "mod commands; mod payments;",
    );
    bad(
        binary_beyond_souk,
        "src/commands/admin.rs",
        "use souk_entity::user;",
    );
    bad(
        binary_beyond_souk,
        "src/commands/migrate.rs",
        "fn f() { souk_migration::run() }",
    );
    bad(
        binary_beyond_souk,
        "src/commands/worker.rs",
        "use souk_simulator::serve;",
    );
    bad(
        binary_beyond_souk,
        "src/payments/mod.rs",
        "use souk_simulator::serve;",
    );
    good(
        binary_beyond_souk,
        "src/main.rs",
        "mod commands; use souk::config::Config;",
    );
    good(
        binary_beyond_souk,
        "src/payments/mod.rs",
        "use souk_entity::order;",
    );
    for file in [
        "src/commands/serve.rs",
        "src/commands/demo.rs",
        "src/commands/demo/play.rs",
    ] {
        good(binary_beyond_souk, file, "use souk_simulator::serve;");
    }
}

#[test]
fn code_that_these_tests_cannot_follow_is_seen() {
    bad(
        code_that_cannot_be_followed,
        "src/catalog/mod.rs",
        "#[path = \"../payments/mod.rs\"] mod p;",
    );
    bad(
        code_that_cannot_be_followed,
        "src/catalog/mod.rs",
        "include!(\"other.rs\");",
    );
    bad(
        code_that_cannot_be_followed,
        "src/lib.rs",
        "extern crate self as souk;",
    );
    good(
        code_that_cannot_be_followed,
        "src/lib.rs",
        "const X: &str = include_str!(\"x.yaml\"); mod p;",
    );
}

#[test]
fn a_long_file_is_seen() {
    let rule = |sources: &[Source]| long_files(sources, &[("src/b.rs", "a list")]);
    let long = "// line\n".repeat(LONGEST + 1);
    bad(rule, "src/a.rs", &long);
    good(rule, "src/b.rs", &long);
    good(rule, "src/c.rs", &"// line\n".repeat(LONGEST));
}

#[test]
#[should_panic(expected = "src/a.rs doesn't parse")]
fn a_file_that_does_not_parse_fails() {
    Source::parse("src/a.rs", "fn {");
}
