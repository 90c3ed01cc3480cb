//! Objects at Stripe are created once.
//!
//! Stripe keeps the answer to an idempotency key, a 500 too, and may forget the key after 24 hours
//! (docs.stripe.com/api/idempotent_requests). So the same key is repeated as long as the answer is unknown. A key whose
//! saved answer is a 500, or that is old, is never sent again: Stripe is searched for the object first, and only if it
//! isn't there is it created under another key.
//!
//! v2 doesn't replay a failure but tries it again under its key (docs.stripe.com/api-v2-overview#idempotency). So its keys are
//! spoiled by no 500.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, EntityName};
use souk_entity::Timestamp;

use crate::db::Db;
use crate::error::{Error, Result, StripeFault};

/// An hour less than Stripe promises.
const KEY_LIFE_MS: i64 = 23 * 3_600_000;
const SPOILED: Timestamp = Timestamp(0);

/// Creates the object of a row, under the idempotency key that the row's `key_number` and `key_until` describe.
pub struct IdempotentCreate {
    table: &'static str,
    row: String,
    number: i32,
    until: Timestamp,
    keeps_500: bool,
    outlives_refusal: bool,
}

/// The end of the time in which a key may be repeated, if it is first sent now or later.
pub fn key_until(now: Timestamp) -> Timestamp {
    now.plus_ms(KEY_LIFE_MS)
}

/// v1's type and v2's code (docs.stripe.com/api/errors).
fn is_of_another_request(fault: &StripeFault) -> bool {
    let name = "idempotency_error";
    fault.kind == name || fault.code.as_deref() == Some(name)
}

impl IdempotentCreate {
    /// For a row of a table that has `id`, `key_number` and `key_until`.
    pub fn of(table: impl EntityName, row: impl AsRef<str>, number: i32, until: Timestamp) -> Self {
        Self {
            table: table.table_name(),
            row: row.as_ref().to_owned(),
            number,
            until,
            keeps_500: true,
            outlives_refusal: false,
        }
    }

    /// For an object that is made by v2.
    pub fn by_v2(mut self, is: bool) -> Self {
        self.keeps_500 = !is;
        self
    }

    /// For a row that outlives a refusal, since what was refused may be allowed later. Stripe would replay its no, so that the
    /// next try has another key.
    pub fn again_after_refusal(mut self) -> Self {
        self.outlives_refusal = true;
        self
    }

    /// For a row whose key must not be sent again, as if it was old.
    pub fn search_first(mut self, is: bool) -> Self {
        if is {
            self.until = SPOILED;
        }
        self
    }

    /// Creates the object, if it isn't there. `send` creates it, under a key that contains the number it is given.
    /// `find_existing` searches Stripe for it, and is awaited only if the key can't be trusted.
    ///
    /// # Errors
    /// [`Error::StripeRefused`]: nothing was created. [`Error::StripeUnavailable`]: unknown, also if the search failed.
    pub async fn make<T>(
        &self,
        db: &Db,
        now: Timestamp,
        find_existing: impl Future<Output = Result<Option<T>>>,
        send: impl AsyncFnOnce(i32) -> Result<T>,
    ) -> Result<T> {
        let number = if now < self.until {
            self.number
        } else {
            match find_existing.await {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => self.next(db, now).await?,
                // A refused search says nothing about the object, so it is no definite no.
                Err(Error::StripeRefused(fault)) => return Err(Error::StripeUnavailable(fault)),
                Err(e) => return Err(e),
            }
        };
        let answer = send(number).await;
        match &answer {
            // The next try searches: after a 500 Stripe may still be at work.
            Err(Error::StripeUnavailable(fault))
                if self.keeps_500 && fault.status.is_some_and(|status| status >= 500) =>
            {
                self.write(db, number, number, SPOILED).await?;
            }
            // Another request went under the key, of whose outcome this says nothing.
            Err(Error::StripeRefused(fault))
                if self.outlives_refusal && is_of_another_request(fault) =>
            {
                self.write(db, number, number, SPOILED).await?;
                return Err(Error::StripeUnavailable(fault.clone()));
            }
            Err(Error::StripeRefused(_)) if self.outlives_refusal => {
                self.write(db, number, number + 1, key_until(now)).await?;
            }
            _ => {}
        }
        answer
    }

    /// Goes on to the next key, and answers its number. Concurrent callers all get the same number, so they send one key.
    async fn next(&self, db: &Db, now: Timestamp) -> Result<i32> {
        self.write(db, self.number, self.number + 1, key_until(now))
            .await
    }

    /// Writes number and time, if the row still has the number `seen`. Answers the number that the row has then.
    async fn write(&self, db: &Db, seen: i32, number: i32, until: Timestamp) -> Result<i32> {
        let (id, key_number) = (Alias::new("id"), Alias::new("key_number"));
        let tx = db.begin_write().await?;
        let mut update = Query::update();
        update
            .table(Alias::new(self.table))
            .value(key_number.clone(), number)
            .value(Alias::new("key_until"), until)
            .and_where(Expr::col(id.clone()).eq(self.row.as_str()))
            .and_where(Expr::col(key_number.clone()).eq(seen));
        tx.execute(&update).await?;
        let mut read = Query::select();
        read.column(key_number)
            .from(Alias::new(self.table))
            .and_where(Expr::col(id).eq(self.row.as_str()));
        let row = tx.query_one(&read).await?;
        let row = row.ok_or_else(|| Error::internal(format!("{} went away", self.row)))?;
        let number = row.try_get_by_index(0)?;
        tx.commit().await?;
        Ok(number)
    }
}
