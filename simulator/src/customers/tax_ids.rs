//! Tax ids of customers: <https://docs.stripe.com/api/tax_ids>, <https://docs.stripe.com/billing/customer/tax-ids>.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, find, lists},
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/customers/{customer}/tax_ids", create),
    ("GET", "/v1/customers/{customer}/tax_ids", list),
    (
        "GET",
        "/v1/customers/{customer}/tax_ids/{id}",
        |tx, call| one(tx, call).map(|r| r.value.clone()),
    ),
    ("DELETE", "/v1/customers/{customer}/tax_ids/{id}", delete),
];

/// The types that a customer can be given.
const TYPES: &[&str] = &[
    "ad_nrt",
    "ae_trn",
    "al_tin",
    "am_tin",
    "ao_tin",
    "ar_cuit",
    "au_abn",
    "au_arn",
    "aw_tin",
    "az_tin",
    "ba_tin",
    "bb_tin",
    "bd_bin",
    "bf_ifu",
    "bg_uic",
    "bh_vat",
    "bj_ifu",
    "bo_tin",
    "br_cnpj",
    "br_cpf",
    "bs_tin",
    "by_tin",
    "ca_bn",
    "ca_gst_hst",
    "ca_pst_bc",
    "ca_pst_mb",
    "ca_pst_sk",
    "ca_qst",
    "cd_nif",
    "ch_uid",
    "ch_vat",
    "cl_tin",
    "cm_niu",
    "cn_tin",
    "co_nit",
    "cr_tin",
    "cv_nif",
    "de_stn",
    "do_rcn",
    "ec_ruc",
    "eg_tin",
    "es_cif",
    "et_tin",
    "eu_oss_vat",
    "eu_vat",
    "fo_vat",
    "gb_vat",
    "ge_vat",
    "gi_tin",
    "gn_nif",
    "hk_br",
    "hr_oib",
    "hu_tin",
    "id_npwp",
    "il_vat",
    "in_gst",
    "is_vat",
    "it_cf",
    "jp_cn",
    "jp_rn",
    "jp_trn",
    "ke_pin",
    "kg_tin",
    "kh_tin",
    "kr_brn",
    "kz_bin",
    "la_tin",
    "li_uid",
    "li_vat",
    "lk_vat",
    "ma_vat",
    "md_vat",
    "me_pib",
    "mk_vat",
    "mr_nif",
    "mx_rfc",
    "my_frp",
    "my_itn",
    "my_sst",
    "ng_tin",
    "no_vat",
    "no_voec",
    "np_pan",
    "nz_gst",
    "om_vat",
    "pe_ruc",
    "ph_tin",
    "pl_nip",
    "py_ruc",
    "ro_tin",
    "rs_pib",
    "ru_inn",
    "ru_kpp",
    "sa_vat",
    "sg_gst",
    "sg_uen",
    "si_tin",
    "sn_ninea",
    "sr_fin",
    "sv_nit",
    "th_vat",
    "tj_tin",
    "tr_tin",
    "tw_vat",
    "tz_vat",
    "ua_vat",
    "ug_tin",
    "us_ein",
    "uy_ruc",
    "uz_tin",
    "uz_vat",
    "ve_rif",
    "vn_tin",
    "za_vat",
    "zm_tin",
    "zw_tin",
];

/// The types whose numbers Stripe asks an authority about.
const VERIFIED: &[&str] = &["au_abn", "eu_vat", "gb_vat"];
/// Numbers that decide how verification ends, whatever the country.
const MAGIC: &[&str] = &["000000000", "111111111", "222222222"];
/// How many letters and digits follow the country in a VAT number of the European Union.
const EU_VAT: &[(&str, usize, usize)] = &[
    ("AT", 9, 9),
    ("BE", 10, 10),
    ("BG", 9, 10),
    ("CY", 9, 9),
    ("CZ", 8, 10),
    ("DE", 9, 9),
    ("DK", 8, 8),
    ("EE", 9, 9),
    ("EL", 9, 9),
    ("ES", 9, 9),
    ("FI", 8, 8),
    ("FR", 11, 11),
    ("HR", 11, 11),
    ("HU", 8, 11),
    ("IE", 8, 9),
    ("IT", 11, 11),
    ("LT", 9, 12),
    ("LU", 8, 8),
    ("LV", 11, 11),
    ("MT", 8, 8),
    ("NL", 12, 12),
    ("PL", 10, 10),
    ("PT", 9, 9),
    ("RO", 2, 10),
    ("SE", 12, 12),
    ("SI", 8, 8),
    ("SK", 10, 10),
    ("XI", 9, 12),
];
/// How long an authority takes to answer.
const VERIFICATION_TAKES: i64 = 5;

/// A number without what people put between its parts.
fn plain(value: &str) -> String {
    let kept = value.chars().filter(|c| c.is_alphanumeric());
    kept.collect::<String>().to_uppercase()
}

/// Whether a number may be one of its type. Only types whose form is known here are looked at.
fn fits(kind: &str, value: &str) -> bool {
    let plain = plain(value);
    let is_magic = MAGIC.iter().any(|magic| plain.ends_with(magic));
    let digits = |count| plain.len() == count && plain.chars().all(|c| c.is_ascii_digit());
    match kind {
        "eu_vat" => EU_VAT.iter().any(|(country, least, most)| {
            let rest = plain.strip_prefix(country);
            rest.is_some_and(|rest| {
                let has_digit = rest.chars().any(|c| c.is_ascii_digit());
                is_magic || (has_digit && (*least..=*most).contains(&rest.len()))
            })
        }),
        "au_abn" => is_magic || digits(11),
        "us_ein" => digits(9),
        "gb_vat" => is_magic || plain.strip_prefix("GB").is_some_and(|rest| rest.len() >= 9),
        _ => plain.chars().any(|c| c.is_ascii_digit()),
    }
}

