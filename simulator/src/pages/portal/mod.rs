//! The billing portal's page: subscriptions, payment methods, invoices. What a customer does here is
//! an API request on the account.

mod update;

use std::sync::Arc;

use axum::{
    extract::{Form, Path, State},
    http::StatusCode,
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::html::{
    Field, Problem, address, amount, badge, error_page, page, page_with, problem_summary,
    see_other, table, when,
};
use crate::{
    Simulator,
    api::{Call, Key},
    billing::portal::{self, Offer},
    cards,
    customers::methods,
    error::{Answer, ApiError},
    form::Node,
    money, routes,
    store::{Kind, Record, Tx},
};

use update::{End, Question, Wanted};

struct View {
    session: Arc<Record>,
    features: Value,
    headline: Option<String>,
    customer: Arc<Record>,
    subscriptions: Vec<Subscription>,
    methods: Vec<Arc<Record>>,
    invoices: Vec<Arc<Record>>,
}

struct Subscription {
    record: Arc<Record>,
    what: String,
    period_end: i64,
    /// What may be changed of it, and the prices to choose from.
    offer: Option<Offer>,
    prices: Vec<(String, String)>,
}

fn load(tx: &Tx<'_>, id: &str) -> Result<View, ApiError> {
    let (session, configuration) = portal::session(tx, id)?;
    let customer = tx
        .get(session.text("customer"))
        .filter(|c| c.kind == Kind::Customer)
        .ok_or_else(|| ApiError::missing("customer", session.text("customer"), "customer"))?;
    let own = |kind| {
        let all = tx.store().list(kind, &session.owner).rev();
        let own = all.filter(|r| r.text("customer") == customer.id);
        own.cloned().collect::<Vec<_>>()
    };
    let describe = |record: Arc<Record>| {
        let (what, period_end) = describe(tx, &record);
        let offer = Offer::of(tx, &configuration.value["features"], &record);
        Subscription {
            prices: offer.as_ref().map_or(Vec::new(), |o| update::labels(tx, o)),
            offer,
            record,
            what,
            period_end,
        }
    };
    let headline = configuration.value["business_profile"]["headline"].as_str();
    Ok(View {
        features: configuration.value["features"].clone(),
        headline: headline.map(str::to_owned),
        subscriptions: own(Kind::Subscription).into_iter().map(describe).collect(),
        methods: own(Kind::PaymentMethod),
        invoices: own(Kind::Invoice)
            .into_iter()
            .filter(|i| i.text("status") != "draft")
            .collect(),
        customer,
        session,
    })
}

/// A subscription's items, as in `Tea club, 10.00 EUR every month`, and the end of its period.
fn describe(tx: &Tx<'_>, subscription: &Record) -> (String, i64) {
    let items = tx
        .store()
        .naming(Kind::SubscriptionItem, "subscription", &subscription.id);
    let mut parts = Vec::new();
    let mut end = 0;
    for item in items {
        parts.push(price_text(tx, &item.value["price"], item.int("quantity")));
        end = end.max(item.int("current_period_end"));
    }
    (parts.join("; "), end)
}

/// A quantity of a price, as in `Tea club, 2 × 10.00 EUR every month`.
fn price_text(tx: &Tx<'_>, price: &Value, quantity: i64) -> String {
    let product = price["product"].as_str().and_then(|id| tx.get(id));
    let name = product.as_ref().map_or("Subscription", |p| p.text("name"));
    let each = money::format(
        price["unit_amount"].as_i64().unwrap_or(0),
        price["currency"].as_str().unwrap_or_default(),
    );
    let every = &price["recurring"];
    let interval = every["interval"].as_str().unwrap_or_default();
    let times = match quantity {
        0 | 1 => String::new(),
        n => format!("{n} × "),
    };
    match every["interval_count"].as_i64() {
        Some(n) if n > 1 => format!("{name}, {times}{each} every {n} {interval}s"),
        _ => format!("{name}, {times}{each} every {interval}"),
    }
}

pub(super) async fn show(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    render(&s, &id, "", None)
}

fn render(simulator: &Simulator, id: &str, typed: &str, problem: Option<&Problem>) -> Response {
    let loaded = simulator.engine().work(|tx| {
        let view = load(tx, id)?;
        tx.on_clock_of(&view.customer.id);
        let asked = update::question(tx, &view.session);
        Ok((view, asked))
    });
    let (view, asked) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return error_page(&error),
    };
    let status = match problem {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let on = |feature: &str| view.features[feature]["enabled"] == json!(true);
    let main = html! {
        main {
            @if let Some(url) = view.session.value["return_url"].as_str() {
                p { a #return href=(address(url)) { "← Back" } }
            }
            h1 { (view.headline.as_deref().unwrap_or("Your billing")) }
            p.soft { (view.customer.text("name")) " " (view.customer.text("email")) " " code { (view.customer.id) } }
            (problem_summary(problem))
            // A flow to confirm shows nothing else.
            @if let Some(asked) = &asked { (Question::show(asked)) } @else {
                section.panel #subscriptions { h2 { "Subscriptions" } (subscriptions(&view)) }
                @if on("payment_method_update") {
                    section.panel { h2 { "Payment methods" } (payment_methods(&view, typed, problem)) }
                }
                @if on("invoice_history") {
                    section.panel { h2 { "Invoices" } (invoices(&view)) }
                }
            }
        }
    };
    page_with(status, "Billing", main)
}

fn subscriptions(view: &View) -> Markup {
    let may = &view.features["subscription_cancel"];
    let now = may["mode"] == json!("immediately");
    let flow = &view.session.value["flow"];
    let wanted = &flow["subscription_cancel"]["subscription"];
    let changing = &flow["subscription_update"]["subscription"];
    html! {
        @if view.subscriptions.is_empty() { p.soft { "No subscriptions" } }
        @for each in &view.subscriptions {
            @let s = &each.record;
            @let ends = s.value["cancel_at"].as_i64();
            @let over = matches!(s.text("status"), "canceled" | "incomplete_expired");
            div.entry {
                p { strong { (each.what) } " " (badge(s.text("status"))) br; code { (s.id) } }
                @if over {
                    p.soft { "It has ended." }
                } @else if let Some(at) = ends {
                    p { "It ends on " (when(at)) "." }
                    form method="post" {
                        input type="hidden" name="subject" value=(s.id);
                        button.quiet name="action" value="resume" { "Don’t cancel" }
                    }
                } @else {
                    @if s.text("status") == "paused" {
                        p.soft { "It is paused." }
                    } @else {
                        p.soft { "It renews on " (when(each.period_end)) "." }
                    }
                    @if let Some(offer) = &each.offer {
                        (update::form(offer, &each.prices, each, *changing == json!(s.id)))
                    }
                    @if may["enabled"] == json!(true) {
                        details open[*wanted == json!(s.id)] {
                            summary { "Cancel this subscription" }
                            form method="post" {
                                input type="hidden" name="subject" value=(s.id);
                                @if now {
                                    p { "It ends at once." }
                                } @else {
                                    p { "It can be used until " (when(each.period_end)) "." }
                                }
                                (reasons(may, &s.id))
                                button name="action" value="cancel" { "Cancel subscription" }
                            }
                            @if *wanted == json!(s.id) && flow["subscription_cancel"]["retention"].is_object() {
                                form method="post" {
                                    input type="hidden" name="subject" value=(s.id);
                                    p { "Stay, and pay less." }
                                    button.quiet name="action" value="keep" { "Keep it with the discount" }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn reasons(may: &Value, subscription: &str) -> Markup {
    let asked = &may["cancellation_reason"];
    let id = format!("feedback-{subscription}");
    html! {
        @if asked["enabled"] == json!(true) {
            div.field {
                label for=(id) { "Why?" span.soft { " (optional)" } }
                select id=(id) name="feedback" {
                    option value="" { "–" }
                    @for reason in asked["options"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                        option value=(reason) { (reason.replace('_', " ")) }
                    }
                }
            }
            div.field {
                label for={ "comment-" (subscription) } { "Anything else?" span.soft { " (optional)" } }
                input id={ "comment-" (subscription) } name="comment" autocomplete="off";
            }
        }
    }
}

fn payment_methods(view: &View, typed: &str, problem: Option<&Problem>) -> Markup {
    let default = &view.customer.value["invoice_settings"]["default_payment_method"];
    let card = Field {
        id: "card",
        label: "Card number",
        value: match typed {
            "" => "4242 4242 4242 4242",
            typed => typed,
        },
        hint: Some("A test card. It becomes the one that is charged."),
        autocomplete: Some("off"),
        numeric: true,
        ..Field::default()
    };
    html! {
        @if view.methods.is_empty() { p.soft { "None yet" } }
        @for method in &view.methods {
            @let kind = method.text("type");
            @let last4 = method.value[kind]["last4"].as_str().unwrap_or_default();
            @let name = format!("{} ending in {last4}", method.value[kind]["brand"].as_str().unwrap_or(kind).replace('_', " "));
            div.entry {
                form.inline method="post" {
                    p { (name) @if *default == json!(method.id) { " " (badge("default")) } }
                    input type="hidden" name="subject" value=(method.id);
                    @if *default != json!(method.id) {
                        button.quiet name="action" value="default" aria-label={ "Make " (name) " the default" } { "Make default" }
                    }
                    button.quiet name="action" value="detach" aria-label={ "Remove " (name) } { "Remove" }
                }
            }
        }
        form method="post" {
            (card.show(problem))
            button name="action" value="add_card" { "Add card" }
        }
    }
}

fn invoices(view: &View) -> Markup {
    let rows = view
        .invoices
        .iter()
        .map(|invoice| {
            html! {
                tr {
                    td { (when(invoice.int("created"))) }
                    td { (badge(invoice.text("status"))) }
                    td { a href=(invoice.text("hosted_invoice_url")) { (invoice.value["number"].as_str().unwrap_or(&invoice.id)) } }
                    td { a href=(invoice.text("invoice_pdf")) aria-label={ "PDF of " (invoice.text("number")) } { "PDF" } }
                    (amount(invoice.int("total"), invoice.text("currency")))
                }
            }
        })
        .collect();
    table(
        "Invoices",
        &["Date", "Status", "Number", "File", "Amount"],
        rows,
        "No invoices yet",
    )
}

#[derive(Deserialize, PartialEq, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Action {
    Cancel,
    /// Takes the discount that a flow offers instead.
    Keep,
    Resume,
    Update,
    Confirm,
    Default,
    Detach,
    AddCard,
}

#[derive(Deserialize)]
pub(super) struct PortalForm {
    action: Action,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    feedback: String,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    card: String,
    #[serde(default)]
    price: String,
    #[serde(default)]
    quantity: String,
    #[serde(default)]
    promotion_code: String,
}

pub(super) async fn act(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    Form(form): Form<PortalForm>,
) -> Response {
    let problem = match s.engine().work(|tx| perform(tx, &id, &form)) {
        Ok((session, End::Done)) => return completed(&session, form.action),
        Ok((_, End::Asked(url))) => return see_other(&url),
        Ok((_, End::Declined(message))) => message,
        Err(error) => error.message,
    };
    let field = match form.action {
        Action::AddCard => "card",
        Action::Confirm => "confirm",
        _ => "subscriptions",
    };
    render(&s, &id, &form.card, Some(&Problem::at(field, problem)))
}

/// Where a customer goes on to after what the session's flow was for.
fn completed(session: &Record, action: Action) -> Response {
    let flow = &session.value["flow"];
    let done = match flow["type"].as_str() {
        Some("subscription_cancel") => matches!(action, Action::Cancel | Action::Keep),
        Some("subscription_update") => action == Action::Update,
        Some("subscription_update_confirm") => action == Action::Confirm,
        Some("payment_method_update") => {
            matches!(action, Action::AddCard | Action::Default)
        }
        _ => false,
    };
    let after = &flow["after_completion"];
    match after["type"].as_str().filter(|_| done) {
        Some("redirect") => see_other(after["redirect"]["return_url"].as_str().unwrap_or("/")),
        Some("hosted_confirmation") => {
            let message = after["hosted_confirmation"]["custom_message"].as_str();
            page(
                "Done",
                html! { main.card { h1 { "Done" } p { (message.unwrap_or("Your change is saved.")) } } },
            )
        }
        _ => see_other(&format!("/p/session/{}", session.id)),
    }
}

fn not_offered() -> ApiError {
    ApiError::invalid("The billing portal doesn't offer this.")
}

/// Does what the configuration lets the customer do.
fn perform(tx: &mut Tx<'_>, id: &str, form: &PortalForm) -> Result<(Arc<Record>, End), ApiError> {
    let view = load(tx, id)?;
    let (owner, customer) = (view.session.owner.as_str(), view.customer.id.as_str());
    tx.on_clock_of(customer);
    let subscribed = view
        .subscriptions
        .iter()
        .any(|s| s.record.id == form.subject);
    let (feature, own) = match form.action {
        Action::Cancel | Action::Resume | Action::Keep => ("subscription_cancel", subscribed),
        Action::Update | Action::Confirm => ("subscription_update", subscribed),
        Action::AddCard => ("payment_method_update", true),
        Action::Default | Action::Detach => (
            "payment_method_update",
            view.methods.iter().any(|m| m.id == form.subject),
        ),
    };
    let may = &view.features[feature];
    if !own || may["enabled"] != json!(true) {
        return Err(not_offered());
    }
    let subject = &form.subject;
    match form.action {
        Action::Update => {
            let end = Wanted::of_form(tx, &view, form)?.apply(tx, &view)?;
            return Ok((view.session, end));
        }
        Action::Confirm => {
            let end = Wanted::confirmed(&view, subject)?.apply(tx, &view)?;
            if !matches!(end, End::Declined(_)) {
                tx.update(&view.session.id, |r| r.hidden["done"] = json!(true));
            }
            return Ok((view.session, end));
        }
        Action::Keep => keep(tx, owner, subject, &view.session)?,
        Action::Cancel => cancel(tx, owner, subject, may, form)?,
        Action::Resume => request(
            tx,
            owner,
            "POST",
            &format!("/v1/subscriptions/{subject}"),
            &[("cancel_at_period_end", "false")],
        )?,
        Action::Default => make_default(tx, owner, customer, subject)?,
        Action::Detach => request(
            tx,
            owner,
            "POST",
            &format!("/v1/payment_methods/{subject}/detach"),
            &[],
        )?,
        Action::AddCard => {
            let card = cards::find(&form.card).ok_or_else(cards::unknown)?;
            let billing = json!({
                "address": null, "email": view.customer.value["email"],
                "name": view.customer.value["name"], "phone": null, "tax_id": null,
            });
            let method = methods::of_card(tx, owner, card, billing);
            methods::attach(tx, owner, &method, customer)?;
            make_default(tx, owner, customer, &method.id)?
        }
    };
    Ok((view.session, End::Done))
}

/// Applies the coupon that a flow offers a customer who was about to cancel.
fn keep(tx: &mut Tx<'_>, owner: &str, subscription: &str, session: &Record) -> Answer {
    let flow = &session.value["flow"]["subscription_cancel"];
    let coupon = flow["retention"]["coupon_offer"]["coupon"].as_str();
    let coupon = coupon
        .filter(|_| flow["subscription"] == subscription)
        .ok_or_else(not_offered)?;
    let path = format!("/v1/subscriptions/{subscription}");
    request(
        tx,
        owner,
        "POST",
        &path,
        &[("discounts[0][coupon]", coupon)],
    )
}

fn cancel(
    tx: &mut Tx<'_>,
    owner: &str,
    subscription: &str,
    may: &Value,
    typed: &PortalForm,
) -> Answer {
    let path = format!("/v1/subscriptions/{subscription}");
    let mut form = Vec::new();
    let asked = &may["cancellation_reason"];
    let options = asked["options"].as_array();
    let known = options.is_some_and(|all| all.iter().any(|one| *one == typed.feedback.as_str()));
    for (name, text) in [
        ("cancellation_details[feedback]", &typed.feedback),
        ("cancellation_details[comment]", &typed.comment),
    ] {
        if text.is_empty() {
            continue;
        }
        if asked["enabled"] != json!(true) || name.contains("feedback") && !known {
            return Err(not_offered());
        }
        form.push((name, text.as_str()));
    }
    if may["mode"] == json!("at_period_end") {
        form.push(("cancel_at_period_end", "true"));
        return request(tx, owner, "POST", &path, &form);
    }
    let how = may["proration_behavior"].as_str();
    if how != Some("none") {
        form.push(("prorate", "true"));
    }
    if how == Some("always_invoice") {
        form.push(("invoice_now", "true"));
    }
    request(tx, owner, "DELETE", &path, &form)
}

fn make_default(tx: &mut Tx<'_>, owner: &str, customer: &str, method: &str) -> Answer {
    let path = format!("/v1/customers/{customer}");
    let form = [("invoice_settings[default_payment_method]", method)];
    request(tx, owner, "POST", &path, &form)
}

fn request(
    tx: &mut Tx<'_>,
    owner: &str,
    method: &str,
    path: &str,
    form: &[(&str, &str)],
) -> Answer {
    let (entry, ids) = routes::find(method, path).ok_or_else(ApiError::unexpected)?;
    let form = Serializer::new(String::new()).extend_pairs(form).finish();
    let args = Node::parse(&form)?;
    let call = Call {
        args: &args,
        body: &Value::Null,
        ids,
        owner,
        path,
        key: Key::Secret,
    };
    (entry.run)(tx, &call)
}
