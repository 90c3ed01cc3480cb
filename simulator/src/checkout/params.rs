//! The parameters of a Checkout Session: <https://docs.stripe.com/api/checkout/sessions/object>.

use serde_json::{Value, json};

use crate::{
    api::{Call, merged, metadata},
    billing::prices,
    customers::{
        self,
        configurations::{self, Terms},
    },
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Tx},
};

/// Stripe's own limits.
const MAX_FIELDS: usize = 3;
const MAX_OPTIONAL: usize = 10;
const MAX_TEXT: usize = 1200;

/// The session without its amounts.
pub(super) fn describe(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    id: &str,
    currency: Option<&str>,
) -> Answer {
    let args = call.args;
    let mode = args.text("mode").unwrap_or("payment");
    let ui = args.text("ui_mode").unwrap_or("hosted_page");
    let optional = optional_items(tx, call)?;
    let customer = args.text("customer");
    let creation = match customer {
        Some(_) => None,
        None if mode == "subscription" => None,
        None => Some(args.text("customer_creation").unwrap_or("if_required")),
    };
    let (types, configuration) = types(tx, call, currency)?;
    let secret = (ui != "hosted_page").then(|| tx.mint(&format!("{id}_secret_"), 40));
    let session = merged(unpaid(id, tx.now), collected(args)?);
    let session = merged(
        session,
        json!({
            "allow_promotion_codes": args.flag("allow_promotion_codes"),
            "cancel_url": args.text("cancel_url"),
            "client_reference_id": args.text("client_reference_id"),
            "client_secret": secret,
            "currency": currency,
            "customer": customer,
            "customer_creation": creation,
            "customer_details": details(tx, args),
            "customer_email": args.text("customer_email"),
            "excluded_payment_method_types": args.texts("excluded_payment_method_types"),
            "integration_identifier": args.text("integration_identifier"),
            "invoice_creation": (mode == "payment").then(no_invoice),
            "locale": args.text("locale"),
            "metadata": metadata(args, "metadata")?,
            "mode": mode,
            "optional_items": optional,
            "origin_context": args.text("origin_context"),
            "payment_method_collection": args
                .text("payment_method_collection")
                .unwrap_or(if mode == "payment" { "if_required" } else { "always" }),
            "payment_method_configuration_details": configuration,
            "payment_method_types": types,
            "payment_status": if mode == "setup" { "no_payment_required" } else { "unpaid" },
            "submit_type": args.text("submit_type"),
            "success_url": args.text("success_url"),
            "ui_mode": ui,
            "url": (ui == "hosted_page").then(|| format!("{}/c/pay/{id}", tx.base_url)),
        }),
    );
    let mut session = merged(session, page_fields(args, ui));
    if let Some(form) = args.at("branding_settings") {
        session["branding_settings"] = branding(tx, call.owner, form);
    }
    Ok(session)
}

/// The fields that every session begins with.
fn unpaid(id: &str, now: i64) -> Value {
    json!({
        "id": id,
        "object": "checkout.session",
        "amount_subtotal": null,
        "amount_total": null,
        "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
        "collected_information": null,
        "consent": null,
        "created": now,
        "currency_conversion": null,
        "customer_account": null,
        "discounts": [],
        "invoice": null,
        "livemode": false,
        "payment_intent": null,
        "payment_link": null,
        "payment_method_options": {},
        "recovered_from": null,
        "setup_intent": null,
        "shipping_cost": null,
        "shipping_options": [],
        "status": "open",
        "subscription": null,
        "total_details": null,
    })
}

/// What the page offers the buyer and collects from them.
fn collected(args: &Node) -> Answer {
    Ok(json!({
        "adaptive_pricing": { "enabled": args.flag("adaptive_pricing.enabled").unwrap_or(false) },
        "after_expiration": after_expiration(args),
        "billing_address_collection": args.text("billing_address_collection"),
        "consent_collection": consent_collection(args),
        "custom_fields": custom_fields(args)?,
        "custom_text": custom_text(args)?,
        "permissions": args.at("permissions").map(|p| json!({
            "update_shipping_details": p.text("update_shipping_details"),
        })),
        "phone_number_collection": {
            "enabled": args.flag("phone_number_collection.enabled").unwrap_or(false),
        },
        "saved_payment_method_options": saved(args),
        "shipping_address_collection": args.at("shipping_address_collection").map(|s| json!({
            "allowed_countries": s.texts("allowed_countries"),
        })),
        "tax_id_collection": {
            "enabled": args.flag("tax_id_collection.enabled").unwrap_or(false),
            "required": args.text("tax_id_collection.required").unwrap_or("never"),
        },
        "wallet_options": args.at("wallet_options").map(|w| json!({
            "link": { "display": w.text("link.display").unwrap_or("auto") },
        })),
    }))
}

