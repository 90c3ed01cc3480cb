//! Checkout Sessions with `ui_mode=elements`, for the stand-in for Stripe.js: what it shows a page of a session, and what the page
//! does to it. <https://docs.stripe.com/js/custom_checkout>.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::{Value, json};

use super::stripe_js::{asked, session_of};
use crate::{
    Simulator,
    checkout::{
        self,
        pay::{self, Method, Outcome, Payment},
    },
    error::ApiError,
    form::Node,
    money,
    store::{Record, Tx},
};

pub(super) async fn act(
    State(s): State<Simulator>,
    Path(act): Path<String>,
    body: String,
) -> Response {
    asked(&s, &body, |tx, account, args| {
        let session = session_of(tx, account, args)?;
        let mode = session.text("ui_mode");
        if mode != "elements" {
            return Err(ApiError::invalid(format!(
                "initCheckoutElementsSdk() is for Checkout Sessions with `ui_mode` `elements`, and this one's is `{mode}`."
            )));
        }
        let outcome = perform(tx, &session.id, &act, args)?;
        let session = pay::session(tx, &session.id)?;
        Ok(json!({
            "outcome": outcome,
            "page": page(tx, &session),
            "session": shown(tx, &session),
        }))
    })
}

fn perform(
    tx: &mut Tx<'_>,
    id: &str,
    act: &str,
    args: &Node,
) -> Result<Option<&'static str>, ApiError> {
    match act {
        "read" => Ok(None),
        "promotion_code" => pay::apply_code(tx, id, args.text("promotion_code")).map(|_| None),
        "quantity" => {
            let line = args.text("line_item").unwrap_or_default().to_owned();
            // Text that isn't a number counts as less than any bound.
            let quantity = args.int("quantity").unwrap_or(-1);
            let choice = Payment {
                quantities: [(line, quantity)].into(),
                ..Payment::default()
            };
            pay::adjust(tx, id, &choice).map(|()| None)
        }
        "shipping_option" => {
            let choice = Payment {
                shipping_rate: args.text("shipping_rate").map(str::to_owned),
                ..Payment::default()
            };
            pay::adjust(tx, id, &choice).map(|()| None)
        }
        "confirm" => match pay::pay(tx, id, &payment(args)?)? {
            Outcome::Completed(_) => Ok(Some("completed")),
            Outcome::Declined { .. } => Ok(Some("declined")),
            Outcome::Challenge => Ok(Some("challenge")),
        },
        act => Err(ApiError::invalid(format!("There is nothing called {act}."))),
    }
}

fn payment(args: &Node) -> Result<Payment, ApiError> {
    let text = |name: &str| args.text(name).filter(|t| !t.is_empty()).map(str::to_owned);
    let method = match args.text("method") {
        None | Some("card") => Method::Card,
        Some("sepa_debit") => Method::SepaDebit,
        Some(other) => {
            return Err(
                ApiError::invalid(format!("Checkout's pages here take no {other}."))
                    .param("method"),
            );
        }
    };
    Ok(Payment {
        method,
        card: text("card"),
        payment_method: text("payment_method"),
        email: text("email"),
        name: text("name"),
        phone: text("phone"),
        country: text("country"),
        save: args.flag("save") == Some(true),
        ..Payment::default()
    })
}

/// What the stand-in needs to know that Stripe.js doesn't show.
fn page(tx: &Tx<'_>, session: &Record) -> Value {
    let offered = checkout::offered(tx, session);
    let saved = offered
        .iter()
        .map(|m| json!({ "id": m.id, "type": "card", "card": m.value["card"] }));
    let options = &session.value["saved_payment_method_options"];
    json!({
        "decline_code": last_error(tx, session)["decline_code"],
        "payment_method_types": session.value["payment_method_types"],
        "payment_methods": saved.collect::<Vec<_>>(),
        "return_url": session.value["return_url"],
        "saves": options["payment_method_save"] == "enabled",
    })
}

/// Why the last attempt failed.
fn last_error(tx: &Tx<'_>, session: &Record) -> Value {
    let of = |id: &str, name: &str| tx.get(session.text(id)).map(|i| i.value[name].clone());
    let payment = of("payment_intent", "last_payment_error").filter(|e| !e.is_null());
    let error = payment.or_else(|| of("setup_intent", "last_setup_error"));
    error.unwrap_or_default()
}

