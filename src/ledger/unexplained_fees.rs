//! Application fees that no payment of ours explains: one finding for each account and currency.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use souk_entity::AccountId;
use souk_entity::application_fee_movement::Model as Movement;
use souk_entity::finding::{self, FindingState};

use crate::db::Tx;
use crate::error::Result;
use crate::findings::{self, NewFinding};
use crate::money;

const UNEXPLAINED: &str = "unexplained_fee";

/// Fees of no payment of ours, by the account that paid and the currency.
#[derive(Debug, Default)]
pub(super) struct Unexplained(BTreeMap<(AccountId, String), Fees>);

#[derive(Debug)]
struct Fees {
    charges: usize,
    sum: i64,
    /// One of them.
    first: String,
}

impl Unexplained {
    /// Adds the fees of a charge.
    pub(super) fn note(&mut self, rows: &[Movement], charge: &str) -> Result<()> {
        let mut seen = BTreeSet::new();
        for row in rows.iter().filter(|row| row.is_income) {
            let Some(account) = row.stripe_account.clone() else {
                continue;
            };
            let key = (account, row.posted_currency.clone());
            let fees = self.0.entry(key.clone()).or_insert_with(|| Fees {
                charges: 0,
                sum: 0,
                first: charge.to_owned(),
            });
            fees.charges += usize::from(seen.insert(key));
            fees.sum = money::add(fees.sum, row.posted)?;
        }
        Ok(())
    }

    /// Raises a finding about each account's, and resolves those that are explained now.
    pub(super) async fn raise(self, tx: &Tx) -> Result<()> {
        let mut true_of = BTreeSet::new();
        for ((account, currency), fees) in self.0 {
            let subject = format!("{account}:{currency}");
            true_of.insert(subject.clone());
            if is_settled(tx, &subject, fees.sum).await? {
                continue;
            }
            let (them, of) = match fees.charges {
                1 => ("An application fee".to_owned(), "is of a charge"),
                n => (format!("Application fees of {n} charges"), "are of charges"),
            };
            let finding = NewFinding {
                kind: UNEXPLAINED,
                stripe_account: Some(account.clone()),
                message: format!(
                    "{them} that {account} paid, together {}, {of} that no payment of Souk explains, such as {}. If other \
                     software takes fees with this Stripe account, resolve this with a note, and it comes again only with \
                     another sum. If none does, look at the charge in the Stripe dashboard and return what was not agreed.",
                    money::display(fees.sum, &currency),
                    fees.first,
                ),
                amount: Some(fees.sum),
                currency: Some(currency),
                subject,
            };
            findings::raise(tx, finding).await?;
        }
        findings::resolve_others(tx, UNEXPLAINED, &true_of).await
    }
}

/// Whether a person has resolved it, at this sum.
async fn is_settled(tx: &Tx, subject: &str, sum: i64) -> Result<bool> {
    use finding::Column as F;
    let settled = finding::Entity::find()
        .filter(F::Kind.eq(UNEXPLAINED))
        .filter(F::Subject.eq(subject))
        .filter(F::State.eq(FindingState::Resolved))
        .filter(F::Note.is_not_null())
        .filter(F::Amount.eq(sum))
        .one(tx)
        .await?;
    Ok(settled.is_some())
}
