//! Tax ids of customers (docs.stripe.com/api/tax_ids).

use serde_json::{Value, json};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};

use super::LIMIT;

/// The types that a customer can be given (docs.stripe.com/api/tax_ids/customer_create, `type`).
pub const TYPES: &[&str] = &[
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

/// A request about a customer's tax ids.
struct TaxIds {
    method: StripeMethod,
    path: String,
    query: Option<Value>,
    form: Option<Value>,
}

impl StripeRequest for TaxIds {
    type Output = ();

    fn build(&self) -> RequestBuilder {
        let mut request = RequestBuilder::new(self.method, &self.path);
        if let Some(query) = &self.query {
            request = request.query(query);
        }
        match &self.form {
            Some(form) => request.form(form),
            None => request,
        }
    }
}

/// Gives a customer a tax id.
pub fn create(customer: &str, kind: &str, value: &str) -> impl StripeRequest + use<> {
    TaxIds {
        method: StripeMethod::Post,
        path: format!("/customers/{customer}/tax_ids"),
        query: None,
        form: Some(json!({ "type": kind, "value": value })),
    }
}

/// A page of a customer's tax ids, newest first.
pub fn list(customer: &str, starting_after: Option<&str>) -> impl StripeRequest + use<> {
    let mut query = json!({ "limit": LIMIT });
    if let Some(last) = starting_after {
        query["starting_after"] = json!(last);
    }
    TaxIds {
        method: StripeMethod::Get,
        path: format!("/customers/{customer}/tax_ids"),
        query: Some(query),
        form: None,
    }
}

/// Takes a tax id from its customer.
pub fn delete(customer: &str, tax_id: &str) -> impl StripeRequest + use<> {
    TaxIds {
        method: StripeMethod::Delete,
        path: format!("/customers/{customer}/tax_ids/{tax_id}"),
        query: None,
        form: None,
    }
}
