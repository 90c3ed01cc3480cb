//! The checks at the end, made from outside of the server.

use std::collections::BTreeMap;

use serde_json::Value;
use souk::money::display;

use super::evidence::{Evidence, Story, gather, int, list};
use super::responses::LedgerBalance;
use super::shop::Shop;
use super::subscription::Subscribed;
use super::ways_to_pay::Ways;
use super::{Failure, Poll, Stage, payday, until};

/// What a check found, or what is wrong.
pub(super) type Verdict = Result<String, String>;

/// The timeline entries of a confirmed payment: an order has exactly one of them, once.
const CONFIRMED: [&str; 3] = ["paid", "refund_due", "cancelled_sold_out"];

/// Runs and shows all checks, and answers how many failed.
pub async fn count(stage: &Stage, story: &Story) -> Result<usize, Failure> {
    stage.screen.step("Counting");
    everything_delivered(stage, story).await?;
    books_caught_up(stage, &story.shop).await;
    let evidence = gather(stage, story).await?;
    let mut verdicts = vec![
        (
            "each payment has one order, confirmed once",
            evidence.payments(),
        ),
        (
            "what orders say was paid, Stripe charged",
            evidence.amounts(),
        ),
        (
            "stock is its movements, and never negative",
            evidence.stock(),
        ),
        (
            "the oversold order was refunded once, fee and all",
            evidence.oversold(),
        ),
        ("refunds and returned fees are Stripe's", evidence.refunds()),
        (
            "one vase was refunded by its line, and is in stock again",
            evidence.by_line(),
        ),
        (
            "the dispute was won by evidence that was submitted once",
            evidence.dispute(),
        ),
        ("every journal sums to zero", evidence.journals()),
        ("every book equals Stripe's balance", evidence.books()),
        (
            "the platform's income is what its fees come to",
            evidence.income(),
        ),
        (
            "each payout is the sum of its transactions",
            evidence.payouts(),
        ),
        ("reconciliation found nothing odd", evidence.findings()),
    ];
    if let Some(ways) = &story.ways {
        let name = "the page, the saved card and the captured part are Stripe's";
        verdicts.push((name, ways.check(&evidence.oracle).await));
    }
    if let Some(subscribed) = &story.subscribed {
        let name = "each month of the subscription was paid once, and none after its end";
        verdicts.push((name, subscribed.check(&evidence.oracle).await));
    }
    for (name, verdict) in &verdicts {
        stage.screen.checked(name, verdict);
    }
    Ok(verdicts
        .iter()
        .filter(|(_, verdict)| verdict.is_err())
        .count())
}

/// Waits until the server has taken every event of the account and of the platform.
async fn everything_delivered(stage: &Stage, story: &Story) -> Result<(), Failure> {
    let shop = &story.shop;
    let accounts = [
        Some(shop.account.as_str()),
        story.ways.as_ref().map(Ways::account),
        story.subscribed.as_ref().map(Subscribed::account),
    ];
    until(
        &stage.screen,
        "the last events to be delivered",
        async || {
            let pending = shop.stripe.read("/events/pending").await?;
            let ours = |event: &&Value| {
                let of = event["account"].as_str();
                of.is_none() || accounts.contains(&of)
            };
            let left = list(&pending).filter(ours).count();
            Ok(if left == 0 {
                Poll::Ready(())
            } else {
                Poll::Pending(format!("{left} on their way"))
            })
        },
    )
    .await
}

/// Gives the ledger the time to pull the last transactions. If it doesn't get there, the checks say where it is.
async fn books_caught_up(stage: &Stage, shop: &Shop) {
    let caught_up = until(
        &stage.screen,
        "the books to catch up with Stripe",
        async || {
            let oracle = shop.stripe.oracle().await?;
            let balances: Vec<LedgerBalance> = stage.admin.get_list("/v1/ledger/balances").await?;
            Ok(match compare_books(&shop.account, &oracle, &balances) {
                Ok(_) => Poll::Ready(()),
                Err(drift) => Poll::Pending(drift),
            })
        },
    );
    // If it fails, the checks say why.
    drop(caught_up.await);
}

