//! Sends events to webhook endpoints: signed, retried, each attempt recorded.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::wall,
    engine::{Core, Engine},
    error::ApiError,
    options::Deliveries,
    store::{Kind, Record, Tx},
    webhooks,
};

mod rules;
mod signature;

pub(crate) use rules::DeliveryRules;
pub use signature::sign;

use signature::sign_all;

/// Seconds to the next attempt; after the last of them a delivery has failed.
const RETRIES: [i64; 12] = [
    1, 5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400,
];
/// A sandbox tries three times more, over a few hours.
const SANDBOX_RETRIES: [i64; 3] = [1, 3600, 7200];
const MAX_IN_FLIGHT: usize = 32;
/// The least time between two looks at the queue, however many requests come.
const POLL_INTERVAL: Duration = Duration::from_millis(1);
const TIMEOUT: Duration = Duration::from_secs(20);

/// An event that waits for an endpoint.
#[derive(Debug, Clone, Serialize)]
pub struct PendingEvent {
    pub event_id: String,
    pub endpoint_id: String,
    #[serde(rename = "type")]
    pub r#type: String,
    /// The connected account, absent for the platform's own events.
    pub account: Option<String>,
    /// Whether it goes to a Connect endpoint.
    pub connect: bool,
    /// The exact bytes that are posted.
    pub payload: String,
}

/// How one attempt went.
#[derive(Debug, Clone, Serialize)]
pub struct DeliveryResult {
    pub event_id: String,
    pub endpoint_id: String,
    /// The HTTP status, or nothing when no answer came.
    pub status: Option<u16>,
}

/// A delivery, with all that posting it takes.
struct Delivery {
    id: String,
    event: Arc<Record>,
    endpoint: Arc<Record>,
    secrets: Vec<String>,
}

impl Delivery {
    fn connect(&self) -> bool {
        webhooks::hears_accounts(&self.endpoint)
    }
}

fn load(core: &Core, id: &str) -> Option<Delivery> {
    let record = core.store.get(id)?;
    let event = core.store.get(record.text("event"))?;
    let endpoint = core.store.get(record.text("endpoint"))?;
    Some(Delivery {
        id: record.id.clone(),
        event: event.clone(),
        endpoint: endpoint.clone(),
        secrets: webhooks::secrets(endpoint, core.now()),
    })
}

impl Delivery {
    /// The connected account of its event; of a thin one the last part of its context.
    fn account(&self) -> Option<String> {
        let value = &self.event.value;
        let context = value["context"].as_str();
        let last = context.and_then(|context| context.rsplit('/').next());
        value["account"].as_str().or(last).map(str::to_owned)
    }
}

/// Posts to endpoints over HTTP.
#[derive(Clone)]
pub(crate) struct DeliveryWorker {
    engine: Arc<Engine>,
    client: reqwest::Client,
}

