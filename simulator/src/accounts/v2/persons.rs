//! The people behind an account by `/v2`: <https://docs.stripe.com/api/v2/core/account-persons>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{find, identity, open, params, refusal, tokens};
use crate::{
    accounts::persons,
    api::{Call, Route, namespace},
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v2/core/accounts/{account_id}/persons", create),
    ("GET", "/v2/core/accounts/{account_id}/persons", list),
    (
        "GET",
        "/v2/core/accounts/{account_id}/persons/{id}",
        |tx, call| {
            let account = find(tx, call, call.id())?;
            Ok(identity::person(&*of_account(tx, call, &account)?))
        },
    ),
    (
        "POST",
        "/v2/core/accounts/{account_id}/persons/{id}",
        update,
    ),
    (
        "DELETE",
        "/v2/core/accounts/{account_id}/persons/{id}",
        delete,
    ),
];

fn of_account(tx: &Tx<'_>, call: &Call<'_>, account: &Record) -> Result<Arc<Record>, ApiError> {
    let id = call.ids.get(1).copied().unwrap_or_default();
    tx.find(Kind::Person, &account.id, id)
        .ok_or_else(|| ApiError::missing("v2.core.account_person", id, "id"))
}

/// The body of a request, or of the token that it names.
fn body(tx: &mut Tx<'_>, call: &Call<'_>, account: &Record) -> Answer {
    let Some(token) = call.args.text("person_token") else {
        return Ok(call.body.clone());
    };
    if let Some((other, _)) = call
        .args
        .children()
        .iter()
        .find(|(name, _)| name != "person_token")
    {
        return Err(ApiError::invalid(format!(
            "The parameter `{other}` cannot be passed alongside `person_token`."
        ))
        .code("param_alongside_person_token")
        .param(other));
    }
    tokens::take(tx, token, tokens::PERSON, &account.id)
}

/// The rules of `/v2` about who may be what on an account.
fn check(tx: &Tx<'_>, account: &Record, me: &str, form: &Node) -> Result<(), ApiError> {
    let representative = form.flag("relationship.representative") == Some(true);
    let others: Vec<_> = tx
        .store()
        .list(Kind::Person, &account.id)
        .filter(|p| p.id != me)
        .collect();
    if representative && others.iter().any(|p| persons::is_representative(p)) {
        return Err(ApiError::invalid(
            "There can only be one representative of an account at any given time.",
        )
        .code("additional_representative_not_allowed"));
    }
    if account.value["business_type"] == "individual" && !others.is_empty() && me.is_empty() {
        return Err(
            ApiError::invalid("An individual's account cannot have additional persons.")
                .code("individual_additional_person_not_allowed"),
        );
    }
    if representative && form.flag("relationship.authorizer") == Some(true) {
        return Err(refusal(
            "authorizer_relationship_invalid_for_representative",
            "An authorizer cannot be a representative.",
        ));
    }
    let share = form.text("relationship.percent_ownership");
    let owner = form.flag("relationship.owner") == Some(true);
    let is_nothing =
        |text: &str| text.starts_with('0') && text.chars().all(|c| c == '0' || c == '.');
    if owner && share.is_some_and(is_nothing) {
        return Err(refusal(
            "person_percent_ownership_invalid",
            "An owner has more than 0 percent.",
        ));
    }
    Ok(())
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let account = open(tx, call, call.id())?;
    let body = body(tx, call, &account)?;
    let form = Node::of(&body);
    check(tx, &account, "", &form)?;
    let person = persons::create_on(tx, &account, &identity::person_params(&form))?;
    shown(tx, &person.id, &body)
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let account = open(tx, call, call.id())?;
    let person = of_account(tx, call, &account)?;
    let body = body(tx, call, &account)?;
    let form = Node::of(&body);
    check(tx, &account, &person.id, &form)?;
    persons::update_on(tx, &account, &person, &identity::person_params(&form))?;
    shown(tx, &person.id, &body)
}

/// A person after a change, with what `/v2` was given and v1 has no name for.
fn shown(tx: &mut Tx<'_>, id: &str, body: &Value) -> Answer {
    params::keep_about_person(tx, id, body);
    tx.get(id)
        .map(|person| identity::person(&person))
        .ok_or_else(ApiError::unexpected)
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let account = find(tx, call, call.id())?;
    let rows = tx.store().list(Kind::Person, &account.id).rev();
    namespace::page(call, rows, identity::person)
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let account = open(tx, call, call.id())?;
    let person = of_account(tx, call, &account)?;
    persons::delete_on(tx, &account, &person)?;
    Ok(json!({ "id": person.id, "object": "v2.core.account_person" }))
}
