//! Who may do what: every operation, asked for by everybody.

use std::collections::BTreeSet;

use super::fixture::{Fixture, Who, id_prefix};
use crate::contract::{Operation, contract};

type Row = (&'static str, [u16; 7]);

const ANYBODY: [u16; 7] = [200; 7];
const LOGGED_IN: [u16; 7] = [401, 401, 200, 200, 200, 200, 200];
const SELLING: [u16; 7] = [401, 401, 404, 404, 200, 404, 200];
const SELLING_AND_THEN_NOT: [u16; 7] = [401, 401, 404, 404, 409, 404, 409];
const ADMINS: [u16; 7] = [401, 401, 403, 403, 403, 403, 200];
const ADMINS_AND_THEN_NOT: [u16; 7] = [401, 401, 403, 403, 403, 403, 409];
/// Not even the seller's owner or an admin.
const OWN: [u16; 7] = [401, 401, 200, 404, 404, 404, 404];
const MAKING: [u16; 7] = [401, 401, 404, 404, 201, 404, 201];

/// The status for nobody, a guest with another order's secret, the order's buyer, another buyer, the seller's owner,
/// another seller's owner and an admin. `operation?parameter` is the operation narrowed to the shop's or the order's.
///
/// An operation that can succeed only once is refused with 409 as soon as it is known who asks: the order is paid, so it
/// can't be cancelled nor its checkout expired; all of it was sent; the refund is of more than was paid; the dispute was prevented; the account isn't Express; the event
/// has had its effect, the job is done, and the code was used.
#[rustfmt::skip]
const WHO_MAY: &[Row] = &[
    ("frontPage", ANYBODY),
    ("health", ANYBODY),
    ("readiness", ANYBODY),
    ("contract", ANYBODY),
    ("docs", ANYBODY),

    ("register", [201; 7]),
    // Its credentials are in the body.
    ("login", ANYBODY),
    ("refreshTokens", ANYBODY),
    ("logout", [401, 401, 204, 204, 204, 204, 204]),
    ("getMe", LOGGED_IN),
    ("updateMe", LOGGED_IN),

    ("createSeller", [401, 401, 201, 201, 201, 201, 201]),
    ("listSellers", LOGGED_IN),
    ("listSellers?owner_id", [401, 401, 403, 403, 403, 403, 200]),
    // Strangers see the name and nothing private.
    ("getSeller", ANYBODY),
    ("updateSeller", SELLING),
    ("createOnboardingLink", MAKING),
    ("createDashboardLink", [401, 401, 404, 404, 409, 404, 409]),
    ("createAccountSession", MAKING),
    ("syncSeller", SELLING),
    ("getSellerRequirements", SELLING),
    ("getSellerBalance", SELLING),
    // Its credential is the signed state; for the form, the password too.
    ("onboardingReturn", ANYBODY),
    ("onboardingRefreshForm", ANYBODY),
    ("onboardingRefresh", [303; 7]),

    ("createProduct", MAKING),
    ("listProducts", ANYBODY),
    ("listProducts?seller_id", ANYBODY),
    ("getProduct", ANYBODY),
    ("updateProduct", SELLING),
    ("createStockAdjustment", MAKING),
    ("listStockAdjustments", SELLING),
    ("createPrice", MAKING),
    ("listPrices", ANYBODY),
    ("getPrice", ANYBODY),
    ("updatePrice", SELLING),
    ("createPromotionCode", MAKING),
    ("validatePromotionCode", ANYBODY),
    ("listPromotionCodes", SELLING),
    ("getPromotionCode", SELLING),
    ("updatePromotionCode", SELLING),

    ("createCheckoutSession", [201; 7]),
    // Strangers see the status and nothing more.
    ("getCheckoutSession", ANYBODY),
    ("verifyCheckoutSession", ANYBODY),
    ("expireCheckoutSession", [401, 404, 409, 404, 409, 404, 409]),
    ("createPaymentIntent", [201; 7]),
    ("getPaymentIntent", [401, 404, 200, 404, 200, 404, 200]),
    // Strangers see the status and nothing more.
    ("listPaymentIntents", LOGGED_IN),
    ("listPaymentIntents?seller_id", SELLING),
    ("confirmPaymentIntent", [401, 404, 200, 404, 403, 404, 403]),
    ("verifyPaymentIntent", ANYBODY),
    ("cancelPaymentIntent", [401, 404, 409, 404, 409, 404, 409]),
    ("capturePaymentIntent", [401, 404, 403, 404, 409, 404, 409]),
    // Its credential is the code, which was used.
    ("createAddressVerification", [202; 7]),
    ("confirmAddressVerification", [409; 7]),
    // Buyers are customers of a seller only once they have saved something.
    ("listCustomers", SELLING),
    ("getMyCustomer", [401, 401, 200, 404, 404, 404, 404]),
    ("updateMyCustomer", LOGGED_IN),
    ("getCustomer", [401, 401, 200, 404, 200, 404, 200]),
    ("createOffSessionPayment", MAKING),
    ("getOffSessionPayment", SELLING),
    ("listPaymentMethods", LOGGED_IN),
    // Those that somebody else has saved there are none.
    ("listPaymentMethods?seller_id", LOGGED_IN),
    ("getPaymentMethod", OWN),
    ("makePaymentMethodDefault", OWN),
    ("detachPaymentMethod", OWN),
    ("createTaxId", [401, 401, 201, 201, 201, 201, 201]),
    ("getTaxId", OWN),
    ("removeTaxId", OWN),
    ("listSubscriptions", LOGGED_IN),
    ("listSubscriptions?seller_id", SELLING),
    ("createSubscription", [401, 401, 201, 201, 201, 201, 201]),
    ("getSubscription", [401, 401, 200, 404, 200, 404, 200]),
    ("getSubscriptionAccess", [401, 401, 200, 404, 200, 404, 200]),
    // It is cancelled by then. A change is for whoever pays.
    ("previewSubscriptionChange", [401, 401, 409, 404, 409, 404, 409]),
    ("changeSubscription", [401, 401, 409, 404, 403, 404, 409]),
    ("pauseSubscription", [401, 401, 409, 404, 409, 404, 409]),
    ("paySubscription", [401, 401, 200, 404, 403, 404, 403]),
    ("resumeSubscription", [401, 401, 200, 404, 200, 404, 200]),
    ("cancelSubscription", [401, 401, 200, 404, 200, 404, 200]),
    // Strangers see the status and nothing more.
    ("verifySubscription", ANYBODY),
    ("getProductAccess", LOGGED_IN),
    ("listInvoices", LOGGED_IN),
    ("listInvoices?seller_id", SELLING),
    // Those of somebody else's subscription are none.
    ("listInvoices?subscription_id", LOGGED_IN),
    ("getInvoice", [401, 401, 200, 404, 200, 404, 200]),
    // Whoever opens it acts as the buyer.
    ("createBillingPortalSession", [401, 401, 201, 404, 404, 404, 404]),
    ("createSetupIntent", [401, 401, 201, 201, 201, 201, 201]),
    ("getSetupIntent", OWN),
    ("verifySetupIntent", OWN),
    ("cancelSetupIntent", [401, 401, 409, 404, 404, 404, 404]),
    // Of nothing it knows nothing, nor of a session that saves no card.
    ("setupReturnPage", [404; 7]),
    ("setupReturnPage?session_id", [404; 7]),
    ("setupReturnPage?setup_intent", ANYBODY),
    ("setupCancelledPage", [404; 7]),
    ("setupCancelledPage?setup_id", ANYBODY),
    // Of nothing it knows nothing.
    ("checkoutSuccessPage", [404; 7]),
    ("checkoutSuccessPage?session_id", ANYBODY),
    ("checkoutSuccessPage?payment_intent", ANYBODY),
    // Its credential is the signed state.
    ("paymentPage", ANYBODY),
    ("openPaymentPage", ANYBODY),
    ("checkoutCancelledPage", ANYBODY),
    ("checkoutCancelledPage?payment_id", ANYBODY),

    ("listOrders", LOGGED_IN),
    ("listOrders?seller_id", SELLING),
    ("getOrder", [401, 404, 200, 404, 200, 404, 200]),
    ("listOrderEvents", [401, 404, 200, 404, 200, 404, 200]),
    ("fulfilOrder", [401, 404, 403, 404, 200, 404, 200]),
    ("createShipment", [401, 404, 403, 404, 409, 404, 409]),
    ("listShipments", [401, 404, 200, 404, 200, 404, 200]),
    ("getShipment", [401, 404, 200, 404, 200, 404, 200]),
    ("updateShipment", [401, 404, 403, 404, 200, 404, 200]),
    ("deliverShipment", [401, 404, 403, 404, 200, 404, 200]),
    ("voidShipment", [401, 404, 403, 404, 200, 404, 200]),
    ("createOrderNote", [401, 404, 403, 404, 201, 404, 201]),
    ("listOrderNotes", [401, 404, 403, 404, 200, 404, 200]),
    ("createOrderFile", [401, 404, 403, 404, 201, 404, 201]),
    ("createOrderFile?shipment_id", [401, 404, 403, 404, 201, 404, 201]),
    ("listOrderFiles", [401, 404, 403, 404, 200, 404, 200]),
    ("getOrderFile", [401, 404, 403, 404, 200, 404, 200]),
    ("getOrderFileContent", [401, 404, 403, 404, 200, 404, 200]),
    ("cancelOrder", [401, 404, 409, 404, 409, 404, 409]),

    ("createRefund", [401, 401, 403, 404, 409, 404, 409]),
    ("listRefunds", LOGGED_IN),
    ("listRefunds?order_id", [401, 401, 200, 404, 200, 404, 200]),
    ("listRefunds?seller_id", SELLING),
    ("getRefund", [401, 401, 200, 404, 200, 404, 200]),
    ("previewRefund", [401, 401, 403, 404, 409, 404, 409]),
    ("cancelRefund", [401, 401, 403, 404, 409, 404, 409]),
    ("settleRefundOutsideStripe", [401, 401, 403, 404, 409, 404, 409]),

    ("listDisputes", LOGGED_IN),
    // Those of an order that isn't theirs are none.
    ("listDisputes?order_id", LOGGED_IN),
    ("listDisputes?seller_id", SELLING),
    ("getDispute", SELLING),
    ("writeDisputeEvidence", SELLING_AND_THEN_NOT),
    ("submitDisputeEvidence", SELLING_AND_THEN_NOT),
    ("acceptDispute", SELLING_AND_THEN_NOT),

    ("listPayouts", LOGGED_IN),
    ("listPayouts?seller_id", SELLING),
    ("getPayout", SELLING),
    ("listPayoutTransactions", SELLING),
    ("listLedgerBalances", LOGGED_IN),
    ("listLedgerBalances?seller_id", SELLING),
    ("reportApplicationFees", ADMINS),
    ("reportApplicationFees?seller_id", ADMINS),
    ("listFindings", ADMINS),
    ("getFinding", ADMINS),
    ("resolveFinding", ADMINS),

    ("listEvents", ADMINS),
    ("listEvents?stripe_account", ADMINS),
    ("getEvent", ADMINS),
    ("replayEvent", ADMINS),
    ("replayEvents", ADMINS),
    ("discardEvent", ADMINS_AND_THEN_NOT),
    ("listJobs", ADMINS),
    ("getJob", ADMINS),
    ("retryJob", ADMINS_AND_THEN_NOT),
    ("discardJob", ADMINS_AND_THEN_NOT),
    ("listAuditLog", ADMINS),
    ("examineInstallation", ADMINS),

    // Its credential is the signature, which none of them has.
    ("receivePlatformEvent", [400; 7]),
    ("receiveConnectEvent", [400; 7]),
];

/// Every operation, and every way to narrow it to a seller's, an owner's or an order's.
fn all() -> Vec<(String, &'static Operation, Option<&'static str>)> {
    let mut all = vec![];
    for operation in &contract().operations {
        all.push((operation.id.clone(), operation, None));
        for parameter in operation.parameters_in("query").filter(|p| !p.required) {
            if id_prefix(&parameter.schema).is_some() {
                let name = parameter.name.as_str();
                all.push((format!("{}?{name}", operation.id), operation, Some(name)));
            }
        }
    }
    all
}

#[test]
fn the_table_of_who_may_do_what_has_every_operation() {
    let wanted: BTreeSet<String> = all().into_iter().map(|(key, ..)| key).collect();
    let table: BTreeSet<String> = WHO_MAY.iter().map(|(key, _)| (*key).to_owned()).collect();
    assert_eq!(table, wanted, "left: the table; right: openapi.yaml");
    assert_eq!(table.len(), WHO_MAY.len(), "an operation is there twice");
}

/// The path of an operation on the fixture's things, narrowed by a parameter or not.
fn path_of(fixture: &Fixture, operation: &Operation, narrowed: Option<&str>) -> String {
    let mut query = vec![];
    if let Some(parameter) = operation
        .parameters
        .iter()
        .find(|p| Some(p.name.as_str()) == narrowed)
    {
        query.push((
            parameter.name.as_str(),
            fixture.thing(&parameter.schema).expect("an id"),
        ));
    }
    fixture.path(operation, None, &query)
}

/// Tries one row of the table. Returns the answers that differ from it.
async fn try_row(
    fixture: &Fixture,
    operation: &Operation,
    narrowed: Option<&str>,
    row: &[u16; 7],
) -> Vec<String> {
    let mut faults = vec![];
    let path = path_of(fixture, operation, narrowed);
    let refused = |status: u16| [401, 403, 404].contains(&status);
    // The refused first, to see that they leave no trace.
    let mut order: Vec<(Who, u16)> = Who::ALL.into_iter().zip(*row).collect();
    order.sort_by_key(|(_, status)| !refused(*status));
    for (who, wanted) in order {
        let body = fixture.body(operation).await;
        let call = fixture
            .by(who, fixture.request(operation, &path, &body), operation)
            .await;
        let before = fixture.rows().await;
        let answer = call.await;
        if answer.status != wanted {
            let (status, text) = (answer.status, &answer.text);
            faults.push(format!(
                "{path} for {who:?}: {status}, not {wanted}: {text}"
            ));
        }
        if refused(wanted) && fixture.rows().await != before {
            faults.push(format!("{path} for {who:?} is refused and has written"));
        }
        if who.is_outsider() && !operation.is_public() {
            let told = told(fixture, operation, &answer.text);
            faults.extend(told.map(|secret| format!("{path} tells {who:?} {secret}")));
        }
    }
    faults
}

/// The secrets of the fixture that an answer holds.
fn told<'a>(
    fixture: &'a Fixture,
    operation: &'a Operation,
    answer: &'a str,
) -> impl Iterator<Item = &'a str> {
    // Whoever opens an intent needs its account for Stripe.js.
    let opens = [
        "createPaymentIntent",
        "createSetupIntent",
        "createSubscription",
    ];
    let is_needed = move |secret: &str| {
        opens.contains(&operation.id.as_str()) && secret == fixture.shop.account
    };
    let all = fixture.secrets().into_iter();
    all.filter(move |secret| answer.contains(*secret) && !is_needed(secret))
}

