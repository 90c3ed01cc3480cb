//! Group commit: many deliveries share a transaction, and are answered after its commit.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::app::App;
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::ids;
use crate::metrics;

use super::inbox::{self, Incoming, Isolation, Receipt};

/// Deliveries that may wait. One more is answered 503, and Stripe sends it again.
const QUEUE_CAPACITY: usize = 1024;
/// The most deliveries that share a commit.
const MAX_BATCH: usize = 64;
/// Attempts of a batch that meets deadlocks or serialization failures.
const MAX_ATTEMPTS: u32 = 5;

/// A handle to the committer's queue. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    queue: mpsc::Sender<Delivery>,
}

struct Delivery {
    incoming: Incoming,
    answer: oneshot::Sender<Result<Receipt>>,
}

impl Intake {
    /// Starts a committer. The task ends after the last `Intake` is dropped, with everything queued committed.
    pub fn start(app: App) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, deliveries) = mpsc::channel(QUEUE_CAPACITY);
        (Self { queue }, tokio::spawn(run(app, deliveries)))
    }

    /// Returns once the event is committed, with its effect or a stored failure.
    ///
    /// # Errors
    /// [`Error::Busy`] while the queue is full or the server shuts down; and the commit's own error.
    pub(super) async fn commit(&self, incoming: Incoming) -> Result<Receipt> {
        let (answer, committed) = oneshot::channel();
        self.queue
            .try_send(Delivery { incoming, answer })
            .map_err(|_| Error::Busy("Too many events at once; send it again.".to_owned()))?;
        metrics::queue(self.queue.max_capacity() - self.queue.capacity());
        committed
            .await
            .map_err(|_| Error::Busy("Shutting down; send it again.".to_owned()))?
    }
}

async fn run(app: App, mut deliveries: mpsc::Receiver<Delivery>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    // All that is queued is taken at once: an idle system has a commit for each event, a busy one shares it.
    while deliveries.recv_many(&mut batch, MAX_BATCH).await > 0 {
        fill_batch(&mut deliveries, &mut batch).await;
        metrics::queue(deliveries.len());
        // Two replicas with the same events in different orders would deadlock on the inbox's primary key.
        batch.sort_by(|a, b| a.incoming.event.id.cmp(&b.incoming.event.id));
        let incoming: Vec<&Incoming> = batch.iter().map(|delivery| &delivery.incoming).collect();
        let receipts = commit_all(&app, &incoming).await;
        for (delivery, receipt) in batch.drain(..).zip(receipts) {
            // A sender that hung up will send again, and find a duplicate.
            drop(delivery.answer.send(receipt));
        }
    }
}

/// Yields to the other tasks and takes what they have queued, until that brings no more. There is no timer. Without this
/// the first delivery after a full batch would have a commit of its own, and all others would wait for it.
async fn fill_batch(deliveries: &mut mpsc::Receiver<Delivery>, batch: &mut Vec<Delivery>) {
    // Two empty polls, since this task is woken together with those whose sockets are ready, and may run before them.
    let mut empty_polls = 0;
    while empty_polls < 2 && batch.len() < MAX_BATCH {
        let before = batch.len();
        tokio::task::yield_now().await;
        while batch.len() < MAX_BATCH
            && let Ok(delivery) = deliveries.try_recv()
        {
            batch.push(delivery);
        }
        empty_polls = if batch.len() > before {
            0
        } else {
            empty_polls + 1
        };
    }
}

/// Commits a batch in one transaction. After an engine failure each event is committed alone, so that one can't hold up the
/// others. Returns a result for each event, in their order.
pub(super) async fn commit_all(app: &App, batch: &[&Incoming]) -> Vec<Result<Receipt>> {
    let receipts = commit_isolating_failures(app, batch).await;
    for (incoming, receipt) in batch.iter().zip(&receipts) {
        if let Ok(receipt) = receipt {
            metrics::event(incoming.endpoint, incoming.source, receipt.name());
        }
    }
    receipts
}

