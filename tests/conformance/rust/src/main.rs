//! The story of story.py, told with async-stripe: its generated types read every answer.
//!
//! usage: souk-conformance BASE_URL

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stripe::{Client, ClientBuilder, StripeError};
use stripe_billing::invoice::ListInvoice;
use stripe_billing::subscription::{
    CreateSubscription, CreateSubscriptionItems, RetrieveSubscription,
};
use stripe_billing::test_helpers_test_clock::{
    AdvanceTestHelpersTestClock, CreateTestHelpersTestClock, RetrieveTestHelpersTestClock,
};
use stripe_connect::account::{
    CreateAccount, CreateAccountController, CreateAccountControllerFees,
    CreateAccountControllerFeesPayer as Payer, CreateAccountControllerLosses,
    CreateAccountControllerLossesPayments as Losses, CreateAccountControllerStripeDashboard,
    CreateAccountControllerStripeDashboardType as Dashboard, RetrieveAccount,
};
use stripe_connect::account_link::{CreateAccountLink, CreateAccountLinkType};
use stripe_connect::application_fee::ListApplicationFee;
use stripe_core::balance::RetrieveForMyAccountBalance;
use stripe_core::balance_transaction::ListBalanceTransaction;
use stripe_core::customer::CreateCustomer;
use stripe_core::dispute::{ListDispute, RetrieveDispute, UpdateDispute, UpdateDisputeEvidence};
use stripe_core::payment_intent::CreatePaymentIntent;
use stripe_core::payout::ListPayout;
use stripe_core::refund::CreateRefund;
use stripe_payment::payment_method::AttachPaymentMethod;
use stripe_product::price::{CreatePrice, CreatePriceRecurring, CreatePriceRecurringInterval};
use stripe_product::product::CreateProduct;
use stripe_shared::PaymentIntentAllowedPaymentMethodTypes as Types;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const DAY: i64 = 86_400;
/// 2027-01-31T00:00:00Z
const JANUARY_31: i64 = 1_801_353_600;
/// 28 February, 31 March, 30 April.
const MONTH_ENDS: [i64; 3] = [1_803_772_800, 1_806_451_200, 1_809_043_200];

/// What only a simulator can do.
struct Control {
    base: String,
    http: reqwest::Client,
}

impl Control {
    async fn post(&self, path: &str, body: Value) -> Result<(), Failure> {
        let url = format!("{}/_simulator{path}", self.base);
        let answer = self.http.post(url).body(body.to_string()).send().await?;
        answer.error_for_status()?;
        Ok(())
    }
}

fn client(base: &str, account: Option<&str>) -> Result<Client, StripeError> {
    let builder = ClientBuilder::new("sk_test_story_0123456789").url(format!("{base}/"));
    match account {
        Some(account) => builder.account_id(account.parse().map_err(|_| wrong("account id"))?),
        None => builder,
    }
    .build()
}

fn wrong(what: &str) -> StripeError {
    StripeError::ConfigError(what.to_owned())
}

/// Every object of a list, two at a time. (The crate's own paginator forgets the filters.)
macro_rules! all {
    ($client:expr, $limit:expr, $request:expr) => {{
        let mut found = Vec::new();
        loop {
            let mut request = $request.limit($limit);
            if let Some(last) = found.last() {
                request = request.starting_after(id_of(last));
            }
            let page = request.send($client).await?;
            found.extend(page.data);
            if !page.has_more {
                break found;
            }
        }
    }};
}

trait HasId {
    fn id(&self) -> String;
}

macro_rules! has_id {
    ($($kind:ty)*) => { $(impl HasId for $kind {
        fn id(&self) -> String {
            ToString::to_string(&self.id)
        }
    })* };
}

has_id! { stripe_shared::ApplicationFee stripe_shared::BalanceTransaction stripe_shared::Payout }

impl HasId for stripe_shared::Invoice {
    fn id(&self) -> String {
        self.id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    }
}

fn id_of(object: &impl HasId) -> String {
    object.id()
}

fn pay(amount: i64, method: &str) -> CreatePaymentIntent {
    CreatePaymentIntent::new(amount, stripe_types::Currency::USD)
        .application_fee_amount(amount / 10)
        .confirm(true)
        .payment_method(method)
        .allowed_payment_method_types(vec![Types::Card])
        .expand(vec!["latest_charge.balance_transaction".to_owned()])
}