/// The session by the names of Stripe.js.
fn shown(tx: &Tx<'_>, session: &Record) -> Value {
    let currency = session.text("currency");
    let amount = |n: i64| json!({ "minorUnitsAmount": n, "amount": money::format(n, currency) });
    let error = last_error(tx, session);
    let status = match session.text("status") {
        "complete" => {
            json!({ "type": "complete", "paymentStatus": session.value["payment_status"] })
        }
        status => json!({ "type": status }),
    };
    let divisor = (0..money::digits(currency)).fold(1, |divisor, _| divisor * 10);
    json!({
        "id": session.id,
        "billingAddress": null,
        "businessName": null,
        "canConfirm": false,
        "currency": session.value["currency"],
        "currencyOptions": null,
        "discountAmounts": discounts(tx, session, &amount),
        "email": session.value["customer_details"]["email"],
        "lastPaymentError": error["message"].as_str().map(|message| json!({ "message": message })),
        "lineItems": lines(session, &amount),
        "livemode": false,
        "minorUnitsAmountDivisor": divisor,
        "nameCollection": null,
        "optionalItems": null,
        "phoneNumber": null,
        "recurring": null,
        "savedPaymentMethods": saved(tx, session),
        "shipping": shipping(tx, session),
        "shippingAddress": null,
        "shippingOptions": session.value["shipping_options"].as_array().into_iter().flatten()
            .filter_map(|o| shipping_option(tx, session, o["shipping_rate"].as_str()?))
            .collect::<Vec<_>>(),
        "status": status,
        "surcharge": null,
        "tax": { "status": "ready" },
        "taxAmounts": null,
        "taxIdInfo": null,
        "total": total(session, &amount),
    })
}

fn total(session: &Record, amount: &dyn Fn(i64) -> Value) -> Value {
    let of = |name: &str| session.value["total_details"][name].as_i64().unwrap_or(0);
    json!({
        "appliedBalance": amount(0),
        "balanceAppliedToNextInvoice": false,
        "discount": amount(of("amount_discount")),
        "shippingRate": amount(of("amount_shipping")),
        "subtotal": amount(session.int("amount_subtotal")),
        "surcharge": amount(0),
        "taxExclusive": amount(0),
        "taxInclusive": amount(0),
        "total": amount(session.int("amount_total")),
    })
}

fn lines(session: &Record, amount: &dyn Fn(i64) -> Value) -> Value {
    let items = session.hidden["items"].as_array().into_iter().flatten();
    let line = |item: &Value| {
        let of = |name: &str| amount(item[name].as_i64().unwrap_or(0));
        let bounds = &item["adjustable_quantity"];
        let price = &item["price"];
        let recurring = price["recurring"].as_object().map(|r| {
            json!({
                "interval": r.get("interval"), "intervalCount": r.get("interval_count"),
                "usageType": r.get("usage_type"),
            })
        });
        json!({
            "id": item["id"],
            "adjustableQuantity": (bounds["enabled"] == json!(true))
                .then(|| json!({ "maximum": bounds["maximum"], "minimum": bounds["minimum"] })),
            "description": null,
            "discount": of("amount_discount"),
            "discountAmounts": null,
            "images": [],
            "isRemovable": false,
            "name": item["description"],
            "priceId": price["id"],
            "pricing": null,
            "quantity": item["quantity"],
            "recurring": recurring,
            "subtotal": of("amount_subtotal"),
            "taxAmounts": null,
            "taxExclusive": amount(0),
            "taxInclusive": amount(0),
            "total": of("amount_total"),
            "transformQuantity": null,
            "unitAmount": amount(price["unit_amount"].as_i64().unwrap_or(0)),
            "unitAmountDecimal": null,
            "unitLabel": null,
        })
    };
    items.map(line).collect()
}

fn discounts(tx: &Tx<'_>, session: &Record, amount: &dyn Fn(i64) -> Value) -> Value {
    let discount = &session.hidden["discount"];
    let record = |name: &str| tx.get(discount[name].as_str()?);
    let Some(coupon) = record("coupon") else {
        return Value::Null;
    };
    let off = session.value["total_details"]["amount_discount"].as_i64();
    let mut row = amount(off.unwrap_or(0));
    row["displayName"] = coupon.value["name"].clone();
    row["percentOff"] = coupon.value["percent_off"].clone();
    row["promotionCode"] = json!(record("promotion_code").map(|c| c.text("code").to_owned()));
    row["recurring"] = Value::Null;
    json!([row])
}

fn saved(tx: &Tx<'_>, session: &Record) -> Value {
    if !session.value["customer"].is_string() {
        return Value::Null;
    }
    let offered = checkout::offered(tx, session);
    let card = |m: &std::sync::Arc<Record>| {
        let card = &m.value["card"];
        json!({
            "id": m.id,
            "billingDetails": m.value["billing_details"],
            "card": {
                "brand": card["brand"], "expMonth": card["exp_month"], "expYear": card["exp_year"],
                "last4": card["last4"],
            },
            "type": "card",
        })
    };
    offered.iter().map(card).collect()
}

/// How the goods are sent, and what that costs after discounts.
fn shipping(tx: &Tx<'_>, session: &Record) -> Value {
    let chosen = session.value["shipping_cost"]["shipping_rate"].as_str();
    let option = chosen.and_then(|rate| shipping_option(tx, session, rate));
    option.map_or(
        Value::Null,
        |option| json!({ "shippingOption": option, "taxAmounts": null }),
    )
}

fn shipping_option(tx: &Tx<'_>, session: &Record, rate: &str) -> Option<Value> {
    let record = tx.get(rate)?;
    let cost = record.value["fixed_amount"]["amount"].as_i64().unwrap_or(0);
    Some(json!({
        "id": rate,
        "amount": money::format(cost, session.text("currency")),
        "currency": session.value["currency"],
        "deliveryEstimate": null,
        "displayName": record.value["display_name"],
        "minorUnitsAmount": cost,
    }))
}
