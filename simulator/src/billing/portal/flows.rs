//! The flow that a portal session opens with:
//! <https://docs.stripe.com/customer-management/portal-deep-links>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Offer;
use crate::{
    api::{Call, find},
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx},
};

/// Reads `flow_data`.
pub(super) fn read(
    tx: &Tx<'_>,
    call: &Call<'_>,
    form: &Node,
    customer: &str,
    configuration: &Record,
) -> Answer {
    let kind = form.text("type").unwrap_or_default();
    let feature = match kind {
        "subscription_update_confirm" => "subscription_update",
        kind => kind,
    };
    if configuration.value["features"][feature]["enabled"] != json!(true) {
        return Err(ApiError::invalid(format!(
            "The feature `{feature}` must be enabled in the portal configuration to use this flow."
        ))
        .param("flow_data[type]"));
    }
    let mut out = json!({
        "type": kind,
        "after_completion": after_completion(form)?,
        "subscription_cancel": null,
        "subscription_update": null,
        "subscription_update_confirm": null,
    });
    let subscription = match kind {
        "payment_method_update" => return Ok(out),
        kind => subscription_of(tx, call, form, kind, customer)?,
    };
    out[kind] = match kind {
        "subscription_cancel" => json!({
            "subscription": subscription.id,
            "retention": retention(tx, call, form)?,
        }),
        "subscription_update" => {
            offer(tx, configuration, &subscription, kind)?;
            json!({ "subscription": subscription.id })
        }
        _ => confirm(tx, call, form, configuration, &subscription)?,
    };
    Ok(out)
}

/// The subscription that a flow is about, if it is the customer's.
fn subscription_of(
    tx: &Tx<'_>,
    call: &Call<'_>,
    form: &Node,
    kind: &str,
    customer: &str,
) -> Result<Arc<Record>, ApiError> {
    let param = format!("flow_data[{kind}][subscription]");
    let id = form
        .text(&format!("{kind}.subscription"))
        .ok_or_else(|| ApiError::parameter_missing(&param))?;
    tx.find(Kind::Subscription, call.owner, id)
        .filter(|s| s.text("customer") == customer)
        .ok_or_else(|| ApiError::missing("subscription", id, &param))
}

fn retention(tx: &Tx<'_>, call: &Call<'_>, form: &Node) -> Answer {
    let Some(coupon) = form.text("subscription_cancel.retention.coupon_offer.coupon") else {
        return Ok(Value::Null);
    };
    let param = "flow_data[subscription_cancel][retention][coupon_offer][coupon]";
    find(tx, call, Kind::Coupon, coupon, param)?;
    Ok(json!({ "type": "coupon_offer", "coupon_offer": { "coupon": coupon } }))
}

/// What the configuration lets the customer change of the subscription of a flow.
fn offer(
    tx: &Tx<'_>,
    configuration: &Record,
    subscription: &Record,
    kind: &str,
) -> Result<Offer, ApiError> {
    Offer::of(tx, &configuration.value["features"], subscription).ok_or_else(|| {
        ApiError::invalid(format!(
            "The subscription {} cannot be updated in the portal: it has ended, has several items, or its invoices are sent.",
            subscription.id
        ))
        .param(format!("flow_data[{kind}][subscription]"))
    })
}

/// `flow_data[subscription_update_confirm]`: one item, with a price of the configuration, and at most
/// one discount.
fn confirm(
    tx: &Tx<'_>,
    call: &Call<'_>,
    form: &Node,
    configuration: &Record,
    subscription: &Record,
) -> Answer {
    let kind = "subscription_update_confirm";
    let offer = offer(tx, configuration, subscription, kind)?;
    let form = form.sub(kind);
    let at = format!("flow_data[{kind}][items]");
    let items: Vec<&Node> = form.list("items").collect();
    let [item] = items[..] else {
        return Err(ApiError::invalid("Exactly one item can be updated.").param(at));
    };
    let id = item.text("id").unwrap_or_default();
    if id != offer.item.id {
        return Err(ApiError::missing(
            "subscription_item",
            id,
            &format!("{at}[0][id]"),
        ));
    }
    let price = item.text("price").unwrap_or_else(|| offer.price());
    let quantity = item.int("quantity").unwrap_or(offer.item.int("quantity"));
    // Stripe's page wants only the price to be among the configuration's.
    offer
        .check(price, offer.item.int("quantity"))
        .map_err(|e| e.param(format!("{at}[0][price]")))?;
    if quantity < 0 {
        return Err(ApiError::invalid("Invalid non-negative integer")
            .code("parameter_invalid_integer")
            .param(format!("{at}[0][quantity]")));
    }
    let discounts: Vec<&Node> = form.list("discounts").collect();
    let at = format!("flow_data[{kind}][discounts]");
    if discounts.len() > 1 {
        return Err(ApiError::invalid("At most one discount can be applied.").param(at));
    }
    let mut shown = Vec::new();
    for discount in discounts {
        for (name, of) in [
            ("coupon", Kind::Coupon),
            ("promotion_code", Kind::PromotionCode),
        ] {
            if let Some(id) = discount.text(name) {
                find(tx, call, of, id, &format!("{at}[0][{name}]"))?;
            }
        }
        shown.push(json!({
            "coupon": discount.text("coupon"), "promotion_code": discount.text("promotion_code"),
        }));
    }
    Ok(json!({
        "subscription": subscription.id,
        "items": [{ "id": id, "price": price, "quantity": quantity }],
        "discounts": (!shown.is_empty()).then_some(shown),
    }))
}

fn after_completion(form: &Node) -> Answer {
    let kind = form.text("after_completion.type");
    let url = form.text("after_completion.redirect.return_url");
    if kind == Some("redirect") && url.is_none() {
        return Err(ApiError::parameter_missing(
            "flow_data[after_completion][redirect]",
        ));
    }
    let message = form.text("after_completion.hosted_confirmation.custom_message");
    Ok(json!({
        "type": kind.unwrap_or("portal_homepage"),
        "redirect": url.map(|url| json!({ "return_url": url })),
        "hosted_confirmation": (kind == Some("hosted_confirmation")).then(|| json!({ "custom_message": message })),
    }))
}
