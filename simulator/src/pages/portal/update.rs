//! Changing a subscription's plan, quantity or code on the portal's page.

use std::sync::Arc;

use maud::{Markup, html};
use serde_json::{Value, json};

use super::{PortalForm, Subscription, View, price_text, request};
use crate::{
    billing::{invoices::payments, portal::Offer},
    customers::methods::{self, MethodKind},
    error::ApiError,
    money,
    pages::html::{amount, table, when},
    payments::intents,
    store::{Kind, Record, Tx},
};

/// How a change that the customer asked for ended.
#[derive(Debug, PartialEq)]
pub(super) enum End {
    Done,
    /// The bank asks, at this address.
    Asked(String),
    Declined(String),
}

/// The form of a subscription that may be changed.
pub(super) fn form(
    offer: &Offer,
    prices: &[(String, String)],
    each: &Subscription,
    open: bool,
) -> Markup {
    let s = &each.record;
    let field = |name: &str| format!("{name}-{}", s.id);
    let (price, quantity, code) = (field("price"), field("quantity"), field("promotion_code"));
    let now = offer.item.int("quantity");
    let bounds = offer.bounds(offer.product(offer.price()));
    html! {
        details open[open] {
            summary { "Change this subscription" }
            form method="post" {
                input type="hidden" name="subject" value=(s.id);
                @if !prices.is_empty() {
                    div.field {
                        label for=(price) { "Plan" }
                        select id=(price) name="price" {
                            @if !prices.iter().any(|(id, _)| id == offer.price()) {
                                option value=(offer.price()) selected { (each.what) }
                            }
                            @for (id, label) in prices {
                                option value=(id) selected[id == offer.price()] { (label) }
                            }
                        }
                    }
                }
                @if let Some((least, most)) = bounds {
                    div.field {
                        label for=(quantity) { "Quantity" }
                        input id=(quantity) name="quantity" type="number" min=(least) max=(most) value=(now);
                    }
                }
                @if offer.code {
                    div.field {
                        label for=(code) { "Promotion code" span.soft { " (optional)" } }
                        input id=(code) name="promotion_code" autocomplete="off";
                    }
                }
                button name="action" value="update" { "Change subscription" }
            }
        }
    }
}

/// The prices of an offer: id and what is shown.
pub(super) fn labels(tx: &Tx<'_>, offer: &Offer) -> Vec<(String, String)> {
    let label = |p: &Arc<Record>| (p.id.clone(), price_text(tx, &p.value, 1));
    offer.prices.iter().map(label).collect()
}

/// What the customer of a `subscription_update_confirm` flow is asked.
pub(super) struct Question {
    wanted: Wanted,
    what: String,
    /// The invoice that is next when it is confirmed, if there is one.
    invoice: Option<Value>,
}

pub(super) fn question(tx: &mut Tx<'_>, session: &Record) -> Option<Question> {
    let flow = &session.value["flow"];
    if flow["type"] != "subscription_update_confirm" || session.hidden["done"] == json!(true) {
        return None;
    }
    let wanted = Wanted::of_flow(flow)?;
    let price = tx.get(&wanted.price)?;
    let what = price_text(tx, &price.value, wanted.quantity);
    let features = tx.get(session.text("configuration"))?.value["features"].clone();
    let owner = session.owner.clone();
    let invoice = tx.dry_run(|tx| {
        wanted.discount(tx, &owner).ok()?;
        let form = wanted.preview(&features);
        request(
            tx,
            &owner,
            "POST",
            "/v1/invoices/create_preview",
            &pairs(&form),
        )
        .ok()
    });
    Some(Question {
        wanted,
        what,
        invoice,
    })
}

impl Question {
    pub fn show(&self) -> Markup {
        html! {
            section.panel #confirm {
                h2 { "Confirm your change" }
                p { strong { (self.what) } }
                @if let Some(invoice) = &self.invoice { (preview(invoice)) }
                form method="post" {
                    input type="hidden" name="subject" value=(self.wanted.subscription);
                    button name="action" value="confirm" { "Confirm" }
                }
            }
        }
    }
}

