//! What the handlers of all nouns are given and share.

pub(crate) mod expands;
pub(crate) mod lists;
pub(crate) mod namespace;
pub(crate) mod search;

use serde_json::{Value, json};

use crate::{
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx},
};

/// An API request that has been authenticated, scoped and checked against its route's shape.
pub(crate) struct Call<'a> {
    pub args: &'a Node,
    /// The JSON body of a request to `/v2`, of which `args` is a copy without types; null in v1.
    pub body: &'a Value,
    /// What stands in the path, in order.
    pub ids: Vec<&'a str>,
    /// The account it acts on: `Stripe-Account`, or the platform.
    pub owner: &'a str,
    pub path: &'a str,
    pub key: Key,
}

/// What kind of API key a request came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// `sk_test_…`.
    Secret,
    /// `rk_test_…`, with every permission.
    Restricted,
    /// `pk_test_…`: may finish a payment whose client secret it knows.
    Publishable,
}

impl Call<'_> {
    pub fn id(&self) -> &str {
        self.ids.first().copied().unwrap_or_default()
    }
}

pub(crate) type Handler = fn(&mut Tx<'_>, &Call<'_>) -> Answer;

/// Method, path as Stripe's description writes it, and who answers.
pub(crate) type Route = (&'static str, &'static str, Handler);

/// A connected account of the platform, whose access hasn't been taken away.
pub(crate) fn connected(tx: &Tx<'_>, id: &str) -> Option<std::sync::Arc<Record>> {
    tx.get(id)
        .filter(|r| r.kind == Kind::Account && r.hidden["deauthorized"] != json!(true))
}

/// Stripe's error for an account that doesn't exist, or that has deauthorized the platform.
pub(crate) fn no_access(account: &str) -> ApiError {
    ApiError::new(
        403,
        "invalid_request_error",
        format!("The provided key 'sk_test_*********************' does not have access to account '{account}' (or that account does not exist). Application access may have been revoked."),
    )
    .code("account_invalid")
}

/// One object of the acting account; `param` names what held its id.
pub(crate) fn find(
    tx: &Tx<'_>,
    call: &Call<'_>,
    kind: Kind,
    id: &str,
    param: &str,
) -> Result<std::sync::Arc<Record>, ApiError> {
    tx.find(kind, call.owner, id)
        .ok_or_else(|| ApiError::missing(kind.noun(), id, param))
}

/// Reads the object that the path names.
pub(crate) fn retrieve(tx: &Tx<'_>, call: &Call<'_>, kind: Kind, param: &str) -> Answer {
    find(tx, call, kind, call.id(), param).map(|r| r.shown())
}

/// Merges `metadata` into an object; an empty value unsets its key, an empty hash all of them.
pub(crate) fn merge_metadata(target: &mut Value, form: &Node, path: &str) -> Result<(), ApiError> {
    let Some(node) = form.at(path) else {
        return Ok(());
    };
    if matches!(node, Node::Leaf(_)) {
        *target = json!({});
        return Ok(());
    }
    if !target.is_object() {
        *target = json!({});
    }
    let Some(map) = target.as_object_mut() else {
        return Ok(());
    };
    for (key, value) in node.children() {
        let Node::Leaf(text) = value else {
            return Err(ApiError::invalid(format!(
                "Invalid value for metadata key '{key}': expected a string."
            ))
            .param(path));
        };
        if key.chars().count() > 40 || text.chars().count() > 500 {
            return Err(ApiError::invalid(
                "Metadata keys can have up to 40 characters and values up to 500.",
            )
            .param(path));
        }
        if text.is_empty() {
            map.remove(key);
        } else {
            map.insert(key.clone(), json!(text));
        }
    }
    if map.len() > 50 {
        return Err(ApiError::invalid("You can only set up to 50 metadata keys.").param(path));
    }
    Ok(())
}

pub(crate) fn metadata(form: &Node, path: &str) -> Answer {
    let mut out = json!({});
    merge_metadata(&mut out, form, path)?;
    Ok(out)
}

/// An object with more fields, which replace those of the same name.
pub(crate) fn merged(mut object: Value, fields: Value) -> Value {
    if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
        object.extend(fields);
    }
    object
}
