//! What a life's book must hold, recounted from the simulator's charges, refunds, disputes and fees.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, Statement};
use serde_json::Value;

use super::{Life, World};
use crate::Failure;
use crate::database::texts;

impl World<'_> {
    /// What isn't as it must be: a category, and of whom.
    pub(super) async fn wrong(&self) -> Result<Vec<(String, String)>, Failure> {
        let oracle = self.oracle().await?;
        let mut wrong = Vec::new();
        let mut expected = BTreeSet::new();
        for life in &self.lives {
            if life.is_connected {
                let ledger = self.ledger(&life.account).await?;
                let differs = |account: &str, found: i64, wanted: i64| {
                    (found != wanted).then(|| {
                        let who = format!("{} {account}: {found}, not {wanted}", life.account);
                        ("total_differs".to_owned(), who)
                    })
                };
                for (account, wanted) in life.totals(&oracle) {
                    let found = ledger.get(account).copied().unwrap_or(0);
                    wrong.extend(differs(account, found, wanted));
                }
            }
            expected.extend(self.expected_findings(life, &oracle).await?);
        }
        wrong.extend(self.platform_differs(&oracle).await?);
        let found = self.open_findings().await?;
        let now = int(&oracle, "now");
        for (key, account) in found.iter().filter(|(key, _)| !expected.contains(*key)) {
            let life = self.lives.iter().find(|life| life.account == *account);
            if !life.is_some_and(|life| life.may_have(&key.0, now)) {
                wrong.push((
                    "finding_unexpected".to_owned(),
                    format!("{} {}", key.0, key.1),
                ));
            }
        }
        for (kind, subject) in expected.iter().filter(|key| !found.contains_key(*key)) {
            wrong.push(("finding_missing".to_owned(), format!("{kind} {subject}")));
        }
        Ok(wrong)
    }

    /// Where the platform's own book isn't what its fees, transfers, payouts and balance come to.
    async fn platform_differs(&self, oracle: &Value) -> Result<Vec<(String, String)>, Failure> {
        let platform = text(oracle, "platform")?;
        let rows = |kind: &str| list(oracle, &platform, kind).iter();
        let fees = rows("application_fees").map(|f| int(f, "amount") - int(f, "amount_refunded"));
        let sent = rows("transfers").map(|t| int(t, "amount") - int(t, "amount_reversed"));
        let paid_out = |status: &[&str]| -> i64 {
            let of = rows("payouts");
            let of = of.filter(|p| status.contains(&p["status"].as_str().unwrap_or_default()));
            of.map(|p| int(p, "amount")).sum()
        };
        let topped_up: i64 = rows("balance_transactions")
            .filter(|t| t["reporting_category"] == "topup")
            .map(|t| int(t, "net"))
            .sum();
        let balance = &oracle["accounts"][&platform]["balances"]["usd"];
        let balance = int(balance, "available") + int(balance, "pending");
        let ledger = self.ledger(&platform).await?;
        let of = |account: &str| ledger.get(account).copied().unwrap_or(0);
        let income = of("income:application_fee") + of("income:application_fee_refund");
        let compared = [
            ("income", income, -fees.sum::<i64>()),
            ("transfer", of("transfer"), sent.sum()),
            (
                "payout:clearing",
                of("payout:clearing"),
                paid_out(&["pending", "in_transit"]),
            ),
            ("bank", of("bank"), paid_out(&["paid"]) - topped_up),
            (
                "stripe_balance:payments",
                of("stripe_balance:payments"),
                balance,
            ),
        ];
        let differing = compared
            .into_iter()
            .filter(|(_, found, wanted)| found != wanted);
        let told = differing.map(|(account, found, wanted)| {
            let who = format!("the platform's {account}: {found}, not {wanted}");
            ("platform_differs".to_owned(), who)
        });
        Ok(told.collect())
    }

    /// The findings that this life must have caused: kind and subject.
    async fn expected_findings(
        &self,
        life: &Life,
        oracle: &Value,
    ) -> Result<BTreeSet<(String, String)>, Failure> {
        let mut expected = BTreeSet::new();
        if !life.is_connected {
            return Ok(expected);
        }
        for refund in list(oracle, &life.account, "refunds") {
            if refund["status"] == "failed" {
                let sql = format!(
                    "SELECT id FROM refunds WHERE stripe_refund = '{}'",
                    text(refund, "id")?
                );
                let ours = texts(self.db, &sql).await?.into_iter();
                expected.extend(ours.map(|id| ("refund_failed".to_owned(), id)));
            }
        }
        for dispute in list(oracle, &life.account, "disputes") {
            if is_asking(dispute) {
                expected.insert(("dispute_needs_response".to_owned(), text(dispute, "id")?));
            }
        }
        let held = &oracle["accounts"][&life.account]["balances"]["usd"];
        let held = int(held, "available") + int(held, "pending");
        for payout in list(oracle, &life.account, "payouts") {
            if payout["status"] == "failed" && held >= int(payout, "amount") {
                let id = text(payout, "id")?;
                let returns = list(oracle, &life.account, "balance_transactions").iter();
                let mut returns = returns.filter(|t| t["source"] == id.as_str());
                if returns.any(|t| t["type"] == "payout_failure" && t["payout"].is_null()) {
                    expected.insert(("payout_failed".to_owned(), id));
                }
            }
        }
        for id in life.unreadable.keys() {
            expected.insert(("unreadable_transaction".to_owned(), id.clone()));
        }
        if life.given.get("suspense").is_some_and(|sum| *sum != 0) {
            let sql = format!(
                "SELECT id || ':usd' FROM books WHERE stripe_account = '{}'",
                life.account
            );
            let book = texts(self.db, &sql).await?.into_iter();
            expected.extend(book.map(|subject| ("suspense_nonzero".to_owned(), subject)));
        }
        Ok(expected)
    }

    /// The open findings, with the account that each is about.
    async fn open_findings(&self) -> Result<BTreeMap<(String, String), String>, Failure> {
        let sql = "SELECT kind, subject, COALESCE(stripe_account, '') AS account FROM findings WHERE state = 'open'";
        let query = Statement::from_string(self.db.get_database_backend(), sql);
        let mut found = BTreeMap::new();
        for row in self.db.query_all_raw(query).await? {
            let key = (row.try_get("", "kind")?, row.try_get("", "subject")?);
            found.insert(key, row.try_get("", "account")?);
        }
        Ok(found)
    }

    /// The sums of a book's accounts in USD.
    async fn ledger(&self, account: &str) -> Result<BTreeMap<String, i64>, Failure> {
        let sql = format!(
            "SELECT e.account AS account, CAST(SUM(e.amount) AS BIGINT) AS total FROM entries e
               JOIN books b ON b.id = e.book_id
               WHERE b.stripe_account = '{account}' AND e.currency = 'usd' GROUP BY e.account"
        );
        let query = Statement::from_string(self.db.get_database_backend(), sql);
        let mut sums = BTreeMap::new();
        for row in self.db.query_all_raw(query).await? {
            sums.insert(row.try_get("", "account")?, row.try_get("", "total")?);
        }
        Ok(sums)
    }
}