async fn onboard(platform: &Client, control: &Control) -> Result<String, Failure> {
    let mut controller = CreateAccountController::new();
    let mut fees = CreateAccountControllerFees::new();
    fees.payer = Some(Payer::Account);
    controller.fees = Some(fees);
    let mut losses = CreateAccountControllerLosses::new();
    losses.payments = Some(Losses::Stripe);
    controller.losses = Some(losses);
    let mut dashboard = CreateAccountControllerStripeDashboard::new();
    dashboard.type_ = Some(Dashboard::Full);
    controller.stripe_dashboard = Some(dashboard);
    let request = CreateAccount::new().country("US").controller(controller);
    let account = request.send(platform).await?.id.to_string();
    let link = CreateAccountLink::new(account.as_str(), CreateAccountLinkType::AccountOnboarding)
        .refresh_url("https://shop.example/refresh")
        .return_url("https://shop.example/return")
        .send(platform)
        .await?;
    ensure(
        link.url.starts_with(&control.base),
        "the link is hosted here",
    )?;
    let path = format!("/accounts/{account}/onboard");
    control.post(&path, json!({})).await?;
    let seller = RetrieveAccount::new(account.as_str())
        .send(platform)
        .await?;
    let able = seller.charges_enabled == Some(true) && seller.payouts_enabled == Some(true);
    ensure(able, "the seller can be paid")?;
    Ok(account)
}

fn ensure(holds: bool, what: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(what.into()) }
}

async fn declined(there: &Client) -> Result<Value, Failure> {
    match pay(3_000, "pm_card_chargeDeclined").send(there).await {
        Err(StripeError::Stripe(error, 402)) => Ok(json!([
            error.code.map(|code| code.to_string()),
            error.decline_code,
            error.payment_intent.map(|intent| intent.status.to_string()),
        ])),
        Err(other) => Err(other.into()),
        Ok(_) => Err("a decline is an error".into()),
    }
}

async fn disputed(there: &Client, control: &Control, evidence: &str) -> Result<Value, Failure> {
    let intent = pay(4_000, "pm_card_createDispute").send(there).await?;
    let list = ListDispute::new().payment_intent(intent.id.as_str());
    let list = list.send(there).await?;
    let dispute = list.data.first().ok_or("a dispute")?;
    let mut said = UpdateDisputeEvidence::new();
    said.uncategorized_text = Some(evidence.to_owned());
    let update = UpdateDispute::new(dispute.id.clone()).evidence(said);
    update.submit(true).send(there).await?;
    let days = json!({ "seconds": 2 * DAY });
    control.post("/clock/advance", days).await?;
    let dispute = RetrieveDispute::new(dispute.id.clone()).send(there).await?;
    let moves = dispute.balance_transactions.iter();
    let moves: Vec<Value> = moves
        .map(|t| json!([t.type_.to_string(), t.amount, t.fee]))
        .collect();
    Ok(json!([dispute.status.to_string(), dispute.amount, moves]))
}

/// The subscription after three months, and its invoices.
async fn subscribed(there: &Client) -> Result<(Value, Value), Failure> {
    let clock = CreateTestHelpersTestClock::new(JANUARY_31)
        .send(there)
        .await?;
    let customer = CreateCustomer::new()
        .email("ada@example.com")
        .test_clock(clock.id.as_str())
        .send(there)
        .await?;
    let method = AttachPaymentMethod::new("pm_card_visa")
        .customer(customer.id.as_str())
        .send(there)
        .await?;
    let product = CreateProduct::new("Tea, monthly").send(there).await?;
    let price = CreatePrice::new(stripe_types::Currency::USD)
        .product(product.id.as_str())
        .unit_amount(1_500)
        .recurring(CreatePriceRecurring::new(
            CreatePriceRecurringInterval::Month,
        ))
        .send(there)
        .await?;
    let mut item = CreateSubscriptionItems::new();
    item.price = Some(price.id.to_string());
    let subscription = CreateSubscription::new()
        .customer(customer.id.as_str())
        .items(vec![item])
        .default_payment_method(method.id.as_str())
        .application_fee_percent(10.0)
        .send(there)
        .await?;
    for end in MONTH_ENDS {
        let to = end + 2 * 3600;
        AdvanceTestHelpersTestClock::new(clock.id.clone(), to)
            .send(there)
            .await?;
    }
    let clock = RetrieveTestHelpersTestClock::new(clock.id)
        .send(there)
        .await?;
    ensure(clock.status.to_string() == "ready", "the clock is ready")?;
    let id = subscription.id;
    let subscription = RetrieveSubscription::new(id.clone()).send(there).await?;
    let item = subscription.items.data.first().ok_or("an item")?;
    let status = json!([
        subscription.status.to_string(),
        item.current_period_start,
        item.current_period_end
    ]);
    let mut invoices = Vec::new();
    for invoice in all!(there, 2, ListInvoice::new().subscription(id.as_str())) {
        let line = invoice.lines.data.first().ok_or("a line")?;
        let state = invoice.status.map(|status| status.to_string());
        let (start, end) = (line.period.start, line.period.end);
        invoices.push(json!([state, invoice.amount_paid, start, end]));
    }
    Ok((status, json!(invoices)))
}

