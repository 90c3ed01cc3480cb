//! The parts of all pages: the layout, form fields, problems, times.
//!
//! `maud` escapes whatever is put between its braces, so that text of users is never HTML.

use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use maud::{DOCTYPE, Markup, html};

use crate::{error::ApiError, money};

/// Only our own stylesheet, no scripts, and no framing. Forms may lead to any address, since
/// browsers apply `form-action` to the redirect to the shop too.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'";

/// A whole page, marked as simulated.
pub(super) fn page(title: &str, main: Markup) -> Response {
    page_with(StatusCode::OK, title, main)
}

pub(super) fn page_with(status: StatusCode, title: &str, main: Markup) -> Response {
    let whole = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) " · simulated" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/_simulator.css";
            }
            body {
                header.banner {
                    p { strong { "SIMULATED" } " This is not Stripe. No real money moves; never enter a real card." }
                }
                (main)
            }
        }
    };
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Without a referrer a browser sends `Origin: null`, which the control page refuses.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    (status, headers, Html(whole.into_string())).into_response()
}

/// An error as a page.
pub(super) fn error_page(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    let main = html! {
        main.card {
            h1 { "Something went wrong" }
            p.alert role="alert" { (error.message) }
        }
    };
    page_with(status, "Something went wrong", main)
}

/// See-other: the browser's next request is a GET.
pub(super) fn see_other(url: &str) -> Response {
    Redirect::to(url).into_response()
}

/// An address from the application that is safe to follow: no `javascript:` or `data:`.
pub(super) fn address(url: &str) -> &str {
    let scheme = url.split(':').next().unwrap_or_default().trim();
    let harmful = ["javascript", "data", "vbscript"];
    match harmful.iter().any(|bad| scheme.eq_ignore_ascii_case(bad)) {
        true => "#",
        false => url,
    }
}

/// What is wrong with a form, and the id of the field it is about.
pub(super) struct Problem {
    pub field: &'static str,
    pub message: String,
}

impl Problem {
    pub fn at(field: &'static str, message: impl Into<String>) -> Self {
        Self {
            field,
            message: message.into(),
        }
    }
}

/// The summary above a form: the problem, with a link to its field.
pub(super) fn problem_summary(problem: Option<&Problem>) -> Markup {
    html! {
        @if let Some(p) = problem {
            div.alert role="alert" { strong { "There is a problem. " } a href={ "#" (p.field) } { (p.message) } }
        }
    }
}

/// A field with its label, its hint, and what is wrong with it.
#[derive(Default)]
pub(super) struct Field<'a> {
    pub id: &'a str,
    pub label: &'a str,
    /// The `type` of the input; `text` when empty.
    pub kind: &'a str,
    pub value: &'a str,
    pub hint: Option<&'a str>,
    pub autocomplete: Option<&'a str>,
    pub numeric: bool,
    pub optional: bool,
}

impl Field<'_> {
    pub fn show(&self, problem: Option<&Problem>) -> Markup {
        let problem = problem.filter(|p| p.field == self.id);
        let (hint, error) = (format!("{}-hint", self.id), format!("{}-error", self.id));
        let about: Vec<&str> = [
            self.hint.map(|_| hint.as_str()),
            problem.map(|_| error.as_str()),
        ]
        .into_iter()
        .flatten()
        .collect();
        let about = (!about.is_empty()).then(|| about.join(" "));
        let kind = if self.kind.is_empty() {
            "text"
        } else {
            self.kind
        };
        html! {
            div.field {
                label for=(self.id) { (self.label) @if self.optional { span.soft { " (optional)" } } }
                @if let Some(text) = self.hint { p.soft id=(hint) { (text) } }
                @if let Some(p) = problem { p.wrong id=(error) { (p.message) } }
                input id=(self.id) name=(self.id) type=(kind) value=(self.value) required[!self.optional]
                    autocomplete=[self.autocomplete] inputmode=[self.numeric.then_some("numeric")]
                    aria-describedby=[about] aria-invalid=[problem.map(|_| "true")];
            }
        }
    }
}

/// A choice out of a few, as radio buttons of one name.
pub(super) fn choice(name: &str, value: &str, chosen: &str, label: &str) -> Markup {
    html! {
        label.choice { input type="radio" name=(name) value=(value) checked[value == chosen]; (label) }
    }
}

/// A table that scrolls on a narrow screen. `empty` is shown when there are no rows.
pub(super) fn table(label: &str, heads: &[&str], rows: Vec<Markup>, empty: &str) -> Markup {
    html! {
        @if rows.is_empty() { p.soft { (empty) } } @else {
            div.scroll role="region" aria-label=(label) tabindex="0" {
                table {
                    thead { tr { @for head in heads {
                        @let amount = ["Amount", "Available", "Pending", "Fee", "Net"].contains(head);
                        th.amount[amount] scope="col" { (head) }
                    } } }
                    tbody { @for row in &rows { (row) } }
                }
            }
        }
    }
}

/// A status in the colour of what it means.
pub(super) fn badge(status: &str) -> Markup {
    let tone = match status {
        "succeeded" | "paid" | "active" | "complete" | "available" | "yes" => "good",
        "failed" | "canceled" | "past_due" | "unpaid" | "no" | "uncollectible" | "void" => "bad",
        _ => "even",
    };
    html! { span.badge.(tone) { (status.replace('_', " ")) } }
}

pub(super) fn amount(amount: i64, currency: &str) -> Markup {
    html! { td.amount { (money::format(amount, currency)) } }
}

/// A day and minute for people, UTC.
pub(super) fn when(unix: i64) -> Markup {
    let text = time::OffsetDateTime::from_unix_timestamp(unix).map_or_else(
        |_| unix.to_string(),
        |t| {
            let (month, day) = (u8::from(t.month()), t.day());
            format!(
                "{}-{month:02}-{day:02} {:02}:{:02}",
                t.year(),
                t.hour(),
                t.minute()
            )
        },
    );
    html! { time.when title={ (unix) } { (text) } }
}