fn no_invoice() -> Value {
    json!({
        "enabled": false,
        "invoice_data": {
            "account_tax_ids": null, "custom_fields": null, "description": null,
            "footer": null, "issuer": null, "metadata": {}, "rendering_options": null,
        },
    })
}

/// The fields that only some pages have, or only sessions that asked for them.
fn page_fields(args: &Node, ui: &str) -> Value {
    let mut fields = json!({});
    if ui != "hosted_page" {
        fields["return_url"] = json!(args.text("return_url").unwrap_or_default());
    }
    if ui == "embedded_page" {
        fields["redirect_on_completion"] =
            json!(args.text("redirect_on_completion").unwrap_or("always"));
    }
    if let Some(names) = args.at("name_collection") {
        fields["name_collection"] = json!({});
        for (name, form) in names.children() {
            fields["name_collection"][name] = json!({
                "enabled": form.flag("enabled"), "optional": form.flag("optional").unwrap_or(false),
            });
        }
    }
    fields
}

/// The details of the buyer that the request gives.
fn details(tx: &Tx<'_>, args: &Node) -> Value {
    let customer = args.text("customer").and_then(|id| tx.get(id));
    let known = customer.and_then(|c| c.value["email"].as_str().map(str::to_owned));
    match known.as_deref().or(args.text("customer_email")) {
        None => Value::Null,
        Some(email) => json!({
            "address": null, "business_name": null, "email": email, "individual_name": null,
            "name": null, "phone": null, "tax_exempt": "none", "tax_ids": null,
        }),
    }
}

/// The payment method types that the page offers, and the configuration that they come from.
fn types(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    currency: Option<&str>,
) -> Result<(Vec<String>, Value), ApiError> {
    let args = call.args;
    let excluded = json!(args.texts("excluded_payment_method_types"));
    let given = args.texts("allowed_payment_method_types");
    if !given.is_empty() {
        let gone = |t: &&str| excluded.as_array().is_some_and(|e| e.contains(&json!(t)));
        let kept = given.into_iter().filter(|t| !gone(t)).map(str::to_owned);
        return Ok((kept.collect(), Value::Null));
    }
    let param = "payment_intent_data.on_behalf_of";
    let account = configurations::account_of(tx, call, &Value::Null, param);
    let named = args.text("payment_method_configuration");
    let found = configurations::resolve(tx, &account, named)?;
    let terms = Terms {
        currency: currency.unwrap_or_default(),
        redirects: true,
        excluded: &excluded,
    };
    let mut types = configurations::offered(tx, &found, terms);
    // What the page can play.
    types.retain(|t| ["card", "sepa_debit"].contains(t));
    if types.is_empty() {
        return Err(configurations::nothing_offered("Checkout Session"));
    }
    let types = types.into_iter().map(str::to_owned).collect();
    Ok((types, configurations::details(&found)))
}

fn after_expiration(args: &Node) -> Value {
    match args.at("after_expiration.recovery") {
        None => Value::Null,
        Some(form) => json!({
            "recovery": {
                "allow_promotion_codes": form.flag("allow_promotion_codes").unwrap_or(false),
                "enabled": form.flag("enabled").unwrap_or(false),
                "expires_at": null,
                "url": null,
            },
        }),
    }
}

fn consent_collection(args: &Node) -> Value {
    match args.at("consent_collection") {
        None => Value::Null,
        Some(form) => {
            let position = form.text("payment_method_reuse_agreement.position");
            json!({
                "payment_method_reuse_agreement": position.map(|p| json!({ "position": p })),
                "promotions": form.text("promotions"),
                "terms_of_service": form.text("terms_of_service"),
            })
        }
    }
}

fn custom_text(args: &Node) -> Answer {
    let mut out = json!({});
    for name in [
        "after_submit",
        "shipping_address",
        "submit",
        "terms_of_service_acceptance",
    ] {
        let text = args.text(&format!("custom_text.{name}.message"));
        if text.is_some_and(|t| t.chars().count() > MAX_TEXT) {
            return Err(ApiError::invalid(format!(
                "Invalid string: the message must be at most {MAX_TEXT} characters"
            ))
            .param(format!("custom_text[{name}][message]")));
        }
        out[name] = json!(text.map(|message| json!({ "message": message })));
    }
    Ok(out)
}

