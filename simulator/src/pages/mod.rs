//! The pages a person sees: plain HTML that works without JavaScript and on a phone.

use axum::{
    Router,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};

use crate::{Simulator, error::ApiError};

mod challenge;
mod checkout;
pub(crate) mod control;
mod dashboard;
mod onboarding;

pub(crate) fn router() -> Router<Simulator> {
    Router::new()
        .route("/_simulator.css", get(css))
        .route("/c/pay/{session}", get(checkout::show).post(checkout::pay))
        .route(
            "/c/pay/{session}/promotion_code",
            post(checkout::promotion_code),
        )
        .route("/c/recover/{session}", get(checkout::recover))
        .route(
            "/c/challenge/{intent}",
            get(challenge::show).post(challenge::answer),
        )
        .route(
            "/c/pay/{session}/challenge",
            get(checkout::challenge).post(checkout::answer),
        )
        .route("/setup/{account}/{token}", get(onboarding::open))
        .route(
            "/setup/{account}/{token}/{form}",
            get(onboarding::show).post(onboarding::submit),
        )
        .route("/express/{account}/{token}", get(dashboard::show))
        .route("/receipts/{charge}", get(dashboard::receipt))
}

async fn css() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
        include_str!("simulator.css"),
    )
}

/// Text made safe inside elements and quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A whole page, marked as simulated. `body` is HTML, `title` is text.
pub(crate) fn document(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} · simulated</title>
<link rel="stylesheet" href="/_simulator.css">
</head>
<body>
<p class="banner" role="note"><strong>SIMULATED</strong> This is not Stripe. No real money moves; never enter a real card.</p>
{body}
</body>
</html>
"#
    )
}

/// An error as a page.
pub(crate) fn error_page(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    let body = format!(
        r#"<main class="card"><h1>Something went wrong</h1><p role="alert">{}</p></main>"#,
        escape(&error.message)
    );
    (status, Html(document("Something went wrong", &body))).into_response()
}

/// A day and minute for people, UTC.
pub(crate) fn when(unix: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp(unix).map_or_else(
        |_| unix.to_string(),
        |t| {
            format!(
                "{}-{:02}-{:02} {:02}:{:02}",
                t.year(),
                u8::from(t.month()),
                t.day(),
                t.hour(),
                t.minute()
            )
        },
    )
}

/// See-other: the browser's next request is a GET.
pub(crate) fn go(url: &str) -> Response {
    Redirect::to(url).into_response()
}

/// An alert, or nothing.
pub(crate) fn alert(message: Option<&str>) -> String {
    message.map_or_else(String::new, |m| {
        format!(r#"<p class="alert" role="alert">{}</p>"#, escape(m))
    })
}
