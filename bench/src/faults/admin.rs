//! An admin, who does what is left to people by the admin's API, as docs/operating.md says.

use reqwest::Method;
use serde_json::{Value, json};

use super::environment::Environment;
use crate::Failure;

const EMAIL: &str = "admin@example.com";
const PASSWORD: &str = "correct horse battery";

/// Retries the jobs that were given up. How many there were.
pub async fn retry_dead_jobs(environment: &Environment<'_>) -> Result<usize, Failure> {
    environment.make_admin(EMAIL, PASSWORD).await?;
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let pair = ask(environment, Method::POST, "/v1/auth/login", "", &login).await?;
    let token = pair["access_token"].as_str().unwrap_or_default();
    let dead = "/v1/admin/jobs?state=dead&limit=100";
    let dead = ask(environment, Method::GET, dead, token, &Value::Null).await?;
    let dead = dead["data"].as_array().ok_or("no list of jobs")?;
    for job in dead {
        let id = job["id"].as_str().ok_or("a job without an id")?;
        let path = format!("/v1/admin/jobs/{id}/retry");
        ask(environment, Method::POST, &path, token, &json!({})).await?;
    }
    Ok(dead.len())
}

async fn ask(
    environment: &Environment<'_>,
    method: Method,
    path: &str,
    token: &str,
    body: &Value,
) -> Result<Value, Failure> {
    let url = format!("http://{}{path}", environment.shop());
    let request = environment.http.request(method, url).bearer_auth(token);
    let request = request.header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    match status.is_success() {
        true => Ok(serde_json::from_str(&text)?),
        false => Err(format!("{path}: {status} {text}").into()),
    }
}