impl Life {
    /// Whether a finding of this kind may be open, or may not: nothing is heard of an account that left, a check sees money
    /// that no list shows, until the first one afterwards, and a payout that failed is done with when the one is closed
    /// that pays its money out again.
    pub(super) fn may_have(&self, kind: &str, now: i64) -> bool {
        let shows = |at: &i64| at + 2 * 3600 > now;
        let hidden = !self.unreadable.is_empty() || self.late.iter().any(|(at, _)| shows(at));
        !self.is_connected || kind == "balance_drift" && hidden || kind == "payout_failed"
    }

    /// What the ledger's accounts must hold, in USD: recounted from what was charged, given back, taken and disputed, and
    /// for the balance from Stripe's own, without what nobody can have read yet.
    pub(super) fn totals(&self, oracle: &Value) -> BTreeMap<&'static str, i64> {
        let rows = |kind: &str| list(oracle, &self.account, kind);
        let sum = |rows: Vec<&Value>| -> i64 { rows.iter().map(|r| int(r, "amount")).sum() };
        let paid = |from_platform: bool| {
            let charges = rows("charges").iter().filter(|c| c["paid"] == true);
            let of = charges.filter(|c| c["source_transfer"].is_string() == from_platform);
            // Of a hold nothing, or the part that was captured.
            -of.map(|charge| int(charge, "amount_captured")).sum::<i64>()
        };
        let refunded = rows("refunds").iter().filter(|r| {
            !r["balance_transaction"].is_null()
                && r["status"] != "failed"
                && r["status"] != "canceled"
        });
        let taken = rows("disputes").iter().filter(|d| {
            matches!(
                d["status"].as_str(),
                Some("needs_response" | "under_review" | "lost")
            )
        });
        let paid_out = |status: &[&str]| {
            let of = rows("payouts").iter();
            let of = of.filter(|p| status.contains(&p["status"].as_str().unwrap_or_default()));
            sum(of.collect())
        };
        let platform = oracle["platform"].as_str().unwrap_or_default();
        let fees = list(oracle, platform, "application_fees").iter();
        let fees = fees.filter(|f| f["account"] == self.account.as_str());
        let fees = fees
            .map(|f| int(f, "amount") - int(f, "amount_refunded"))
            .sum();
        let balance = &oracle["accounts"][&self.account]["balances"]["usd"];
        let now = int(oracle, "now");
        let unlisted = self
            .late
            .iter()
            .filter(|(at, _)| *at > now)
            .map(|(_, net)| net);
        let unlisted: i64 = unlisted.sum();
        let unread = unlisted + self.unreadable.values().sum::<i64>();
        let late = self
            .late
            .iter()
            .filter(|(at, _)| *at <= now)
            .map(|(_, net)| net);
        let released: i64 = late.sum();
        let given = |account: &str| self.given.get(account).copied().unwrap_or(0);
        BTreeMap::from([
            (
                "stripe_balance:payments",
                int(balance, "available") + int(balance, "pending") - unread,
            ),
            ("sales:charge", paid(false)),
            ("transfer", paid(true)),
            ("sales:refund", sum(refunded.collect())),
            ("dispute:loss", sum(taken.collect())),
            ("fee:application", fees),
            ("fee:stripe", self.stripe_fees(oracle)),
            ("payout:clearing", paid_out(&["pending", "in_transit"])),
            ("bank", paid_out(&["paid"])),
            ("reserve:hold", given("reserve:hold") - released),
            ("suspense", given("suspense")),
        ])
    }

    /// What Stripe took for charges, and for disputes that are more than an inquiry.
    fn stripe_fees(&self, oracle: &Value) -> i64 {
        let charges = list(oracle, &self.account, "charges").iter();
        let charges = charges.filter(|c| c["captured"] == true && c["source_transfer"].is_null());
        let of_charges: i64 = charges.map(|c| stripe_fee(int(c, "amount_captured"))).sum();
        let disputes = list(oracle, &self.account, "disputes").iter();
        let contested = disputes.filter(|d| {
            matches!(
                d["status"].as_str(),
                Some("needs_response" | "under_review" | "lost" | "won")
            )
        });
        of_charges + contested.map(|_| DISPUTE_FEE).sum::<i64>()
    }
}

