//! Balance transactions and payouts.

use souk_entity::Timestamp;
use stripe_core::balance_transaction::{ListBalanceTransaction, RetrieveBalanceTransaction};
use stripe_core::payout::RetrievePayout;
use stripe_types::RangeQueryTs;

use super::LIMIT;

/// A page of the account's balance transactions created at `since` or later and older than `starting_after`, newest
/// first (docs.stripe.com/api/balance_transactions/list).
pub fn transactions(
    since: Option<Timestamp>,
    starting_after: Option<&str>,
) -> ListBalanceTransaction {
    let list = page(starting_after);
    match since {
        Some(since) => list.created(RangeQueryTs::gte(since.seconds())),
        None => list,
    }
}

/// Such a page, each transaction with its whole source. An application fee tells its charge only there.
pub fn with_sources(list: ListBalanceTransaction) -> ListBalanceTransaction {
    list.expand(["data.source".to_owned()])
}

/// A page of the balance transactions in an automatic payout (`payout=`). The payout's own transaction is among them.
pub fn payout_transactions(payout: &str, starting_after: Option<&str>) -> ListBalanceTransaction {
    page(starting_after).payout(payout)
}

fn page(starting_after: Option<&str>) -> ListBalanceTransaction {
    let list = ListBalanceTransaction::new().limit(LIMIT);
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}

/// A balance transaction (docs.stripe.com/api/balance_transactions/retrieve).
pub fn transaction(id: &str) -> RetrieveBalanceTransaction {
    RetrieveBalanceTransaction::new(id)
}

/// A balance transaction with its whole source (docs.stripe.com/api/balance_transactions/retrieve).
pub fn transaction_with_source(id: &str) -> RetrieveBalanceTransaction {
    RetrieveBalanceTransaction::new(id).expand(["source".to_owned()])
}

/// A payout (docs.stripe.com/api/payouts/retrieve).
pub fn payout(id: &str) -> RetrievePayout {
    RetrievePayout::new(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stripe_client_core::StripeRequest;

    #[test]
    fn every_page_of_a_list_keeps_its_filters() {
        let query = |list: ListBalanceTransaction| list.build().query.expect("a query");
        let since = Timestamp::from_seconds(1_700_000_000);
        let text = query(transactions(Some(since), Some("txn_9")));
        for part in ["gte]=1700000000", "limit=100", "starting_after=txn_9"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        let text = query(payout_transactions("po_1", Some("txn_9")));
        for part in ["payout=po_1", "limit=100", "starting_after=txn_9"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!query(transactions(None, None)).contains("created"));
    }
}