impl DeliveryWorker {
    pub fn new(engine: Arc<Engine>) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("Stripe/1.0 (+https://stripe.com/docs/webhooks)")
            // Endpoints are on this machine; a proxy of the environment isn't for them.
            .no_proxy()
            .build()?;
        Ok(Self { engine, client })
    }

    /// Delivers what is due until told to stop; sleeps in between.
    pub async fn run(self, stop: CancellationToken) {
        let slots = Arc::new(tokio::sync::Semaphore::new(MAX_IN_FLIGHT));
        loop {
            for delivery in self.take_due() {
                let (worker, slots) = (self.clone(), slots.clone());
                tokio::spawn(async move { worker.deliver_automatically(delivery, &slots).await });
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.engine.wake.notified() => tokio::time::sleep(POLL_INTERVAL).await,
                () = tokio::time::sleep(Duration::from_millis(500)) => self.engine.tick(),
            }
        }
    }

    fn take_due(&self) -> Vec<Delivery> {
        let mut core = self.engine.lock();
        if core.rules.mode == Deliveries::Held {
            return Vec::new();
        }
        let now = core.now();
        let due: Vec<String> = core
            .store
            .queue()
            .iter()
            .take_while(|(at, _, _)| *at <= now)
            .map(|(_, _, id)| id)
            .filter(|id| !core.posting.contains(*id))
            .take(MAX_IN_FLIGHT * 4)
            .cloned()
            .collect();
        if due.len() == MAX_IN_FLIGHT * 4 {
            self.engine.wake.notify_one();
        }
        due.into_iter()
            .filter_map(|id| {
                let delivery = load(&core, &id);
                core.posting.insert(id);
                delivery
            })
            .collect()
    }

    async fn deliver_automatically(&self, delivery: Delivery, slots: &tokio::sync::Semaphore) {
        let (rules, seed) = self.rules();
        if rules.loses(seed, &delivery.id) {
            self.lose(&delivery);
        } else {
            for copy in 0..rules.copies(seed, &delivery.id) {
                tokio::time::sleep(rules.wait(seed, &delivery.id, copy)).await;
                let Ok(slot) = slots.acquire().await else {
                    return;
                };
                if self.is_dropped(&delivery) {
                    break;
                }
                self.post_and_record(&delivery).await;
                drop(slot);
            }
        }
        self.engine.lock().posting.remove(&delivery.id);
    }

    /// Whether a delivery was dropped while it waited to be posted.
    fn is_dropped(&self, delivery: &Delivery) -> bool {
        let core = self.engine.lock();
        core.store
            .get(&delivery.id)
            .is_none_or(|d| d.text("status") == "dropped")
    }

    fn rules(&self) -> (DeliveryRules, u64) {
        let core = self.engine.lock();
        (core.rules.clone(), core.store.seed)
    }

    fn lose(&self, delivery: &Delivery) {
        self.record(|tx| {
            tx.update(&delivery.id, |r| r.value["status"] = json!("dropped"));
        });
    }

    /// What waits, oldest event first.
    pub fn pending(&self) -> Vec<PendingEvent> {
        self.waiting()
            .into_iter()
            .map(|p| PendingEvent {
                event_id: p.event.id.clone(),
                endpoint_id: p.endpoint.id.clone(),
                r#type: p.event.text("type").to_owned(),
                account: p.account(),
                connect: p.connect(),
                payload: p.event.sent_as(),
            })
            .collect()
    }

    fn waiting(&self) -> Vec<Delivery> {
        let core = self.engine.lock();
        let mut ids: Vec<_> = core
            .store
            .queue()
            .iter()
            .map(|(_, seq, id)| (*seq, id))
            .collect();
        ids.sort();
        ids.into_iter()
            .filter_map(|(_, id)| load(&core, id))
            .collect()
    }

    /// Posts all waiting deliveries one after the other: each once and in order, unless the rules
    /// say otherwise.
    pub async fn deliver_pending(&self) -> Vec<DeliveryResult> {
        let (rules, seed) = self.rules();
        let mut waiting = self.waiting();
        rules.arrange(seed, &mut waiting, |delivery| delivery.id.as_str());
        let mut out = Vec::new();
        for delivery in waiting {
            if rules.loses(seed, &delivery.id) {
                self.lose(&delivery);
                continue;
            }
            for _ in 0..rules.copies(seed, &delivery.id) {
                let status = self.post_and_record(&delivery).await;
                out.push(result(&delivery, status));
            }
        }
        out
    }

    /// Posts an event `times` times at once to each endpoint it was meant for.
    pub async fn deliver(&self, event: &str, times: usize) -> Vec<DeliveryResult> {
        let deliveries: Vec<Arc<Delivery>> = {
            let core = self.engine.lock();
            core.store
                .naming(Kind::Delivery, "event", event)
                .filter_map(|d| load(&core, &d.id))
                .map(Arc::new)
                .collect()
        };
        let mut posts = tokio::task::JoinSet::new();
        for delivery in deliveries {
            for _ in 0..times {
                let (worker, delivery) = (self.clone(), delivery.clone());
                posts.spawn(async move {
                    let status = worker.post_and_record(&delivery).await;
                    result(&delivery, status)
                });
            }
        }
        posts.join_all().await
    }

    /// Drops all waiting deliveries.
    pub fn drop_pending(&self) -> usize {
        let deliveries = self.waiting();
        for delivery in &deliveries {
            self.lose(delivery);
        }
        deliveries.len()
    }

    async fn post(&self, delivery: &Delivery) -> Result<u16, String> {
        // The signature's time is wall time: advancing a week breaks nobody's tolerance.
        let payload = delivery.event.sent_as();
        let signature = sign_all(&delivery.secrets, wall(), payload.as_bytes());
        let sent = self
            .client
            .post(webhooks::url(&delivery.endpoint))
            .header("Content-Type", "application/json; charset=utf-8")
            .header("Stripe-Signature", signature)
            .body(payload)
            .send()
            .await;
        match sent {
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn post_and_record(&self, delivery: &Delivery) -> Option<u16> {
        let answer = self.post(delivery).await;
        self.record(|tx| note(tx, delivery, &answer));
        answer.ok()
    }

    fn record(&self, change: impl FnOnce(&mut Tx<'_>)) {
        let kept: Result<(), ApiError> = self.engine.work(|tx| {
            change(tx);
            Ok(())
        });
        if let Err(error) = kept {
            tracing::error!(message = error.message, "a delivery couldn't be recorded");
        }
    }
}

fn result(delivery: &Delivery, status: Option<u16>) -> DeliveryResult {
    DeliveryResult {
        event_id: delivery.event.id.clone(),
        endpoint_id: delivery.endpoint.id.clone(),
        status,
    }
}

/// Records an attempt and the time of the next one.
fn note(tx: &mut Tx<'_>, delivery: &Delivery, answer: &Result<u16, String>) {
    let now = tx.now;
    let good = matches!(answer, Ok(status) if (200..300).contains(status));
    let mut first_success = false;
    let waits: &[i64] = match tx.assumptions.get("webhook_retries") {
        "few_hours" => &SANDBOX_RETRIES,
        _ => &RETRIES,
    };
    tx.update(&delivery.id, |r| {
        let attempt = json!({
            "at": now,
            "status": answer.as_ref().ok(),
            "error": answer.as_ref().err(),
        });
        let tries = match r.value["attempts"].as_array_mut() {
            Some(list) => {
                list.push(attempt);
                list.len()
            }
            None => 1,
        };
        first_success = good && r.value["status"] != "succeeded";
        if good {
            r.value["status"] = json!("succeeded");
        } else if r.value["status"] == "pending" {
            match waits.get(tries - 1) {
                Some(wait) => r.value["next_at"] = json!(now + wait),
                None => r.value["status"] = json!("failed"),
            }
        }
    });
    if first_success && delivery.event.kind == Kind::Event {
        tx.update(&delivery.event.id, |r| {
            let open = r.int("pending_webhooks");
            if r.hidden["sent"].is_null() {
                r.hidden["sent"] = json!(open);
            }
            r.value["pending_webhooks"] = json!((open - 1).max(0));
        });
    }
}

/// The deliveries of an event with their attempts.
pub(crate) fn history(core: &Core, event: &str) -> Vec<Value> {
    core.store
        .naming(Kind::Delivery, "event", event)
        .map(|d| d.value.clone())
        .collect()
}