async fn paid_out(there: &Client) -> Result<Value, Failure> {
    let mut payouts = Vec::new();
    for payout in all!(there, 2, ListPayout::new()) {
        let items = all!(
            there,
            2,
            ListBalanceTransaction::new().payout(payout.id.as_str())
        );
        let mine: Vec<_> = items
            .iter()
            .filter(|t| t.type_.to_string() != "payout")
            .collect();
        let sum: i64 = mine.iter().map(|t| t.net).sum();
        ensure(sum == payout.amount, "a payout is the sum of its items")?;
        payouts.push(json!([payout.status, payout.amount, mine.len()]));
    }
    Ok(json!(payouts))
}

async fn books(there: &Client) -> Result<Value, Failure> {
    let mut books: BTreeMap<String, [i64; 4]> = BTreeMap::new();
    for txn in all!(there, 100, ListBalanceTransaction::new()) {
        let sums = books.entry(txn.type_.to_string()).or_default();
        for (sum, value) in sums.iter_mut().zip([1, txn.amount, txn.fee, txn.net]) {
            *sum += value;
        }
    }
    Ok(json!(books))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let base = std::env::args()
        .nth(1)
        .ok_or("usage: souk-conformance BASE_URL")?;
    let platform = client(&base, None)?;
    let control = Control {
        base: base.clone(),
        http: reqwest::Client::builder().no_proxy().build()?,
    };
    let account = onboard(&platform, &control).await?;
    let there = client(&base, Some(&account))?;

    let sale = pay(10_000, "pm_card_visa").send(&there).await?;
    let charge = sale.latest_charge.as_ref().and_then(|c| c.as_object());
    let txn = charge.and_then(|c| c.balance_transaction.as_ref()?.as_object());
    let txn = txn.ok_or("the sale's transaction")?;
    let refund = CreateRefund::new()
        .payment_intent(sale.id.as_str())
        .amount(2_500)
        .refund_application_fee(true)
        .send(&there)
        .await?;
    let declined = declined(&there).await?;
    let mut disputes = Vec::new();
    for evidence in ["winning_evidence", "losing_evidence"] {
        disputes.push(disputed(&there, &control, evidence).await?);
    }
    let (subscription, invoices) = subscribed(&there).await?;
    let days = json!({ "seconds": 10 * DAY });
    control.post("/clock/advance", days).await?;
    let payouts = paid_out(&there).await?;
    let books = books(&there).await?;
    let fees: Vec<Value> = all!(&platform, 100, ListApplicationFee::new())
        .iter()
        .map(|fee| json!([fee.amount, fee.amount_refunded]))
        .collect();
    let balance = RetrieveForMyAccountBalance::new().send(&there).await?;
    let amounts = balance.available.iter().chain(&balance.pending);
    let amounts: Vec<Value> = amounts
        .map(|b| json!([b.amount, b.currency.to_string()]))
        .collect();
    println!(
        "{}",
        json!({
            "sale": [sale.amount_received, txn.fee, txn.net],
            "refund": [refund.status, refund.amount],
            "declined": declined,
            "disputes": disputes,
            "subscription": subscription,
            "invoices": invoices,
            "payouts": payouts,
            "books": books,
            "fees": fees,
            "balance": amounts,
        })
    );
    Ok(())
}
