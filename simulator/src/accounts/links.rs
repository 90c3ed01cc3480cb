//! Account links and login links: how a seller gets to the hosted pages.
//! <https://docs.stripe.com/api/account_links>, <https://docs.stripe.com/api/accounts/login_link>.

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, connected},
    error::{Answer, ApiError},
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/account_links", create),
    ("POST", "/v1/accounts/{account}/login_links", login),
];

/// Stripe says "a few minutes".
const LINK_LIFE: i64 = 300;

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let id = args.text("account").unwrap_or_default();
    let account = connected(tx, id)
        .filter(|r| r.id != tx.store().platform && call.owner == tx.store().platform)
        .ok_or_else(|| ApiError::missing("account", id, "account"))?;
    let kind = args.text("type").unwrap_or_default();
    if kind == "account_update" && account.value["controller"]["requirement_collection"] == "stripe"
    {
        return Err(ApiError::invalid(
            "You cannot create `account_update` type Account Links for this account. You can only create `account_update` Account Links for accounts where your platform is responsible for collecting requirements (`controller.requirement_collection` is `application`).",
        )
        .param("type"));
    }
    let mut urls = [Value::Null, Value::Null];
    for (slot, name) in urls.iter_mut().zip(["refresh_url", "return_url"]) {
        let url = args
            .text(name)
            .ok_or_else(|| ApiError::parameter_missing(name))?;
        if url::Url::parse(url).is_err() {
            return Err(ApiError::invalid("Not a valid URL")
                .code("url_invalid")
                .param(name));
        }
        *slot = json!(url);
    }
    let [refresh_url, return_url] = urls;
    let hidden = json!({
        "account": account.id, "refresh_url": refresh_url, "return_url": return_url, "used": false,
    });
    let mut link = insert(tx, &account.id, hidden).value.clone();
    if let Some(map) = link.as_object_mut() {
        map.remove("id");
    }
    Ok(link)
}

/// A new link to an account's hosted form. Unlike what Stripe shows of it, its record has an id: what stands in its URL.
pub(super) fn insert(tx: &mut Tx<'_>, account: &str, hidden: Value) -> std::sync::Arc<Record> {
    let token = tx.mint("alink_", 32);
    let link = json!({
        "id": token,
        "object": "account_link",
        "created": tx.now,
        "expires_at": tx.now + LINK_LIFE,
        "url": format!("{}/setup/{account}/{token}", tx.base_url),
    });
    let platform = tx.platform();
    tx.insert(Kind::AccountLink, &platform, link, hidden, None)
}

/// What opening an account link leads to.
pub(crate) enum Opened {
    /// The form, at this form token.
    Form(String),
    /// The link was used or has expired. The account goes to the `refresh_url`, where the platform
    /// makes a new link.
    Refresh(String),
}

/// Opens a link. It leads to a form once, until it expires.
pub(crate) fn open(tx: &mut Tx<'_>, account: &str, token: &str) -> Result<Opened, ApiError> {
    let link = link(tx, account, token)?;
    if link.hidden["used"] == json!(true) || link.int("expires_at") <= tx.now {
        let url = link.hidden["refresh_url"].as_str().unwrap_or_default();
        return Ok(Opened::Refresh(url.to_owned()));
    }
    let form = tx.mint("form_", 32);
    tx.update(token, |r| {
        r.hidden["used"] = json!(true);
        r.hidden["form"] = json!(form);
    });
    Ok(Opened::Form(form))
}

/// Finds the link of an open form.
pub(crate) fn form(
    tx: &Tx<'_>,
    account: &str,
    token: &str,
    form: &str,
) -> Result<std::sync::Arc<Record>, ApiError> {
    let link = link(tx, account, token)?;
    if form.is_empty() || link.hidden["form"] != form {
        return Err(ApiError::missing("account_link", token, "account_link"));
    }
    Ok(link)
}

/// Where a link's form leads to when it is left. Links of `/v2` may say nothing: then back to where they came from.
pub(crate) fn return_url(link: &Record) -> String {
    let url = |name: &str| link.hidden[name].as_str().filter(|url| !url.is_empty());
    let url = url("return_url").or(url("refresh_url"));
    url.unwrap_or_default().to_owned()
}

fn link(tx: &Tx<'_>, account: &str, token: &str) -> Result<std::sync::Arc<Record>, ApiError> {
    tx.get(token)
        .filter(|r| r.kind == Kind::AccountLink && r.hidden["account"] == account)
        .ok_or_else(|| ApiError::missing("account_link", token, "account_link"))
}

fn login(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let account = connected(tx, call.id())
        .filter(|r| r.id != tx.store().platform)
        .ok_or_else(|| ApiError::missing("account", call.id(), "account"))?;
    if account.value["controller"]["stripe_dashboard"]["type"] != "express" {
        return Err(ApiError::invalid(
            "Cannot create a login link for an account that is not an Express Dashboard account: login links are only available where `controller.stripe_dashboard.type` is `express`.",
        ));
    }
    if account.value["details_submitted"] != json!(true) {
        return Err(ApiError::invalid(
            "Cannot create a login link for an account that has not completed onboarding.",
        ));
    }
    let token = tx.mint("lgn_", 32);
    let link = json!({
        "object": "login_link",
        "created": tx.now,
        "url": format!("{}/express/{}/{token}", tx.base_url, account.id),
    });
    let mut kept = link.clone();
    kept["id"] = json!(token);
    let platform = tx.platform();
    tx.insert(
        Kind::LoginLink,
        &platform,
        kept,
        json!({ "account": account.id }),
        None,
    );
    Ok(link)
}

/// The account whose dashboard a login link opens.
pub(crate) fn dashboard(tx: &Tx<'_>, account: &str, token: &str) -> Option<std::sync::Arc<Record>> {
    tx.get(token)
        .filter(|r| r.kind == Kind::LoginLink && r.hidden["account"] == account)?;
    tx.get(account)
}