#[tokio::test]
async fn every_operation_answers_each_caller_as_its_row_says() {
    let fixture = Fixture::new().await;
    let mut faults = vec![];
    for (key, operation, narrowed) in all() {
        // The test of the table says which is missing.
        let row = WHO_MAY.iter().find(|(name, _)| *name == key);
        let (_, row) = row.unwrap_or_else(|| panic!("{key} is not in the table"));
        faults.extend(try_row(&fixture, operation, narrowed, row).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    fixture.app.settle().await;
}

#[tokio::test]
async fn a_guest_who_has_proved_an_address_is_a_stranger_where_that_counts_and_nobody_elsewhere() {
    let fixture = Fixture::new().await;
    // Of the examples' address, since another would be refused.
    let guest = fixture.app.guest("sam@example.com").await;
    let (mut faults, mut counted) = (vec![], 0);
    for (key, operation, narrowed) in all() {
        let row = WHO_MAY.iter().find(|(name, _)| *name == key);
        let (_, row) = row.unwrap_or_else(|| panic!("{key} is not in the table"));
        let mut ways = operation.item["security"].as_array().into_iter().flatten();
        let counts = ways.any(|way| way["guestToken"].is_array());
        counted += usize::from(counts);
        let [nobody, _, _, stranger, ..] = *row;
        let wanted = if counts { stranger } else { nobody };
        let path = path_of(&fixture, operation, narrowed);
        let body = fixture.body(operation).await;
        let call = fixture.request(operation, &path, &body);
        let answer = call.by_guest(&guest).await;
        if answer.status != wanted {
            let (status, text) = (answer.status, &answer.text);
            faults.push(format!("{path}: {status}, not {wanted}: {text}"));
        }
        if !operation.is_public() {
            let told = told(&fixture, operation, &answer.text);
            faults.extend(told.map(|secret| format!("{path} tells {secret}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(
        counted > 15,
        "only {counted} operations take a guest's token"
    );
    fixture.app.settle().await;
}

#[tokio::test]
async fn a_bad_token_is_refused_wherever_a_token_counts_and_ignored_elsewhere() {
    let fixture = Fixture::new().await;
    for operation in &contract().operations {
        let body = fixture.body(operation).await;
        let path = fixture.path(operation, None, &[]);
        let call = fixture.request(operation, &path, &body);
        let answer = call.header("authorization", "Bearer nonsense").await;
        let is_refused = answer.status_and_code() == (401, "invalid_token");
        assert_eq!(
            is_refused,
            !operation.is_public(),
            "{}: {}",
            operation.id,
            answer.text
        );
    }
    // The routes that anybody may call have done their work.
    fixture.app.settle().await;
}