/// Stripe's prices for a card and for a dispute in the United States, in cents (stripe.com/pricing): 2.9 % and 30, and 15
/// dollars, which do not come back with a dispute that is won.
fn stripe_fee(amount: i64) -> i64 {
    (amount * 29 + 500) / 1000 + 30
}

const DISPUTE_FEE: i64 = 1500;

/// Whether the bank hasn't decided.
pub(super) fn is_open(dispute: &Value) -> bool {
    matches!(
        dispute["status"].as_str(),
        Some("under_review" | "warning_under_review")
    ) || is_asking(dispute)
}

/// Whether a bank waits for the seller's answer.
pub(super) fn is_asking(dispute: &Value) -> bool {
    matches!(
        dispute["status"].as_str(),
        Some("needs_response" | "warning_needs_response")
    )
}

/// Objects of an account, by the oracle's name for their kind.
pub(super) fn list<'a>(oracle: &'a Value, account: &str, kind: &str) -> &'a [Value] {
    let found = oracle["accounts"][account][kind].as_array();
    found.map_or(&[], Vec::as_slice)
}

pub(super) fn int(object: &Value, name: &str) -> i64 {
    object[name].as_i64().unwrap_or_default()
}

pub(super) fn text(value: &Value, name: &str) -> Result<String, Failure> {
    let found = value[name].as_str().map(str::to_owned);
    found.ok_or_else(|| format!("no {name} in {value}").into())
}