impl Evidence<'_> {
    fn shown(&self, amount: i64) -> String {
        display(amount, &self.story.lamp.currency)
    }

    fn payments(&self) -> Verdict {
        let story = self.story;
        let played = [&story.first, &story.friend, &story.late, &story.vases];
        let played = played.map(|purchase| purchase.session.id.as_str());
        let complete: Vec<&Value> = list(&self.account()["checkout_sessions"])
            .filter(|session| session["status"] == "complete")
            .collect();
        for session in &complete {
            let reference = &session["client_reference_id"];
            let (order, timeline) = match &self
                .orders
                .iter()
                .filter(|(o, _)| *reference == *o.id)
                .collect::<Vec<_>>()[..]
            {
                [one] => one,
                several => {
                    return Err(format!(
                        "session {} has {} orders",
                        session["id"],
                        several.len()
                    ));
                }
            };
            let confirmed = timeline
                .iter()
                .filter(|event| CONFIRMED.contains(&event.r#type.as_str()))
                .count();
            ensure(confirmed == 1, || {
                format!("order {} was confirmed {confirmed} times", order.id)
            })?;
            ensure(played.iter().any(|id| session["id"] == *id), || {
                format!("nobody here paid {}", session["id"])
            })?;
        }
        ensure(complete.len() == played.len(), || {
            format!("{} sessions are complete", complete.len())
        })?;
        for (purchase, wanted) in [
            (&story.first, "paid"),
            (&story.friend, "paid"),
            (&story.late, "refunded"),
            (&story.vases, "paid"),
        ] {
            let status = &self.order(purchase)?.0.status;
            ensure(status == wanted, || {
                format!(
                    "order {} is {status}, not {wanted}",
                    purchase.session.order_id
                )
            })?;
        }
        Ok(format!("{} payments", complete.len()))
    }

    fn amounts(&self) -> Verdict {
        let mut sum = 0;
        let story = self.story;
        for purchase in [&story.first, &story.friend, &story.late, &story.vases] {
            let ours = self.order(purchase)?.0.amount_total.unwrap_or(-1);
            let charged = self
                .charge_of(purchase)
                .map_or(0, |charge| int(charge, "amount_captured"));
            ensure(ours == charged, || {
                format!(
                    "order {}: {}, charged {}",
                    purchase.session.order_id,
                    self.shown(ours),
                    self.shown(charged)
                )
            })?;
            sum += charged;
        }
        let all: i64 = list(&self.account()["charges"])
            .map(|charge| int(charge, "amount_captured"))
            .sum();
        ensure(all == sum, || {
            format!(
                "Stripe charged {} in all, our orders say {}",
                self.shown(all),
                self.shown(sum)
            )
        })?;
        Ok(self.shown(sum))
    }

    fn stock(&self) -> Verdict {
        let mut told = Vec::new();
        for (product, movements) in &self.goods {
            let sum: i64 = movements.iter().map(|movement| movement.delta).sum();
            let stock = product.stock.unwrap_or(-1);
            ensure(stock >= 0 && stock == sum, || {
                format!("stock is {stock}, its movements sum to {sum}")
            })?;
            let mut sold: Vec<&str> = movements
                .iter()
                .filter(|movement| movement.reason == "sale")
                .filter_map(|movement| movement.order_id.as_deref())
                .collect();
            sold.sort_unstable();
            let story = self.story;
            let buyers = match product.id == story.vase.id {
                true => vec![&story.vases],
                false => vec![&story.first, &story.friend],
            };
            let mut paid: Vec<&str> = buyers
                .iter()
                .map(|purchase| purchase.session.order_id.as_str())
                .collect();
            paid.sort_unstable();
            ensure(sold == paid, || {
                format!("sold to {sold:?}, paid by {paid:?}")
            })?;
            told.push(format!("{stock} left"));
        }
        Ok(told.join(", "))
    }

    fn by_line(&self) -> Verdict {
        let (order, vase) = (&self.order(&self.story.vases)?.0, &self.story.vase);
        ensure(order.amount_refunded == vase.unit_amount, || {
            format!("{} came back", self.shown(order.amount_refunded))
        })?;
        let movements = self
            .goods
            .iter()
            .filter(|(product, _)| product.id == vase.id);
        let movements = movements.flat_map(|(_, movements)| movements);
        let back = movements.filter(|movement| movement.reason == "returned");
        let back: i64 = back.map(|movement| movement.delta).sum();
        ensure(back == 1, || format!("{back} came back to stock"))?;
        Ok(format!("{}, 1 unit", self.shown(order.amount_refunded)))
    }

    fn dispute(&self) -> Verdict {
        let theirs: Vec<&Value> = list(&self.account()["disputes"]).collect();
        let ([ours], [theirs]) = (self.disputes.as_slice(), theirs.as_slice()) else {
            let (ours, theirs) = (self.disputes.len(), theirs.len());
            return Err(format!("Stripe has {theirs} disputes, we have {ours}"));
        };
        let count = int(&theirs["evidence_details"], "submission_count");
        ensure(count == 1, || format!("it was submitted {count} times"))?;
        ensure(ours.status == "won" && theirs["status"] == "won", || {
            format!("it is {}, at Stripe {}", ours.status, theirs["status"])
        })?;
        let known = [
            "product_description",
            "shipping_tracking_number",
            "customer_email_address",
        ];
        for field in known {
            ensure(theirs["evidence"][field].is_string(), || {
                format!("Stripe was not told the {field}")
            })?;
        }
        let kept = self.charge_of(&self.story.vases).map(|charge| {
            let left = int(charge, "amount") - int(charge, "amount_refunded");
            left == ours.amount
        });
        ensure(kept == Some(true), || "it was about another sum".to_owned())?;
        Ok(self.shown(ours.amount))
    }

    fn oversold(&self) -> Verdict {
        let charge = self
            .charge_of(&self.story.late)
            .ok_or("the late payment has no charge")?;
        let refunds: Vec<&Value> = list(&self.account()["refunds"])
            .filter(|r| r["charge"] == charge["id"])
            .collect();
        ensure(refunds.len() == 1, || {
            format!("Stripe has {} refunds of it", refunds.len())
        })?;
        let (paid, back) = (int(charge, "amount"), int(refunds[0], "amount"));
        ensure(paid == back && refunds[0]["status"] == "succeeded", || {
            format!("{} of {} came back", self.shown(back), self.shown(paid))
        })?;
        let fee = self
            .fee_of(charge)
            .ok_or("the late payment has no application fee")?;
        let (taken, returned) = (int(fee, "amount"), int(fee, "amount_refunded"));
        ensure(taken == returned, || {
            format!(
                "{} of the fee of {} came back",
                self.shown(returned),
                self.shown(taken)
            )
        })?;
        Ok(format!(
            "{} + fee {}",
            self.shown(back),
            self.shown(returned)
        ))
    }

    fn refunds(&self) -> Verdict {
        let at_stripe: Vec<&Value> = list(&self.account()["refunds"]).collect();
        ensure(at_stripe.len() == self.refunds.len(), || {
            format!(
                "Stripe has {} refunds, we have {}",
                at_stripe.len(),
                self.refunds.len()
            )
        })?;
        for refund in &self.refunds {
            let twin = at_stripe
                .iter()
                .find(|r| r["id"].as_str() == refund.stripe_refund.as_deref());
            let twin = twin.ok_or_else(|| format!("refund {} is not at Stripe", refund.id))?;
            let same =
                twin["status"] == refund.status.as_str() && int(twin, "amount") == refund.amount;
            ensure(same, || {
                format!("refund {} is another at Stripe", refund.id)
            })?;
        }
        let mut returned = 0;
        for purchase in [&self.story.first, &self.story.late, &self.story.vases] {
            let charge = self
                .charge_of(purchase)
                .ok_or("a paid order has no charge")?;
            let (ours, theirs) = (
                self.order(purchase)?.0.amount_refunded,
                int(charge, "amount_refunded"),
            );
            ensure(ours == theirs, || {
                format!(
                    "order {}: {}, at Stripe {}",
                    purchase.session.order_id,
                    self.shown(ours),
                    self.shown(theirs)
                )
            })?;
            returned += self
                .fee_of(charge)
                .map_or(0, |fee| int(fee, "amount_refunded"));
        }
        let fees: i64 = self
            .refunds
            .iter()
            .filter_map(|refund| refund.application_fee_refunded)
            .sum();
        ensure(fees == returned, || {
            format!(
                "we say {} of the fees came back, Stripe {}",
                self.shown(fees),
                self.shown(returned)
            )
        })?;
        Ok(format!("{} refunds", self.refunds.len()))
    }

    fn journals(&self) -> Verdict {
        let mut sums: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for row in &self.balances {
            *sums
                .entry((&row.stripe_account, &row.currency))
                .or_default() += row.balance;
        }
        for ((account, currency), sum) in &sums {
            ensure(*sum == 0, || {
                format!(
                    "the book of {account} is off by {}",
                    display(*sum, currency)
                )
            })?;
        }
        Ok(format!("{} ledger accounts", self.balances.len()))
    }

    fn books(&self) -> Verdict {
        compare_books(&self.story.shop.account, &self.oracle, &self.balances)
    }

    fn income(&self) -> Verdict {
        let ours: i64 = self.income.iter().map(|row| row.net).sum();
        let theirs = payday::fees(&self.story.shop, &self.oracle);
        ensure(ours == theirs, || {
            format!(
                "the platform's book has {}, Stripe {}",
                self.shown(ours),
                self.shown(theirs)
            )
        })?;
        Ok(self.shown(ours))
    }

    fn payouts(&self) -> Verdict {
        let at_stripe: Vec<&Value> = list(&self.account()["payouts"]).collect();
        let seen = self.story.payouts.len();
        ensure(
            at_stripe.len() == self.payouts.len() && seen == self.payouts.len(),
            || {
                format!(
                    "Stripe made {} payouts, we know of {}",
                    at_stripe.len(),
                    self.payouts.len()
                )
            },
        )?;
        let mut sums = Vec::new();
        for (payout, transactions) in &self.payouts {
            let twin = at_stripe.iter().find(|p| p["id"] == payout.id.as_str());
            let theirs = twin.map(|twin| int(twin, "amount"));
            let net: i64 = transactions.iter().map(|txn| txn.net).sum();
            let whole = theirs == Some(payout.amount)
                && payout.transactions_net == Some(net)
                && net == payout.amount;
            ensure(whole, || {
                let theirs = theirs.unwrap_or_default();
                format!(
                    "payout {}: {}, at Stripe {}, its transactions {}",
                    payout.id,
                    self.shown(payout.amount),
                    self.shown(theirs),
                    self.shown(net)
                )
            })?;
            let closed = payout.status == "paid" && payout.reconciliation == "closed";
            ensure(closed, || {
                format!(
                    "payout {} is {}, {}",
                    payout.id, payout.status, payout.reconciliation
                )
            })?;
            // The payout's own transaction is not one of those that it pays out.
            let mut wanted: Vec<&str> = list(&self.account()["balance_transactions"])
                .filter(|txn| {
                    txn["payout"] == payout.id.as_str() && txn["source"] != payout.id.as_str()
                })
                .filter_map(|txn| txn["id"].as_str())
                .collect();
            let mut ours: Vec<&str> = transactions.iter().map(|txn| txn.id.as_str()).collect();
            wanted.sort_unstable();
            ours.sort_unstable();
            ensure(
                wanted == ours && payout.transaction_count == i64::try_from(ours.len()).ok(),
                || {
                    format!(
                        "payout {} holds {wanted:?} at Stripe and {ours:?} here",
                        payout.id
                    )
                },
            )?;
            sums.push(display(payout.amount, &payout.currency));
        }
        Ok(sums.join(" + "))
    }

    fn findings(&self) -> Verdict {
        let account = self.story.shop.account.as_str();
        match self
            .findings
            .iter()
            .find(|finding| finding.stripe_account.as_deref() == Some(account))
        {
            Some(finding) => Err(format!("{}: {}", finding.kind, finding.message)),
            None => Ok("no findings".to_owned()),
        }
    }
}

/// Each book's balance at Stripe against Stripe's own, available and pending; the seller's book must be among them.
fn compare_books(seller: &str, oracle: &Value, balances: &[LedgerBalance]) -> Verdict {
    let mut books: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for row in balances
        .iter()
        .filter(|row| row.account.starts_with("stripe_balance:"))
    {
        *books
            .entry((&row.stripe_account, &row.currency))
            .or_default() += row.balance;
    }
    ensure(books.keys().any(|(account, _)| *account == seller), || {
        format!("{seller} has no book")
    })?;
    for ((account, currency), ours) in &books {
        let stripe = &oracle["accounts"][*account]["balances"][*currency];
        let theirs = int(stripe, "available") + int(stripe, "pending");
        ensure(*ours == theirs, || {
            format!(
                "the book of {account} holds {}, Stripe {}",
                display(*ours, currency),
                display(theirs, currency)
            )
        })?;
    }
    Ok(format!(
        "{} {}",
        books.len(),
        if books.len() == 1 { "book" } else { "books" }
    ))
}

pub(super) fn ensure(holds: bool, fault: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault()) }
}
