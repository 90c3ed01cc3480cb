//! Countries: which codes there are, and where Stripe has connected accounts.

use crate::error::ApiError;

/// The codes of ISO 3166-1 alpha-2 that are assigned.
const ASSIGNED: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO \
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE \
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW \
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Where connected accounts can be, with their currency, lower case: Stripe's own markets (<https://stripe.com/global>),
/// and Iceland, since it is in the EEA (<https://docs.stripe.com/connect/cross-border-payouts>).
const SERVED: [(&str, &str); 46] = [
    ("AE", "aed"),
    ("AT", "eur"),
    ("AU", "aud"),
    ("BE", "eur"),
    ("BG", "eur"),
    ("BR", "brl"),
    ("CA", "cad"),
    ("CH", "chf"),
    ("CY", "eur"),
    ("CZ", "czk"),
    ("DE", "eur"),
    ("DK", "dkk"),
    ("EE", "eur"),
    ("ES", "eur"),
    ("FI", "eur"),
    ("FR", "eur"),
    ("GB", "gbp"),
    ("GI", "gbp"),
    ("GR", "eur"),
    ("HK", "hkd"),
    ("HR", "eur"),
    ("HU", "huf"),
    ("IE", "eur"),
    ("IN", "inr"),
    ("IS", "eur"),
    ("IT", "eur"),
    ("JP", "jpy"),
    ("LI", "chf"),
    ("LT", "eur"),
    ("LU", "eur"),
    ("LV", "eur"),
    ("MT", "eur"),
    ("MX", "mxn"),
    ("MY", "myr"),
    ("NL", "eur"),
    ("NO", "nok"),
    ("NZ", "nzd"),
    ("PL", "pln"),
    ("PT", "eur"),
    ("RO", "ron"),
    ("SE", "sek"),
    ("SG", "sgd"),
    ("SI", "eur"),
    ("SK", "eur"),
    ("TH", "thb"),
    ("US", "usd"),
];

/// Refuses a code that no country has.
pub(crate) fn check(country: &str, param: &str) -> Result<(), ApiError> {
    if country.len() == 2 && ASSIGNED.split(' ').any(|code| code == country) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "Country '{country}' is unknown. Try using a 2-character alphanumeric country code instead, such as 'US', 'EG', or 'GB'. A full list of country codes is available at https://en.wikipedia.org/wiki/ISO_3166-1_alpha-2#Officially_assigned_code_elements"
    ))
    .code("country_code_invalid")
    .param(param))
}

/// Refuses a country where there are no connected accounts.
pub(crate) fn check_served(country: &str, param: &str) -> Result<(), ApiError> {
    check(country, param)?;
    if currency(country).is_some() {
        return Ok(());
    }
    let error = ApiError::invalid(format!("{country} is not currently supported by Stripe."));
    Err(error.code("country_unsupported").param(param))
}

/// The currency of a served country, lower case.
pub(crate) fn currency(country: &str) -> Option<&'static str> {
    let found = SERVED.iter().find(|(code, _)| *code == country);
    found.map(|(_, currency)| *currency)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money;

    #[test]
    fn each_country_is_there_once_and_has_a_currency_that_can_be_charged() {
        let assigned: Vec<_> = ASSIGNED.split(' ').collect();
        assert_eq!(assigned.len(), 249);
        assert!(assigned.is_sorted_by(|a, b| a < b), "once each");
        assert!(SERVED.is_sorted_by(|a, b| a.0 < b.0), "once each");
        for (country, currency) in SERVED {
            assert!(check_served(country, "country").is_ok(), "{country}");
            assert!(money::minimum(currency, "currency").is_ok(), "{country}");
        }
    }

    #[test]
    fn codes_that_no_country_has_are_unknown_and_other_countries_unsupported() {
        let code = |country: &str| check_served(country, "country").err().and_then(|e| e.code);
        for unknown in [
            "XX", "ZZ", "AA", "UK", "EU", "XK", "us", "USA", "U", "", "D E", "AD ",
        ] {
            assert_eq!(code(unknown), Some("country_code_invalid"), "{unknown}");
        }
        for elsewhere in ["TR", "ZA", "CN", "KP", "JO"] {
            assert_eq!(code(elsewhere), Some("country_unsupported"), "{elsewhere}");
        }
        assert_eq!(code("DE"), None);
    }
}
