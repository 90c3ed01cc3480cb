//! Objects at Stripe are created once.
//!
//! Stripe keeps the answer to an idempotency key, a 500 too, and may forget the key after 24 hours
//! (docs.stripe.com/api/idempotent_requests). So the same key is repeated as long as the answer is unknown. A key whose
//! saved answer is a 500, or that is old, is never sent again: Stripe is searched for the object first, and only if it
//! isn't there is it created under another key.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, EntityName};
use souk_entity::Timestamp;

use crate::db::Db;
use crate::error::{Error, Result};

/// An hour less than Stripe promises.
const KEY_LIFE_MS: i64 = 23 * 3_600_000;
const SPOILED: Timestamp = Timestamp(0);

/// Creates the object of a row, under the idempotency key that the row's `key_number` and `key_until` describe.
pub struct IdempotentCreate {
    table: &'static str,
    row: String,
    number: i32,
    until: Timestamp,
}

/// The end of the time in which a key may be repeated, if it is first sent now or later.
pub fn key_until(now: Timestamp) -> Timestamp {
    now.plus_ms(KEY_LIFE_MS)
}

impl IdempotentCreate {
    /// For a row of a table that has `id`, `key_number` and `key_until`.
    pub fn of(table: impl EntityName, row: impl AsRef<str>, number: i32, until: Timestamp) -> Self {
        Self {
            table: table.table_name(),
            row: row.as_ref().to_owned(),
            number,
            until,
        }
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
        if let Err(Error::StripeUnavailable(fault)) = &answer
            && fault.status.is_some_and(|status| status >= 500)
        {
            // The next try searches: after a 500 Stripe may still be at work.
            self.write(db, number, number, SPOILED).await?;
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
