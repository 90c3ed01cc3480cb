//! Products and their features: <https://docs.stripe.com/api/products>.

use serde_json::{Value, json};

use super::prices::{self, NewPrice};
use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata, retrieve},
    error::{Answer, ApiError},
    events,
    form::Node,
    store::{Kind, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/products", create),
    ("GET", "/v1/products", list),
    ("GET", "/v1/products/{id}", |tx, call| {
        retrieve(tx, call, Kind::Product, "id")
    }),
    ("POST", "/v1/products/{id}", update),
    ("DELETE", "/v1/products/{id}", delete),
    ("POST", "/v1/products/{product}/features", add_feature),
    ("GET", "/v1/products/{product}/features", |tx, call| {
        find(tx, call, Kind::Product, call.id(), "product")?;
        lists::list(tx, call, Kind::ProductFeature, |r| {
            r.hidden["product"] == call.id()
        })
    }),
    ("GET", "/v1/products/{product}/features/{id}", |tx, call| {
        feature(tx, call).map(|r| r.value.clone())
    }),
    (
        "DELETE",
        "/v1/products/{product}/features/{id}",
        |tx, call| {
            let id = feature(tx, call)?.id.clone();
            tx.remove(&id);
            Ok(json!({ "id": id, "object": "product_feature", "deleted": true }))
        },
    ),
];

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let id = make(tx, call, call.args, "")?;
    let product = find(tx, call, Kind::Product, &id, "id")?;
    tx.emit("product.created", call.owner, &product.value);
    let Some(data) = call.args.at("default_price_data") else {
        return Ok(product.value.clone());
    };
    let wanted = NewPrice {
        product: &id,
        active: true,
        at: "default_price_data",
    };
    let price = prices::make(tx, call, data, &wanted)?;
    let mut value = product.value.clone();
    value["default_price"] = price["id"].clone();
    tx.update(&id, |r| r.value = value.clone());
    let before = json!({ "default_price": null });
    tx.emit_change("product.updated", call.owner, &value, Some(before));
    Ok(value)
}

/// Makes a product from its form (`at` is where that stands) and returns its id.
pub(crate) fn make(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    form: &Node,
    at: &str,
) -> Result<String, ApiError> {
    let param = |name: &str| {
        if at.is_empty() {
            name.to_owned()
        } else {
            format!("{at}[{name}]")
        }
    };
    let name = form
        .text("name")
        .ok_or_else(|| ApiError::parameter_missing(&param("name")))?;
    let id = match form.text("id") {
        Some(id) if tx.get(id).is_some() => {
            return Err(ApiError::invalid("Product already exists.")
                .code("resource_already_exists")
                .param(param("id")));
        }
        Some(id) => id.to_owned(),
        None => tx.mint("prod_", 14),
    };
    let inline = at.ends_with("[product_data]");
    let mut product = json!({
        "id": id,
        "object": "product",
        // A product made for one use only isn't shown among the others.
        "active": form.flag("active").unwrap_or(!inline),
        "created": tx.now,
        "default_price": null,
        "livemode": false,
        "metadata": metadata(form, "metadata")?,
        "name": name,
        "type": "service",
        "updated": tx.now,
    });
    describe(&mut product, form, true, at)?;
    tx.insert(
        Kind::Product,
        call.owner,
        product.clone(),
        Value::Null,
        None,
    );
    if !at.is_empty() && (!inline || emits_inline(tx)) {
        tx.emit("product.created", call.owner, &product);
    }
    Ok(id)
}

/// Whether what a line makes for itself is told of.
pub(super) fn emits_inline(tx: &Tx<'_>) -> bool {
    tx.assumptions.get("inline_prices") == "sent"
}

