//! Discounts: coupons on customers, subscriptions and invoices.
//! <https://docs.stripe.com/api/discounts>.

use serde_json::{Value, json};

use super::{calendar, promotion};
use crate::{
    api::{Call, find},
    error::ApiError,
    form::Node,
    money,
    store::{Kind, Record, Tx},
};

/// What a discount is on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DiscountTarget<'a> {
    pub customer: Option<&'a str>,
    pub subscription: Option<&'a str>,
    pub item: Option<&'a str>,
    pub invoice: Option<&'a str>,
    pub invoice_item: Option<&'a str>,
}

/// Makes the discounts of a form's `discounts`, which names coupons, promotion codes or discounts.
/// `at` is the path of the form in the request.
pub(crate) fn read(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    form: &Node,
    at: &str,
    on: DiscountTarget<'_>,
) -> Result<Vec<String>, ApiError> {
    let forms: Vec<&Node> = form.list("discounts").collect();
    let mut ids = Vec::new();
    for (index, form) in forms.into_iter().enumerate() {
        let param = |name: &str| {
            let at = if at.is_empty() {
                "discounts".to_owned()
            } else {
                format!("{at}[discounts]")
            };
            format!("{at}[{index}][{name}]")
        };
        let id = if let Some(id) = form.text("discount") {
            find(tx, call, Kind::Discount, id, &param("discount"))?
                .id
                .clone()
        } else if let Some(id) = form.text("promotion_code") {
            let code = find(tx, call, Kind::PromotionCode, id, &param("promotion_code"))?;
            let currency = code.value["restrictions"]["minimum_amount_currency"].as_str();
            // The amount is only known with the invoice.
            let subtotal = i64::MAX;
            let currency = match (currency, coupon_currency(tx, &code)) {
                (Some(currency), _) => currency.to_owned(),
                (None, currency) => currency.unwrap_or_default(),
            };
            let d = promotion::check_code(tx, &code, subtotal, &currency)?;
            promotion::check_customer(tx, &code, on.customer)?;
            make(tx, call.owner, &d, on)
        } else if let Some(id) = form.text("coupon") {
            let coupon = promotion::usable(tx, call.owner, id, &param("coupon"))?;
            let d = promotion::Discount {
                coupon: coupon.id.clone(),
                promotion_code: None,
            };
            make(tx, call.owner, &d, on)
        } else {
            return Err(ApiError::parameter_missing(&param("coupon")));
        };
        ids.push(id);
    }
    Ok(ids)
}

fn coupon_currency(tx: &Tx<'_>, code: &Record) -> Option<String> {
    let coupon = tx.get(code.value["promotion"]["coupon"].as_str()?)?;
    coupon.value["currency"].as_str().map(str::to_owned)
}

/// Redeems a coupon. On a customer or a subscription that emits an event.
pub(crate) fn make(
    tx: &mut Tx<'_>,
    owner: &str,
    of: &promotion::Discount,
    on: DiscountTarget<'_>,
) -> String {
    let coupon = tx.get(&of.coupon);
    let months = coupon.and_then(|c| c.value["duration_in_months"].as_i64());
    let id = tx.mint("di_1", 23);
    let discount = json!({
        "id": id,
        "object": "discount",
        "checkout_session": null,
        "customer": on.customer,
        "customer_account": null,
        "end": months.map(|m| calendar::add_months(tx.now, m)),
        "invoice": on.invoice,
        "invoice_item": on.invoice_item,
        "promotion_code": of.promotion_code,
        "source": { "type": "coupon", "coupon": of.coupon },
        "start": tx.now,
        "subscription": on.subscription,
        "subscription_item": on.item,
    });
    promotion::redeem(tx, of);
    tx.insert(Kind::Discount, owner, discount.clone(), Value::Null, None);
    if on.invoice.is_none() && on.invoice_item.is_none() {
        tx.emit("customer.discount.created", owner, &discount);
    }
    id
}

/// Deletes a discount. Its record stays for the invoices that it was on.
pub(crate) fn delete(tx: &mut Tx<'_>, id: &str) -> Option<Value> {
    let gone = tx.get(id)?;
    let mut value = gone.value.clone();
    tx.emit("customer.discount.deleted", &gone.owner, &value);
    value["deleted"] = json!(true);
    if let Some(map) = value.as_object_mut() {
        map.remove("end");
    }
    Some(value)
}

