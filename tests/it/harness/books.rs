//! The books of a test, beside Stripe's own.

use souk::installation;
use souk::ledger::{self, Outcome, check_book, deadlines::keep_books};
use souk_entity::AccountId;

use super::TestApp;

impl TestApp {
    /// The server learns from Stripe whose its key is, as every start does, and opens the platform's own book. Its account.
    pub async fn know_platform(&self) -> String {
        let known = installation::check_platform(self.app.clone()).await;
        known.expect("Stripe tells");
        keep_books(&self.app).await.expect("looks");
        self.run_jobs().await;
        let account = "SELECT platform_account AS it FROM installation";
        self.query(account).await
    }

    /// Reads every book there is, the platform's own too, and fails unless each holds what Stripe has and they agree on every
    /// application fee.
    pub async fn books_equal_stripe(&self) {
        self.know_platform().await;
        self.settle().await;
        // Stripe's lists may show a balance transaction only after a while.
        self.advance(61).await;
        self.settle().await;
        let oracle = self.simulator.oracle().await;
        let accounts = self.connected_accounts().await;
        for account in &accounts {
            let check = check_book(&self.app, account, false).await;
            let check = check.expect("checks");
            assert_eq!(check.outcome, Outcome::Equal, "{check:?}");
            let balances = &oracle["accounts"][account.as_ref()]["balances"];
            for side in &check.currencies {
                let funds = &balances[&side.currency];
                let of = |name: &str| funds[name].as_i64().unwrap_or(0);
                assert_eq!(side.ledger, of("available") + of("pending"), "{account}");
            }
        }
        self.advance(16 * 60).await;
        for account in &accounts {
            let pulled = ledger::pull(&self.app, account, false).await;
            pulled.expect("pulls");
        }
        let compared = ledger::application_fees::compare(&self.app).await;
        compared.expect("compares");
        let differing = "application_fee_movements WHERE NOT is_compared";
        assert_eq!(
            self.count(differing).await,
            0,
            "fees on which the books differ"
        );
        self.settle().await;
    }

    async fn connected_accounts(&self) -> Vec<AccountId> {
        let text = "SELECT string_agg(b.stripe_account, ',') AS it FROM books b LEFT JOIN sellers s ON s.id = b.seller_id \
                    WHERE s.deauthorized_at IS NULL";
        let text = match super::on_postgres() {
            true => text.to_owned(),
            false => text.replace("string_agg", "group_concat"),
        };
        let all: String = self.query(&text).await;
        all.split(',').map(AccountId::from).collect()
    }
}