/// <https://docs.stripe.com/payments/checkout/custom-fields>.
fn custom_fields(args: &Node) -> Result<Vec<Value>, ApiError> {
    let mut fields: Vec<Value> = Vec::new();
    for (index, form) in args.list("custom_fields").enumerate() {
        let refuse = |name: &str, why: &str| {
            Err(ApiError::invalid(why).param(format!("custom_fields[{index}][{name}]")))
        };
        if index == MAX_FIELDS {
            return Err(
                ApiError::invalid("You can pass at most 3 custom fields.").param("custom_fields")
            );
        }
        let key = form.text("key").unwrap_or_default();
        if key.len() > 200 || !key.chars().all(|c| c.is_ascii_alphanumeric()) {
            return refuse("key", "Custom field keys are up to 200 letters and digits.");
        }
        if fields.iter().any(|f| f["key"] == key) {
            return refuse(
                "key",
                "Custom field keys must be unique in one Checkout Session.",
            );
        }
        let label = form.text("label.custom").unwrap_or_default();
        if label.chars().count() > 50 {
            return refuse("label", "Custom field labels are up to 50 characters.");
        }
        let kind = form.text("type").unwrap_or_default();
        let part = form.sub(kind);
        let mut field = json!({
            "key": key,
            "label": { "custom": label, "type": "custom" },
            "optional": form.flag("optional").unwrap_or(false),
            "type": kind,
        });
        field[kind] = if kind == "dropdown" {
            let options: Vec<_> = part
                .list("options")
                .map(|o| json!({ "label": o.text("label"), "value": o.text("value") }))
                .collect();
            if options.is_empty() || options.len() > 200 {
                return refuse("dropdown", "A dropdown has from 1 to 200 options.");
            }
            json!({
                "default_value": part.text("default_value"), "options": options, "value": null,
            })
        } else {
            json!({
                "default_value": part.text("default_value"),
                "maximum_length": part.int("maximum_length"),
                "minimum_length": part.int("minimum_length"),
                "value": null,
            })
        };
        fields.push(field);
    }
    Ok(fields)
}

fn saved(args: &Node) -> Value {
    match (
        args.at("saved_payment_method_options"),
        args.text("customer"),
    ) {
        (None, None) => Value::Null,
        (form, _) => {
            let filters = form.map(|f| f.texts("allow_redisplay_filters"));
            let text = |name: &str| form.and_then(|f| f.text(name));
            json!({
                "allow_redisplay_filters": filters.filter(|f| !f.is_empty()).unwrap_or(vec!["always"]),
                "payment_method_remove": text("payment_method_remove").unwrap_or("disabled"),
                "payment_method_save": text("payment_method_save"),
            })
        }
    }
}

fn branding(tx: &Tx<'_>, owner: &str, form: &Node) -> Value {
    let name = tx.get(owner).and_then(|a| {
        a.value["business_profile"]["name"]
            .as_str()
            .map(str::to_owned)
    });
    json!({
        "background_color": form.text("background_color").unwrap_or("#ffffff"),
        "border_style": form.text("border_style").unwrap_or("rounded"),
        "button_color": form.text("button_color").unwrap_or("#0074d4"),
        "display_name": form.text("display_name").or(name.as_deref()).unwrap_or("Simulated seller"),
        "font_family": form.text("font_family").unwrap_or("default"),
        "icon": null,
        "logo": null,
    })
}

fn optional_items(tx: &mut Tx<'_>, call: &Call<'_>) -> Result<Vec<Value>, ApiError> {
    let mut items = Vec::new();
    for (index, form) in call.args.list("optional_items").enumerate() {
        if index == MAX_OPTIONAL {
            return Err(ApiError::invalid("You can pass at most 10 optional items.")
                .param("optional_items"));
        }
        let price = prices::read(tx, call, form, &format!("optional_items[{index}]"))?;
        items.push(json!({
            "adjustable_quantity": adjustable(form),
            "price": price.id,
            "quantity": form.int("quantity").unwrap_or(1),
        }));
    }
    Ok(items)
}

/// `adjustable_quantity`, with Stripe's bounds where none are given.
pub(super) fn adjustable(form: &Node) -> Value {
    match form.flag("adjustable_quantity.enabled") {
        None => Value::Null,
        Some(false) => json!({ "enabled": false, "maximum": null, "minimum": null }),
        Some(true) => json!({
            "enabled": true,
            "maximum": form.int("adjustable_quantity.maximum").unwrap_or(99),
            "minimum": form.int("adjustable_quantity.minimum").unwrap_or(0),
        }),
    }
}

/// Documented parameters that aren't simulated. They would change what happens, so they are
/// refused, unless they are `false`.
const NOT_YET: [&str; 4] = [
    "automatic_tax.enabled",
    "customer_account",
    "invoice_creation.enabled",
    "managed_payments.enabled",
];

/// The parameters that only some modes have.
const ONLY: [(&str, &[&str]); 7] = [
    ("payment_intent_data", &["payment"]),
    ("setup_intent_data", &["setup"]),
    ("subscription_data", &["subscription"]),
    ("payment_method_collection", &["subscription"]),
    ("invoice_creation", &["payment"]),
    ("customer_creation", &["payment", "setup"]),
    ("submit_type", &["payment", "subscription"]),
];

