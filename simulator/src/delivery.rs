//! Sends events to webhook endpoints: signed, retried, each attempt recorded.

use std::{sync::Arc, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::wall,
    engine::{Core, Engine},
    error::ApiError,
    options::Deliveries,
    store::{Kind, Tx},
    webhooks,
};

/// Seconds to the next attempt; after the last of them a delivery has failed.
const RETRIES: [i64; 12] = [
    1, 5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400,
];
const AT_ONCE: usize = 16;
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

/// A whole `Stripe-Signature` header, `t=…,v1=…`, over `"{timestamp}.{payload}"`
/// (<https://docs.stripe.com/webhooks#verify-manually>). `timestamp` is in unix seconds.
pub fn sign(secret: &str, timestamp: i64, payload: &[u8]) -> String {
    sign_all(&[secret.to_owned()], timestamp, payload)
}

fn sign_all(secrets: &[String], timestamp: i64, payload: &[u8]) -> String {
    let mut header = format!("t={timestamp}");
    for secret in secrets {
        // A key of any length fits HMAC, so this never skips one.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
            continue;
        };
        mac.update(timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(payload);
        header.push_str(",v1=");
        header.push_str(&hex::encode(mac.finalize().into_bytes()));
    }
    header
}

/// One thing to post.
struct Parcel {
    delivery: String,
    event: String,
    endpoint: String,
    name: String,
    account: Option<String>,
    connect: bool,
    url: String,
    secrets: Vec<String>,
    payload: String,
}

/// The bytes of an event as it was at its creation.
pub(crate) fn payload(event: &crate::store::Record, sent: i64) -> String {
    let mut value = event.value.clone();
    value["pending_webhooks"] = json!(sent);
    value.to_string()
}

fn parcel(core: &Core, delivery: &str) -> Option<Parcel> {
    let record = core.store.get(delivery)?;
    let event = core.store.get(record.text("event"))?;
    let endpoint = core.store.get(record.text("endpoint"))?;
    let sent = event.hidden["sent"]
        .as_i64()
        .unwrap_or(event.int("pending_webhooks"));
    Some(Parcel {
        delivery: record.id.clone(),
        event: event.id.clone(),
        endpoint: endpoint.id.clone(),
        name: event.text("type").to_owned(),
        account: event.value["account"].as_str().map(str::to_owned),
        connect: endpoint.hidden["connect"] == json!(true),
        url: endpoint.text("url").to_owned(),
        secrets: webhooks::secrets(endpoint, core.now()),
        payload: payload(event, sent),
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
                let Ok(slot) = slots.clone().acquire_owned().await else {
                    return;
                };
                let courier = self.clone();
                tokio::spawn(async move {
                    courier.deliver_automatically(parcel).await;
                    drop(slot);
                });
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.engine.wake.notified() => {}
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
            .map(|(_, _, id)| id.clone())
            .filter(|id| !core.posting.contains(id))
            .take(AT_ONCE * 4)
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

    async fn deliver_automatically(&self, parcel: Parcel) {
        let (delay, copies) = {
            let core = self.engine.lock();
            (core.rules.delay_ms, core.rules.duplicate)
        };
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        for _ in 0..=copies {
            self.post_and_record(&parcel).await;
        }
        self.engine.lock().posting.remove(&parcel.delivery);
    }

    /// What waits, oldest event first.
    pub fn pending(&self) -> Vec<PendingEvent> {
        self.waiting()
            .into_iter()
            .map(|p| PendingEvent {
                event_id: p.event,
                endpoint_id: p.endpoint,
                r#type: p.name,
                account: p.account,
                connect: p.connect,
                payload: p.payload,
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

    /// Posts everything that waits once, in order.
    pub async fn deliver_pending(&self) -> Vec<DeliveryResult> {
        let mut out = Vec::new();
        for parcel in self.waiting() {
            let status = self.post_and_record(&parcel).await;
            out.push(result(&parcel, status));
        }
        out
    }

    /// Posts an event `times` times at once to each endpoint it was meant for.
    pub async fn deliver(&self, event: &str, times: usize) -> Vec<DeliveryResult> {
        let parcels: Vec<Arc<Parcel>> = {
            let core = self.engine.lock();
            core.store
                .list(Kind::Delivery, &core.store.platform)
                .filter(|d| d.text("event") == event)
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
            self.record(|tx| {
                tx.update(&parcel.delivery, |r| r.value["status"] = json!("dropped"));
            });
        }
        parcels.len()
    }

    async fn post(&self, parcel: &Parcel) -> Result<u16, String> {
        // The signature's time is wall time: advancing a week breaks nobody's tolerance.
        let signature = sign_all(&parcel.secrets, wall(), parcel.payload.as_bytes());
        let sent = self
            .client
            .post(&parcel.url)
            .header("Content-Type", "application/json; charset=utf-8")
            .header("Stripe-Signature", signature)
            .body(parcel.payload.clone())
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
        event_id: parcel.event.clone(),
        endpoint_id: parcel.endpoint.clone(),
        status,
    }
}

/// Writes down an attempt, and when the next one is.
fn note(tx: &mut Tx<'_>, parcel: &Parcel, answer: &Result<u16, String>) {
    let now = tx.now;
    let good = matches!(answer, Ok(status) if (200..300).contains(status));
    let mut first_success = false;
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
            match RETRIES.get(tries - 1) {
                Some(wait) => r.value["next_at"] = json!(now + wait),
                None => r.value["status"] = json!("failed"),
            }
        }
    });
    if first_success {
        tx.update(&parcel.event, |r| {
            let open = r.int("pending_webhooks");
            if r.hidden["sent"].is_null() {
                r.hidden = json!({ "sent": open });
            }
            r.value["pending_webhooks"] = json!((open - 1).max(0));
        });
    }
}

/// The deliveries of an event with their attempts.
pub(crate) fn history(core: &Core, event: &str) -> Vec<Value> {
    core.store
        .list(Kind::Delivery, &core.store.platform)
        .filter(|d| d.text("event") == event)
        .map(|d| d.value.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_hmac_of_time_dot_payload() {
        // Computed with: printf '12345.{"a":1}' | openssl dgst -sha256 -hmac whsec_test
        let header = sign("whsec_test", 12345, b"{\"a\":1}");
        let (time, signature) = header.split_once(",v1=").expect("two parts");
        assert_eq!(time, "t=12345");
        assert_eq!(signature.len(), 64);
        assert_ne!(header, sign("whsec_other", 12345, b"{\"a\":1}"));
        assert_eq!(
            sign_all(&["a".into(), "b".into()], 1, b"")
                .matches("v1=")
                .count(),
            2
        );
    }
}
