//! Account links of `/v2`: <https://docs.stripe.com/api/v2/core/account-links>. They lead to the same hosted form as those
//! of v1.

use serde_json::{Value, json};

use super::{configurations, open, refusal};
use crate::{
    accounts::{links, requirements::collected_by_platform},
    api::{Call, namespace::rfc3339},
    core_events::CoreEvent,
    error::{Answer, ApiError},
    store::{Record, Tx},
};

pub(super) fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let id = call.args.text("account").unwrap_or_default();
    let account = open(tx, call, id)?;
    let kind = call.args.text("use_case.type").unwrap_or_default();
    let options = format!("use_case.{kind}");
    let Some(form) = call.args.at(&options) else {
        return Err(ApiError::parameter_missing(&options));
    };
    let applied = configurations(&account);
    let mut named = form.texts("configurations");
    named.sort_unstable();
    if !named.is_empty() && named != applied {
        let message =
            "An account link must name all configurations that are applied to the account.";
        return Err(refusal("configs_must_match_to_use_account_links", message)
            .with("applied_configurations", json!(applied)));
    }
    let ours = collected_by_platform(&account.value);
    if kind == "account_update" && !ours && tx.assumptions.get("v2_update_links") == "as_in_v1" {
        return Err(refusal(
            "account_configuration_not_supported",
            "Links of the use case `account_update` are for accounts whose platform collects the requirements.",
        ));
    }
    let url = |name: &str| match form.text(name) {
        Some(url) if url::Url::parse(url).is_err() => {
            Err(refusal("url_invalid", "The URL is invalid.").param(format!("{options}.{name}")))
        }
        url => Ok(url.unwrap_or_default().to_owned()),
    };
    let (refresh_url, return_url) = (url("refresh_url")?, url("return_url")?);
    let hidden = json!({
        "account": account.id, "refresh_url": refresh_url, "return_url": return_url, "used": false,
        "v2": { "configurations": applied, "use_case": kind },
    });
    let link = links::insert(tx, &account.id, hidden);
    tx.update(&account.id, |r| r.hidden["v2"]["linked"] = json!(true));
    let mut use_case = call.body["use_case"].clone();
    use_case[kind]["configurations"] = json!(applied);
    Ok(json!({
        "object": "v2.core.account_link",
        "account": account.id,
        "created": rfc3339(link.int("created")),
        "expires_at": rfc3339(link.int("expires_at")),
        "livemode": false,
        "url": link.value["url"],
        "use_case": use_case,
    }))
}

/// The account holder has been through the form of a link and comes back.
pub(crate) fn returned(tx: &mut Tx<'_>, link: &Record) {
    let v2 = &link.hidden["v2"];
    if v2.is_null() {
        return;
    }
    let account = link.hidden["account"].as_str().unwrap_or_default();
    let event = CoreEvent {
        name: "v2.core.account_link.returned",
        account,
        related: None,
        data: json!({
            "account_id": account,
            "configurations": v2["configurations"],
            "use_case": v2["use_case"],
        }),
        changes: Value::Null,
    };
    tx.emit_core(&event);
}