async fn commit_isolating_failures(app: &App, batch: &[&Incoming]) -> Vec<Result<Receipt>> {
    match commit_retrying_contention(app, batch).await {
        Ok(receipts) => receipts.into_iter().map(Ok).collect(),
        Err(e) if batch.len() == 1 => vec![Err(e)],
        Err(e) => {
            tracing::warn!(events = batch.len(), error = %e, "a batch of events failed; trying each alone");
            let mut receipts = Vec::with_capacity(batch.len());
            for incoming in batch {
                let alone = commit_retrying_contention(app, &[incoming]).await;
                receipts.push(alone.and_then(|one| {
                    one.into_iter()
                        .next()
                        .ok_or_else(|| Error::internal("no receipt"))
                }));
            }
            receipts
        }
    }
}

/// Retries after a deadlock: a batch of mixed events can't take all its locks in one order, and PostgreSQL ends one of two
/// transactions that wait for each other.
async fn commit_retrying_contention(app: &App, batch: &[&Incoming]) -> Result<Vec<Receipt>> {
    for attempt in 1..MAX_ATTEMPTS {
        match commit(app, batch).await {
            Err(e) if e.is_contention() => {
                tracing::debug!(events = batch.len(), error = %e, "a batch of events is tried again");
                let pause = ids::random_below(20 << attempt);
                tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())).await;
            }
            ended => return ended,
        }
    }
    commit(app, batch).await
}

/// Applies the effects together, since nearly every batch succeeds. If one fails by its own rules, the batch is done again
/// with a savepoint for each effect.
async fn commit(app: &App, batch: &[&Incoming]) -> Result<Vec<Receipt>> {
    match commit_with(app, batch, Isolation::None).await {
        Err(e) if !e.is_engine_error() => {
            if batch.len() > 1 {
                // The result is right but slow: without this line nobody would notice.
                tracing::warn!(events = batch.len(), error = %e, "the effects of a batch failed together; trying each alone");
            }
            commit_with(app, batch, Isolation::Savepoints).await
        }
        committed => committed,
    }
}

async fn commit_with(app: &App, batch: &[&Incoming], isolation: Isolation) -> Result<Vec<Receipt>> {
    let tx = app.db.begin_batch().await?;
    let effects = Stopwatch::start();
    let receipts = match inbox::receive(&tx, batch, isolation).await {
        Ok(receipts) => receipts,
        // The transaction may be over already; dropping its connection ends it in any case.
        Err(e) if e.is_engine_error() => return Err(e),
        Err(e) => {
            tx.rollback().await?;
            return Err(e);
        }
    };
    let (effects, committing) = (effects.elapsed(), Stopwatch::start());
    tx.commit().await?;
    metrics::batch(batch.len(), effects, committing.elapsed());
    Ok(receipts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::Event;
    use souk_entity::inbox_event::{Endpoint, Source};

    fn delivery(n: usize) -> Delivery {
        let event = Event::read(format!(r#"{{"id":"evt_{n}"}}"#).into());
        Delivery {
            incoming: Incoming {
                endpoint: Endpoint::Connect,
                source: Source::Webhook,
                event: event.expect("an event"),
            },
            answer: oneshot::channel().0,
        }
    }

    #[tokio::test]
    async fn queued_deliveries_share_a_commit_and_none_waits_for_more() {
        for (come, share) in [(0, 1), (9, 10), (100, MAX_BATCH)] {
            let (queue, mut deliveries) = mpsc::channel(QUEUE_CAPACITY);
            for n in 1..=come {
                let queue = queue.clone();
                tokio::spawn(async move { queue.try_send(delivery(n)).expect("room") });
            }
            let mut batch = vec![delivery(0)];
            // The queue stays open: waiting for one more would never end.
            fill_batch(&mut deliveries, &mut batch).await;
            assert_eq!(batch.len(), share);
            drop(queue);
        }
    }
}
