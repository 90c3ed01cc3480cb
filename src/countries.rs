//! Countries: those of ISO 3166-1, and those in which Stripe serves connected accounts that take payments.

/// Alpha-2 codes that ISO 3166-1 assigns.
const ISO_3166: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK \
    FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE \
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ \
    MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO \
    RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW \
    TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Where an account can have the capability `card_payments`, which direct charges need (stripe.com/global). Stripe pays
/// accounts in more countries, but those only receive transfers (docs.stripe.com/connect/service-agreement-types).
const SERVED: &str = "AE AT AU BE BG BR CA CH CY CZ DE DK EE ES FI FR GB GI GR HK HR HU ID IE IN IT JP LI LT LU LV MT MX MY NL \
    NO NZ PL PT RO SE SG SI SK TH US";

/// The currency that an account in a served country begins with, in lower case. All others of them have the euro
/// (docs.stripe.com/payouts#supported-accounts-and-settlement-currencies).
const OWN_CURRENCY: &str = "AE aed AU aud BR brl CA cad CH chf CZ czk DK dkk GB gbp GI gbp HK hkd HU huf ID idr IN inr JP jpy \
    LI chf MX mxn MY myr NO nok NZ nzd PL pln RO ron SE sek SG sgd TH thb US usd";

/// The currency that an account in a served country begins with, in lower case. None: Stripe doesn't serve it.
pub fn currency(code: &str) -> Option<&'static str> {
    if !is_served(code) {
        return None;
    }
    let mut words = OWN_CURRENCY.split_whitespace();
    let own = words.find(|word| *word == code).and_then(|_| words.next());
    Some(own.unwrap_or("eur"))
}

/// Whether ISO 3166-1 assigns the alpha-2 code, in upper case.
pub fn is_country(code: &str) -> bool {
    lists(ISO_3166, code)
}

/// Whether Stripe serves connected accounts in the country that take payments.
pub fn is_served(code: &str) -> bool {
    lists(SERVED, code)
}

fn lists(codes: &str, code: &str) -> bool {
    codes.split_whitespace().any(|one| one == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_country_if_iso_3166_assigns_it() {
        assert_eq!(ISO_3166.split_whitespace().count(), 249);
        for code in ["DE", "US", "AQ", "NG"] {
            assert!(is_country(code), "{code}");
        }
        for code in ["XX", "ZZ", "UK", "EU", "de", "", "D", "AD AE", " DE"] {
            assert!(!is_country(code), "{code:?}");
        }
    }

    #[test]
    fn every_served_country_has_a_currency_that_stripe_settles() {
        for country in SERVED.split_whitespace() {
            let code = currency(country).unwrap_or_else(|| panic!("{country} has none"));
            assert!(crate::money::currency(code).is_some(), "{country}: {code}");
        }
        for (country, code) in [("US", "usd"), ("BG", "eur"), ("DE", "eur"), ("GI", "gbp")] {
            assert_eq!(currency(country), Some(code));
        }
        assert_eq!(currency("AQ"), None);
        assert_eq!(OWN_CURRENCY.split_whitespace().count(), 50);
    }

    #[test]
    fn every_served_country_is_one() {
        let served: Vec<_> = SERVED.split_whitespace().collect();
        assert!(served.is_sorted_by(|a, b| a < b));
        assert_eq!(served.len(), 46);
        assert!(served.iter().all(|code| is_country(code)));
        assert!(is_served("GB") && !is_served("AQ") && !is_served("NG"));
    }
}