/// What creating and updating have in common; `all` writes what isn't given too.
fn describe(product: &mut Value, form: &Node, all: bool, at: &str) -> Result<(), ApiError> {
    for name in [
        "description",
        "statement_descriptor",
        "tax_code",
        "unit_label",
        "url",
    ] {
        if all || form.at(name).is_some() {
            product[name] = json!(form.text(name));
        }
    }
    if let Some(url) = form.text("url").filter(|u| url::Url::parse(u).is_err()) {
        let param = if at.is_empty() {
            "url".to_owned()
        } else {
            format!("{at}[url]")
        };
        return Err(ApiError::invalid(format!("Not a valid URL: {url}"))
            .code("url_invalid")
            .param(param));
    }
    if all || form.at("images").is_some() {
        product["images"] = json!(form.texts("images"));
    }
    if all || form.at("marketing_features").is_some() {
        product["marketing_features"] = form
            .list("marketing_features")
            .map(|f| json!({ "name": f.text("name") }))
            .collect();
    }
    if all || form.at("shippable").is_some() {
        product["shippable"] = json!(form.flag("shippable"));
    }
    if all || form.at("package_dimensions").is_some() {
        let size = |d: &Node, name: &str| -> Value {
            d.text(name)
                .and_then(|t| serde_json::from_str(t).ok())
                .unwrap_or_default()
        };
        product["package_dimensions"] = match form.at("package_dimensions") {
            Some(d @ Node::Tree(_)) => json!({
                "height": size(d, "height"), "length": size(d, "length"),
                "weight": size(d, "weight"), "width": size(d, "width"),
            }),
            _ => Value::Null,
        };
    }
    Ok(())
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let ids = args.texts("ids");
    lists::list(tx, call, Kind::Product, |r| {
        (ids.is_empty() || ids.contains(&r.id.as_str()))
            && args.flag("active").is_none_or(|a| r.value["active"] == a)
            && args
                .flag("shippable")
                .is_none_or(|s| r.value["shippable"] == s)
            && args.text("url").is_none_or(|u| r.value["url"] == u)
    })
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let old = retrieve(tx, call, Kind::Product, "id")?;
    let mut product = old.clone();
    merge_metadata(&mut product["metadata"], args, "metadata")?;
    describe(&mut product, args, false, "")?;
    if let Some(name) = args.text("name") {
        product["name"] = json!(name);
    }
    if let Some(active) = args.flag("active") {
        product["active"] = json!(active);
    }
    if let Some(id) = args.text("default_price") {
        let price = find(tx, call, Kind::Price, id, "default_price")?;
        if price.value["product"] != call.id() {
            return Err(ApiError::invalid(format!(
                "The price `{id}` belongs to another product and can't be this one's default price."
            ))
            .param("default_price"));
        }
        product["default_price"] = json!(id);
    }
    if product != old {
        product["updated"] = json!(tx.now);
        tx.update(call.id(), |r| r.value = product.clone());
        let before = events::changes(&old, &product);
        tx.emit_change("product.updated", call.owner, &product, Some(before));
    }
    Ok(product)
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let product = retrieve(tx, call, Kind::Product, "id")?;
    let priced = tx
        .store()
        .naming(Kind::Price, "product", call.id())
        .next()
        .is_some();
    if priced {
        return Err(ApiError::invalid(
            "This product cannot be deleted because it has one or more user-created prices.",
        )
        .param("id"));
    }
    tx.remove(call.id());
    tx.emit("product.deleted", call.owner, &product);
    Ok(json!({ "id": call.id(), "object": "product", "deleted": true }))
}

fn add_feature(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    find(tx, call, Kind::Product, call.id(), "product")?;
    let feature = call.args.text("entitlement_feature").unwrap_or_default();
    if !feature.starts_with("feat_") {
        return Err(ApiError::missing(
            "entitlements feature",
            feature,
            "entitlement_feature",
        ));
    }
    let attached = json!({
        "id": tx.mint("prodft_1", 23),
        "object": "product_feature",
        // Entitlements aren't simulated: any such id names a feature called like it.
        "entitlement_feature": {
            "id": feature,
            "object": "entitlements.feature",
            "active": true,
            "livemode": false,
            "lookup_key": feature,
            "metadata": {},
            "name": feature,
        },
        "livemode": false,
    });
    let hidden = json!({ "product": call.id() });
    tx.insert(
        Kind::ProductFeature,
        call.owner,
        attached.clone(),
        hidden,
        None,
    );
    Ok(attached)
}

fn feature(tx: &Tx<'_>, call: &Call<'_>) -> Result<std::sync::Arc<crate::store::Record>, ApiError> {
    let id = call.ids.get(1).copied().unwrap_or_default();
    find(tx, call, Kind::ProductFeature, id, "id")
        .ok()
        .filter(|r| r.hidden["product"] == call.id())
        .ok_or_else(|| ApiError::missing("product_feature", id, "id"))
}