fn preview(invoice: &Value) -> Markup {
    let currency = invoice["currency"].as_str().unwrap_or_default();
    let sum = |name: &str| invoice[name].as_i64().unwrap_or(0);
    let row = |line: &Value| {
        html! { tr {
            td { (line["description"].as_str().unwrap_or("Item")) }
            td { (when(line["period"]["start"].as_i64().unwrap_or(0))) }
            (amount(line["amount"].as_i64().unwrap_or(0), currency))
        } }
    };
    let rows = invoice["lines"]["data"].as_array();
    let rows = rows.into_iter().flatten().map(row).collect();
    html! {
        (table("Next invoice", &["Description", "From", "Amount"], rows, "No lines"))
        p.total { (money::format(sum("amount_due"), currency)) " due" }
    }
}

/// What the customer wants of a subscription.
pub(super) struct Wanted {
    subscription: String,
    item: String,
    price: String,
    quantity: i64,
    /// A coupon's or a promotion code's id, by the name of the parameter.
    discount: Option<(String, String)>,
}

impl Wanted {
    fn of_flow(flow: &Value) -> Option<Self> {
        let confirm = &flow["subscription_update_confirm"];
        let (item, discount) = (&confirm["items"][0], &confirm["discounts"][0]);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let named = |name: &str| Some((name.to_owned(), text(&discount[name])?));
        Some(Self {
            subscription: text(&confirm["subscription"])?,
            item: text(&item["id"])?,
            price: text(&item["price"])?,
            quantity: item["quantity"].as_i64()?,
            discount: named("coupon").or_else(|| named("promotion_code")),
        })
    }

    /// What a form asks for, if it is offered.
    pub fn of_form(tx: &Tx<'_>, view: &View, form: &PortalForm) -> Result<Self, ApiError> {
        let offer = view
            .subscriptions
            .iter()
            .find(|s| s.record.id == form.subject)
            .and_then(|s| s.offer.as_ref())
            .ok_or_else(super::not_offered)?;
        let price = match form.price.as_str() {
            "" => offer.price(),
            price => price,
        };
        let quantity = match form.quantity.trim() {
            "" => offer.item.int("quantity"),
            text => text.parse().map_err(|_| {
                ApiError::invalid(format!("Invalid integer: {text}")).param("quantity")
            })?,
        };
        offer.check(price, quantity)?;
        let discount = match form.promotion_code.trim() {
            "" => None,
            _ if !offer.code => return Err(super::not_offered()),
            text => Some(("promotion_code".to_owned(), code(tx, view, text)?)),
        };
        Ok(Self {
            subscription: form.subject.clone(),
            item: offer.item.id.clone(),
            price: price.to_owned(),
            quantity,
            discount,
        })
    }

    /// What the session's flow asks to be confirmed.
    pub fn confirmed(view: &View, subject: &str) -> Result<Self, ApiError> {
        let open = view.session.hidden["done"] != json!(true);
        Self::of_flow(&view.session.value["flow"])
            .filter(|wanted| open && wanted.subscription == subject)
            .ok_or_else(super::not_offered)
    }

    fn path(&self) -> String {
        format!("/v1/subscriptions/{}", self.subscription)
    }