/// The country that a type or its number names.
fn country(kind: &str, value: &str) -> Option<String> {
    let named = match kind {
        "eu_oss_vat" => return None,
        "eu_vat" => plain(value).get(..2)?.to_owned(),
        kind => kind.get(..2)?.to_uppercase(),
    };
    // The European Union calls Greece so.
    Some(if named == "EL" {
        "GR".to_owned()
    } else {
        named
    })
}

fn check(form: &Node, at: &str) -> Result<(String, String), ApiError> {
    let param = |name: &str| match at {
        "" => name.to_owned(),
        at => format!("{at}[{name}]"),
    };
    let (kind, value) = (
        form.text("type").unwrap_or_default(),
        form.text("value").unwrap_or_default(),
    );
    if !TYPES.contains(&kind) {
        return Err(ApiError::invalid(format!(
            "Invalid {}: must be one of {}",
            param("type"),
            TYPES.join(", ")
        ))
        .param(param("type")));
    }
    if !fits(kind, value) {
        return Err(ApiError::invalid(format!("Invalid value for {kind}."))
            .code("tax_id_invalid")
            .param(param("value")));
    }
    Ok((kind.to_owned(), value.trim().to_owned()))
}

/// Gives a customer a tax id; its object.
fn add(tx: &mut Tx<'_>, owner: &str, customer: &str, form: &Node, at: &str) -> Answer {
    let (kind, value) = check(form, at)?;
    let is_there =
        |r: &Arc<Record>| r.text("type") == kind && plain(r.text("value")) == plain(&value);
    if tx
        .store()
        .naming(Kind::TaxId, "customer", customer)
        .any(is_there)
        && tx.assumptions.get("duplicate_tax_id") == "refused"
    {
        return Err(ApiError::invalid(
            "A tax ID with this type and value already exists on the customer.",
        )
        .code("resource_already_exists"));
    }
    let is_asked = VERIFIED.contains(&kind.as_str());
    let due = tx.now + tx.takes(VERIFICATION_TAKES);
    let status = if is_asked { "pending" } else { "unavailable" };
    let made = json!({
        "id": tx.mint("txi_1", 23),
        "object": "tax_id",
        "country": country(&kind, &value),
        "created": tx.now,
        "customer": customer,
        "customer_account": null,
        "livemode": false,
        "owner": { "type": "customer", "customer": customer },
        "type": kind,
        "value": value,
        "verification": { "status": status, "verified_address": null, "verified_name": null },
    });
    tx.insert(
        Kind::TaxId,
        owner,
        made.clone(),
        Value::Null,
        is_asked.then_some(due),
    );
    tx.emit("customer.tax_id.created", owner, &made);
    Ok(made)
}

/// Gives a new customer the tax ids that it was created with.
pub(super) fn add_all(tx: &mut Tx<'_>, call: &Call<'_>, customer: &str) -> Result<(), ApiError> {
    for (number, form) in call.args.list("tax_id_data").enumerate() {
        add(
            tx,
            call.owner,
            customer,
            form,
            &format!("tax_id_data[{number}]"),
        )?;
    }
    Ok(())
}

/// Takes a deleted customer's away.
pub(super) fn remove_all(tx: &mut Tx<'_>, customer: &str) {
    let theirs = tx.store().naming(Kind::TaxId, "customer", customer);
    let theirs: Vec<String> = theirs.map(|r| r.id.clone()).collect();
    for id in theirs {
        tx.remove(&id);
    }
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let customer = find(tx, call, Kind::Customer, call.id(), "customer")?;
    add(tx, call.owner, &customer.id, call.args, "")
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let customer = find(tx, call, Kind::Customer, call.id(), "customer")?;
    lists::list(tx, call, Kind::TaxId, |r| {
        r.value["customer"] == customer.id.as_str()
    })
}

fn one(tx: &Tx<'_>, call: &Call<'_>) -> Result<Arc<Record>, ApiError> {
    let customer = find(tx, call, Kind::Customer, call.id(), "customer")?;
    let id = call.ids.get(1).copied().unwrap_or_default();
    let found = find(tx, call, Kind::TaxId, id, "id")?;
    if found.value["customer"] == customer.id.as_str() {
        return Ok(found);
    }
    Err(ApiError::missing(Kind::TaxId.noun(), id, "id"))
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let gone = one(tx, call)?;
    tx.remove(&gone.id);
    tx.emit("customer.tax_id.deleted", call.owner, &gone.value);
    Ok(json!({ "id": gone.id, "object": "tax_id", "deleted": true }))
}

/// An authority has answered, or has not.
pub(crate) fn falls_due(tx: &mut Tx<'_>, tax_id: &Record) {
    let value = plain(tax_id.text("value"));
    let status = match MAGIC.iter().find(|magic| value.ends_with(*magic)) {
        Some(&"111111111") => "unverified",
        Some(&"222222222") => tx.assumptions.get("tax_id_timeout"),
        _ => "verified",
    };
    let mut now = tax_id.value.clone();
    now["verification"]["status"] = json!(status);
    if status == "verified" {
        now["verification"]["verified_name"] = json!("Example Trading");
        now["verification"]["verified_address"] = json!("1 Example Street");
    }
    tx.update(&tax_id.id, |r| {
        r.value = now.clone();
        r.due = None;
    });
    tx.emit_update(
        "customer.tax_id.updated",
        &tax_id.owner,
        &tax_id.value,
        &now,
    );
}