/// Those of the discounts that are still in force.
pub(crate) fn in_force(tx: &Tx<'_>, ids: &Value) -> Vec<String> {
    let live = |id: &&str| {
        tx.get(id)
            .is_some_and(|d| d.value["end"].as_i64().is_none_or(|end| end > tx.now))
    };
    ids.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(live)
        .map(str::to_owned)
        .collect()
}

/// Those that end with the first invoice they are on.
pub(crate) fn is_once(tx: &Tx<'_>, id: &str) -> bool {
    coupon_of(tx, id).is_some_and(|c| c.text("duration") == "once")
}

fn coupon_of(tx: &Tx<'_>, discount: &str) -> Option<std::sync::Arc<Record>> {
    tx.get(tx.get(discount)?.value["source"]["coupon"].as_str()?)
}

/// What is left of a prorated amount after the percentages in force.
pub(crate) fn net(tx: &Tx<'_>, ids: &Value, amount: i64, product: &str) -> Result<i64, ApiError> {
    let mut left = amount.abs();
    for id in in_force(tx, ids) {
        if let Some(coupon) = coupon_of(tx, &id).filter(|c| promotion::covers(c, product))
            && let Some(percent) = coupon.hidden["percent"].as_i64()
        {
            left -= money::percent_of(tx.rounding(), left, percent)?;
        }
    }
    Ok(left * amount.signum())
}

/// Takes discounts off an invoice's lines, and returns the total of each discount. Each line's own
/// discounts come before or after the invoice's. Lines keep their `amount`; their
/// `discount_amounts` say what comes off.
pub(crate) fn spread(
    tx: &Tx<'_>,
    lines: &mut [Value],
    whole: &Value,
    currency: &str,
) -> Result<Vec<Value>, ApiError> {
    let mut left: Vec<i64> = Vec::new();
    for line in lines.iter_mut() {
        line["discount_amounts"] = json!([]);
        line["pretax_credit_amounts"] = json!([]);
        left.push(line["amount"].as_i64().unwrap_or(0));
    }
    let mut totals: Vec<Value> = Vec::new();
    let lines_first = tx.assumptions.get("discount_order") == "lines_first";
    for id in in_force(tx, whole).into_iter().filter(|_| !lines_first) {
        take_off(tx, lines, &mut left, &mut totals, (&id, None), currency)?;
    }
    for index in 0..lines.len() {
        let own: Vec<String> = lines
            .get(index)
            .map(|l| in_force(tx, &l["discounts"]))
            .unwrap_or_default();
        for id in own {
            take_off(
                tx,
                lines,
                &mut left,
                &mut totals,
                (&id, Some(index)),
                currency,
            )?;
        }
    }
    for id in in_force(tx, whole).into_iter().filter(|_| lines_first) {
        take_off(tx, lines, &mut left, &mut totals, (&id, None), currency)?;
    }
    Ok(totals)
}

fn take_off(
    tx: &Tx<'_>,
    lines: &mut [Value],
    left: &mut [i64],
    totals: &mut Vec<Value>,
    (id, only): (&str, Option<usize>),
    currency: &str,
) -> Result<(), ApiError> {
    let Some(coupon) = coupon_of(tx, id) else {
        return Ok(());
    };
    let fits = |index: usize, line: &Value, left: i64| {
        only.is_none_or(|o| o == index)
            && left > 0
            && line["discountable"] == json!(true)
            && promotion::covers(
                &coupon,
                line["pricing"]["price_details"]["product"]
                    .as_str()
                    .unwrap_or_default(),
            )
    };
    let sum: i64 = lines
        .iter()
        .zip(left.iter())
        .enumerate()
        .filter(|(i, (line, left))| fits(*i, line, **left))
        .map(|(_, (_, left))| *left)
        .sum();
    let off = promotion::amount_off(tx, &coupon.owner, &coupon.id, sum, currency)?;
    let (mut seen, mut given) = (0i64, 0i64);
    for (index, (line, left)) in lines.iter_mut().zip(left.iter_mut()).enumerate() {
        if !fits(index, line, *left) {
            continue;
        }
        seen += *left;
        let part = money::share(off, seen, sum)? - given;
        given += part;
        *left -= part;
        push(
            &mut line["discount_amounts"],
            json!({ "amount": part, "discount": id }),
        );
        push(
            &mut line["pretax_credit_amounts"],
            json!({ "amount": part, "discount": id, "type": "discount" }),
        );
    }
    totals.push(json!({ "amount": off, "discount": id }));
    Ok(())
}

fn push(list: &mut Value, value: Value) {
    if let Some(list) = list.as_array_mut() {
        list.push(value);
    }
}