    /// Puts the discount on the subscription. Returns those that were there.
    fn discount(&self, tx: &mut Tx<'_>, owner: &str) -> Result<Vec<String>, ApiError> {
        let old = tx
            .get(&self.subscription)
            .map(|s| s.value["discounts"].clone())
            .unwrap_or_default();
        let old: Vec<String> = old
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|d| d.as_str().map(str::to_owned))
            .collect();
        if let Some((name, id)) = &self.discount {
            let mut form = kept(&old);
            form.push((format!("discounts[{}][{name}]", old.len()), id.clone()));
            request(tx, owner, "POST", &self.path(), &pairs(&form))?;
        }
        Ok(old)
    }

    fn preview(&self, features: &Value) -> Vec<(String, String)> {
        let mut form = self.items("subscription_details[items][0]");
        form.push(("subscription".to_owned(), self.subscription.clone()));
        let how = proration(features);
        form.push(("subscription_details[proration_behavior]".to_owned(), how));
        form
    }

    fn items(&self, at: &str) -> Vec<(String, String)> {
        vec![
            (format!("{at}[id]"), self.item.clone()),
            (format!("{at}[price]"), self.price.clone()),
            (format!("{at}[quantity]"), self.quantity.to_string()),
        ]
    }

    /// The parameters of the update.
    fn update(&self, tx: &Tx<'_>, features: &Value) -> Vec<(String, String)> {
        let mut form = self.items("items[0]");
        let mut push = |name: &str, value: &str| form.push((name.to_owned(), value.to_owned()));
        push("proration_behavior", &proration(features));
        let feature = &features["subscription_update"];
        let subscription = tx.get(&self.subscription);
        let trialing = subscription
            .as_ref()
            .is_some_and(|s| s.text("status") == "trialing");
        if trialing && feature["trial_update_behavior"] == "end_trial" {
            push("trial_end", "now");
        } else if !trialing && feature["billing_cycle_anchor"] == "now" {
            push("billing_cycle_anchor", "now");
        }
        let debited = subscription
            .and_then(|s| payments::method_of_subscription(tx, &s))
            .is_some_and(|m| matches!(methods::kind(&m), MethodKind::Debit(..)));
        if !debited {
            push("payment_behavior", "pending_if_incomplete");
        }
        form
    }

    /// Makes the change, paid first if it has to be paid.
    pub fn apply(&self, tx: &mut Tx<'_>, view: &View) -> Result<End, ApiError> {
        let owner = view.session.owner.as_str();
        let old = self.discount(tx, owner)?;
        let form = self.update(tx, &view.features);
        let changed = request(tx, owner, "POST", &self.path(), &pairs(&form))?;
        if changed["pending_update"].is_null() {
            return Ok(End::Done);
        }
        let invoice = changed["latest_invoice"].as_str().unwrap_or_default();
        let intent = tx
            .get(invoice)
            .and_then(|i| payments::default_of(tx, &i))
            .map(|(_, intent)| intent)
            .ok_or_else(ApiError::unexpected)?;
        if intent.text("status") == "requires_action" {
            let url = format!("{}/c/challenge/{}", tx.base_url, intent.id);
            let back = back_to(&view.session);
            tx.update(&intent.id, |r| {
                r.value["next_action"] = intents::challenge_at(&url, Some(&back));
            });
            return Ok(End::Asked(url));
        }
        if tx.assumptions.get("portal_decline") == "discarded" {
            request(
                tx,
                owner,
                "POST",
                &format!("/v1/invoices/{invoice}/void"),
                &[],
            )?;
            if self.discount.is_some() {
                let mut form = kept(&old);
                if form.is_empty() {
                    form.push(("discounts".to_owned(), String::new()));
                }
                request(tx, owner, "POST", &self.path(), &pairs(&form))?;
            }
        }
        let error = &intent.value["last_payment_error"]["message"];
        Ok(End::Declined(
            error
                .as_str()
                .unwrap_or("Your card was declined.")
                .to_owned(),
        ))
    }
}

/// Where the bank's page leads to.
fn back_to(session: &Record) -> String {
    let after = &session.value["flow"]["after_completion"];
    let url = after["redirect"]["return_url"].as_str();
    url.unwrap_or(session.text("url")).to_owned()
}

fn proration(features: &Value) -> String {
    let how = features["subscription_update"]["proration_behavior"].as_str();
    how.unwrap_or("none").to_owned()
}

/// The parameters that keep discounts.
fn kept(discounts: &[String]) -> Vec<(String, String)> {
    let one = |(n, id): (usize, &String)| (format!("discounts[{n}][discount]"), id.clone());
    discounts.iter().enumerate().map(one).collect()
}

fn pairs(form: &[(String, String)]) -> Vec<(&str, &str)> {
    form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect()
}

/// The promotion code of a text, whatever its case.
fn code(tx: &Tx<'_>, view: &View, text: &str) -> Result<String, ApiError> {
    tx.store()
        .list(Kind::PromotionCode, &view.session.owner)
        .find(|c| c.value["active"] == json!(true) && c.text("code").eq_ignore_ascii_case(text))
        .map(|c| c.id.clone())
        .ok_or_else(|| ApiError::invalid("This code is invalid.").param("promotion_code"))
}