const NO_SETUP: [&str; 8] = [
    "allow_promotion_codes",
    "discounts",
    "line_items",
    "optional_items",
    "saved_payment_method_options",
    "shipping_options",
    "shipping_address_collection",
    "automatic_tax",
];

/// Pairs of parameters that exclude each other.
const EITHER_OR: [(&str, &str); 4] = [
    (
        "allowed_payment_method_types",
        "payment_method_configuration",
    ),
    ("customer", "customer_email"),
    ("customer", "customer_creation"),
    ("allow_promotion_codes", "discounts"),
];

/// Checks the parameters of a session against each other.
pub(super) fn check(tx: &Tx<'_>, call: &Call<'_>) -> Result<(), ApiError> {
    let args = call.args;
    let ui = args.text("ui_mode").unwrap_or("hosted_page");
    check_mode(args, args.text("mode").unwrap_or("payment"))?;
    check_combinations(args)?;
    check_page(args, ui)?;
    check_urls(args, ui)?;
    customers::check_email(args.text("customer_email"), "customer_email")?;
    if let Some(id) = args.text("customer") {
        tx.find(Kind::Customer, call.owner, id)
            .ok_or_else(|| ApiError::missing("customer", id, "customer"))?;
    }
    Ok(())
}

fn refuse(name: &str, why: String) -> Result<(), ApiError> {
    Err(ApiError::invalid(why).param(name))
}

fn check_mode(args: &Node, mode: &str) -> Result<(), ApiError> {
    let given = |name: &str| args.at(name).is_some();
    if let Some(path) = NOT_YET
        .iter()
        .find(|path| given(path) && args.flag(path) != Some(false))
    {
        let head = path.split('.').next().unwrap_or(path);
        return refuse(head, format!("The simulator doesn't know `{head}` yet."));
    }
    let wrong = ONLY
        .iter()
        .find(|(name, modes)| given(name) && !modes.contains(&mode));
    let wrong = wrong.map(|(name, _)| *name);
    let wrong = wrong.or(NO_SETUP.into_iter().find(|n| mode == "setup" && given(n)));
    match wrong {
        Some(name) => refuse(name, format!("You can not pass `{name}` in `{mode}` mode.")),
        None => Ok(()),
    }
}

fn check_combinations(args: &Node) -> Result<(), ApiError> {
    let given = |name: &str| args.at(name).is_some();
    for (one, other) in EITHER_OR {
        if given(one) && given(other) {
            return refuse(
                other,
                format!("You may only specify one of these parameters: {one}, {other}."),
            );
        }
    }
    if given("customer_update") && !given("customer") {
        return refuse(
            "customer_update",
            "`customer_update` can only be used when `customer` is provided.".to_owned(),
        );
    }
    Ok(())
}

/// Refuses parameters that another `ui_mode` has.
fn check_page(args: &Node, ui: &str) -> Result<(), ApiError> {
    let given = |name: &str| args.at(name).is_some();
    let embedded_only = ["return_url", "redirect_on_completion", "permissions"];
    let hosted_only = ["success_url", "cancel_url"];
    let not_elements = [
        "after_expiration",
        "custom_fields",
        "optional_items",
        "submit_type",
    ];
    let misplaced: &[&str] = match ui {
        "hosted_page" => &embedded_only,
        _ => &hosted_only,
    };
    let misplaced = misplaced.iter().copied().find(|n| given(n));
    let misplaced = misplaced.or(not_elements
        .into_iter()
        .find(|n| ui == "elements" && given(n)));
    match misplaced {
        Some(name) => refuse(
            name,
            format!("You can not pass `{name}` when `ui_mode` is `{ui}`."),
        ),
        None => Ok(()),
    }
}

/// Checks that the URLs the page needs are given, and that they are URLs.
fn check_urls(args: &Node, ui: &str) -> Result<(), ApiError> {
    let goes_nowhere =
        ui == "embedded_page" && args.text("redirect_on_completion") == Some("never");
    let wanted = match ui {
        "hosted_page" => Some("success_url"),
        _ if goes_nowhere => None,
        _ => Some("return_url"),
    };
    if let Some(name) = wanted.filter(|n| args.text(n).is_none()) {
        return Err(ApiError::parameter_missing(name));
    }
    for name in ["success_url", "cancel_url", "return_url"] {
        if args.text(name).is_some_and(|u| url::Url::parse(u).is_err()) {
            return Err(ApiError::invalid("Not a valid URL")
                .code("url_invalid")
                .param(name));
        }
    }
    Ok(())
}
