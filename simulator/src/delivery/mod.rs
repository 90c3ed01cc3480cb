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
const IN_A_SANDBOX: [i64; 3] = [1, 3600, 7200];
const AT_ONCE: usize = 32;
/// Between two looks at the queue, however many requests come.
const BREATH: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(20);

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

/// One thing to post.
struct Parcel {
    delivery: String,
    event: Arc<Record>,
    endpoint: Arc<Record>,
    secrets: Vec<String>,
}

impl Parcel {
    fn connect(&self) -> bool {
        self.endpoint.hidden["connect"] == json!(true)
    }
}

fn parcel(core: &Core, delivery: &str) -> Option<Parcel> {
    let record = core.store.get(delivery)?;
    let event = core.store.get(record.text("event"))?;
    let endpoint = core.store.get(record.text("endpoint"))?;
    Some(Parcel {
        delivery: record.id.clone(),
        event: event.clone(),
        endpoint: endpoint.clone(),
        secrets: webhooks::secrets(endpoint, core.now()),
    })
}

/// Posts to endpoints over HTTP.
#[derive(Clone)]
pub(crate) struct Courier {
    engine: Arc<Engine>,
    client: reqwest::Client,
}

impl Courier {
    pub fn new(engine: Arc<Engine>) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("Stripe/1.0 (+https://stripe.com/docs/webhooks)")
            // Endpoints are on this machine; a proxy of the environment isn't for them.
            .no_proxy()
            .build()?;
        Ok(Self { engine, client })
    }

    /// Delivers what is due until told to stop; sleeps in between.
    pub async fn run(self, stop: CancellationToken) {
        let slots = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
        loop {
            for parcel in self.take_due() {
                let (courier, slots) = (self.clone(), slots.clone());
                tokio::spawn(async move { courier.deliver_automatically(parcel, &slots).await });
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.engine.wake.notified() => tokio::time::sleep(BREATH).await,
                () = tokio::time::sleep(Duration::from_millis(500)) => self.engine.tick(),
            }
        }
    }

    fn take_due(&self) -> Vec<Parcel> {
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
            .take(AT_ONCE * 4)
            .cloned()
            .collect();
        if due.len() == AT_ONCE * 4 {
            self.engine.wake.notify_one();
        }
        due.into_iter()
            .filter_map(|id| {
                let parcel = parcel(&core, &id);
                core.posting.insert(id);
                parcel
            })
            .collect()
    }

    async fn deliver_automatically(&self, parcel: Parcel, slots: &tokio::sync::Semaphore) {
        let (rules, seed) = self.rules();
        if rules.loses(seed, &parcel.delivery) {
            self.lose(&parcel);
        } else {
            for copy in 0..rules.copies(seed, &parcel.delivery) {
                tokio::time::sleep(rules.wait(seed, &parcel.delivery, copy)).await;
                let Ok(slot) = slots.acquire().await else {
                    return;
                };
                self.post_and_record(&parcel).await;
                drop(slot);
            }
        }
        self.engine.lock().posting.remove(&parcel.delivery);
    }

    fn rules(&self) -> (DeliveryRules, u64) {
        let core = self.engine.lock();
        (core.rules.clone(), core.store.seed)
    }

    fn lose(&self, parcel: &Parcel) {
        self.record(|tx| {
            tx.update(&parcel.delivery, |r| r.value["status"] = json!("dropped"));
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
                account: p.event.value["account"].as_str().map(str::to_owned),
                connect: p.connect(),
                payload: p.event.sent_as(),
            })
            .collect()
    }

    fn waiting(&self) -> Vec<Parcel> {
        let core = self.engine.lock();
        let mut ids: Vec<_> = core
            .store
            .queue()
            .iter()
            .map(|(_, seq, id)| (*seq, id))
            .collect();
        ids.sort();
        ids.into_iter()
            .filter_map(|(_, id)| parcel(&core, id))
            .collect()
    }

    /// Posts everything that waits, one after the other: once and in order, unless the rules say
    /// otherwise.
    pub async fn deliver_pending(&self) -> Vec<DeliveryResult> {
        let (rules, seed) = self.rules();
        let mut waiting = self.waiting();
        rules.arrange(seed, &mut waiting, |parcel| parcel.delivery.as_str());
        let mut out = Vec::new();
        for parcel in waiting {
            if rules.loses(seed, &parcel.delivery) {
                self.lose(&parcel);
                continue;
            }
            for _ in 0..rules.copies(seed, &parcel.delivery) {
                let status = self.post_and_record(&parcel).await;
                out.push(result(&parcel, status));
            }
        }
        out
    }

    /// Posts an event `times` times at once to each endpoint it was meant for.
    pub async fn deliver(&self, event: &str, times: usize) -> Vec<DeliveryResult> {
        let parcels: Vec<Arc<Parcel>> = {
            let core = self.engine.lock();
            core.store
                .naming(Kind::Delivery, "event", event)
                .filter_map(|d| parcel(&core, &d.id))
                .map(Arc::new)
                .collect()
        };
        let mut posts = tokio::task::JoinSet::new();
        for parcel in parcels {
            for _ in 0..times {
                let (courier, parcel) = (self.clone(), parcel.clone());
                posts.spawn(async move {
                    let status = courier.post_and_record(&parcel).await;
                    result(&parcel, status)
                });
            }
        }
        posts.join_all().await
    }

    /// Loses everything that waits.
    pub fn drop_pending(&self) -> usize {
        let parcels = self.waiting();
        for parcel in &parcels {
            self.lose(parcel);
        }
        parcels.len()
    }

    async fn post(&self, parcel: &Parcel) -> Result<u16, String> {
        // The signature's time is wall time: advancing a week breaks nobody's tolerance.
        let payload = parcel.event.sent_as();
        let signature = sign_all(&parcel.secrets, wall(), payload.as_bytes());
        let sent = self
            .client
            .post(parcel.endpoint.text("url"))
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

    async fn post_and_record(&self, parcel: &Parcel) -> Option<u16> {
        let answer = self.post(parcel).await;
        self.record(|tx| note(tx, parcel, &answer));
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

fn result(parcel: &Parcel, status: Option<u16>) -> DeliveryResult {
    DeliveryResult {
        event_id: parcel.event.id.clone(),
        endpoint_id: parcel.endpoint.id.clone(),
        status,
    }
}

/// Writes down an attempt, and when the next one is.
fn note(tx: &mut Tx<'_>, parcel: &Parcel, answer: &Result<u16, String>) {
    let now = tx.now;
    let good = matches!(answer, Ok(status) if (200..300).contains(status));
    let mut first_success = false;
    let waits: &[i64] = match tx.assumptions.get("webhook_retries") {
        "few_hours" => &IN_A_SANDBOX,
        _ => &RETRIES,
    };
    tx.update(&parcel.delivery, |r| {
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
    if first_success {
        tx.update(&parcel.event.id, |r| {
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
