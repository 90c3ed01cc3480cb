//! The one lock, the clock and the journal. Work is journalled before it is answered.

use std::{
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    accounts,
    assumptions::Assumptions,
    clock::Clock,
    delivery::DeliveryRules,
    due,
    error::ApiError,
    faults::Faults,
    journal::{Journal, Line, Meta, Saved},
    listeners::Listeners,
    options::{Error, Options, State},
    platform::Platform,
    server::limits::Limiter,
    store::{Kind, RequestOrigin, Store, Tx, TxContext},
};

/// Makes the idempotency key and the saved answer from the result of the work and its time.
pub(crate) type SaveAnswer<'a, T> = &'a dyn Fn(&Result<T, ApiError>, i64) -> (String, Saved);

pub(crate) struct Core {
    pub store: Store,
    journal: Option<Journal>,
    clock: Clock,
    pub saved: HashMap<String, Saved>,
    pub in_flight: HashSet<String>,
    pub faults: Faults,
    pub limiter: Limiter,
    pub platform: Platform,
    pub rules: DeliveryRules,
    pub assumptions: Assumptions,
    pub listeners: Listeners,
    /// Deliveries being made at this moment.
    pub posting: HashSet<String>,
    base_url: String,
}

/// Shared by every request and every background task.
pub(crate) struct Engine {
    core: Mutex<Core>,
    pub base_url: String,
    /// Wakes the delivery worker.
    pub wake: Notify,
    requests: AtomicU64,
}

impl Engine {
    /// Opens the state; `base_url` is where this simulator now listens.
    pub fn open(options: &Options, base_url: String) -> Result<Self, Error> {
        let mut store = Store::new(options.seed);
        let mut saved = HashMap::new();
        let mut meta: Option<Meta> = None;
        let mut journal = None;
        if let State::File(path) = &options.state {
            let (file, lines) = Journal::open(path)?;
            for line in lines {
                meta = replay(&mut store, &mut saved, line).or(meta);
            }
            journal = Some(file);
        }
        let mut core = Core {
            store,
            journal,
            clock: Clock::new(options.clock, meta.as_ref().map(|m| m.clock)),
            saved,
            in_flight: HashSet::new(),
            faults: Faults::default(),
            limiter: Limiter::new(options.rate_limits),
            platform: Platform::default(),
            rules: DeliveryRules::new(options.deliveries),
            assumptions: options.assumptions.clone(),
            listeners: Listeners::default(),
            posting: HashSet::new(),
            base_url: base_url.clone(),
        };
        core.initialize(meta)?;
        Ok(Self {
            core: Mutex::new(core),
            base_url,
            wake: Notify::new(),
            requests: AtomicU64::new(1),
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic inside a transaction is undone there. After one elsewhere the state is still
        // consistent enough to go on.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one piece of work, all of it or nothing, and wakes the delivery worker.
    pub fn work<T>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let out = self.lock().transact(RequestOrigin::default(), None, work);
        self.wake.notify_one();
        out
    }

    /// Does what has fallen due.
    pub fn tick(&self) {
        self.lock().run_due();
        self.wake.notify_one();
    }

    pub fn now(&self) -> i64 {
        self.lock().now()
    }

    /// Lets go of the state file, so that another simulator can open it.
    pub fn close(&self) {
        self.lock().journal = None;
    }

    /// A `Request-Id`. Requests aren't objects: the number isn't kept.
    pub fn request_id(&self) -> String {
        let n = self.requests.fetch_add(1, Ordering::Relaxed);
        format!("req_{:014x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 8)
    }

    /// Moves the clock forward, stopping at each thing that falls due on the way.
    pub fn advance(&self, seconds: i64) -> i64 {
        let now = self.lock().advance(seconds.max(0));
        self.wake.notify_one();
        now
    }
}

fn replay(store: &mut Store, saved: &mut HashMap<String, Saved>, line: Line) -> Option<Meta> {
    for record in line.put {
        store.put(record);
    }
    for id in line.del {
        store.remove(&id);
    }
    if let Some((key, answer)) = line.idem {
        saved.insert(key, answer);
    }
    store.counter = store.counter.max(line.n);
    line.meta
}

impl Core {
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    pub fn ahead(&self) -> Option<Arc<AtomicI64>> {
        self.clock.ahead()
    }

    pub fn is_manual(&self) -> bool {
        self.clock.is_manual()
    }

    /// Runs after replay: creates the platform if needed, updates hosted addresses to the present
    /// port, and compacts the file.
    fn initialize(&mut self, meta: Option<Meta>) -> Result<(), Error> {
        match meta {
            Some(meta) => {
                self.store.seed = meta.seed;
                self.store.platform = meta.platform;
                self.store.application = meta.application;
                if meta.base_url != self.base_url {
                    self.rewrite_addresses(&meta.base_url);
                }
            }
            None => {
                let now = self.now();
                let base = self.base_url.clone();
                let context = TxContext {
                    base_url: &base,
                    drop_types: &[],
                    assumptions: &self.assumptions,
                    rules: self.platform,
                };
                let mut tx = Tx::new(&mut self.store, now, context, RequestOrigin::default());
                let application = tx.mint("ca_", 32);
                let platform = accounts::create_platform(&mut tx);
                tx.commit();
                self.store.platform = platform;
                self.store.application = application;
            }
        }
        self.compact()
    }

    /// Replaces the old address everywhere but in events and deliveries, which stay as they were
    /// sent.
    fn rewrite_addresses(&mut self, from: &str) {
        let records: Vec<_> = self.store.all().cloned().collect();
        for record in records {
            if matches!(record.kind, Kind::Event | Kind::Delivery) {
                continue;
            }
            let mut moved = (*record).clone();
            if forward(&mut moved.value, from, &self.base_url) {
                self.store.put(Arc::new(moved));
            }
        }
    }

    fn compact(&mut self) -> Result<(), Error> {
        let now = self.now();
        self.saved.retain(|_, saved| saved.is_kept(now));
        let meta = self.meta();
        let n = self.store.counter;
        let Some(journal) = self.journal.as_mut() else {
            return Ok(());
        };
        let mut records: Vec<_> = self.store.all().cloned().collect();
        records.sort_by_key(|r| r.seq);
        let head = Line {
            meta: Some(meta),
            n,
            ..Line::default()
        };
        let objects = records.chunks(64).map(|chunk| Line {
            put: chunk.to_vec(),
            n,
            ..Line::default()
        });
        let answers = self.saved.iter().map(|(key, saved)| Line {
            idem: Some((key.clone(), saved.clone())),
            n,
            ..Line::default()
        });
        journal.rewrite(std::iter::once(head).chain(objects).chain(answers))
    }

    fn meta(&self) -> Meta {
        Meta {
            seed: self.store.seed,
            platform: self.store.platform.clone(),
            application: self.store.application.clone(),
            base_url: self.base_url.clone(),
            clock: self.clock.state(),
        }
    }

    fn write(&mut self, line: &Line) -> Result<(), ApiError> {
        match self.journal.as_mut() {
            None => Ok(()),
            Some(journal) => journal.append(line).map_err(journal_failed),
        }
    }

    /// Runs `work` at the present time. With `key`, its answer is saved for replay in the same line.
    pub fn transact<T>(
        &mut self,
        origin: RequestOrigin,
        key: Option<SaveAnswer<'_, T>>,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.run_due();
        let now = self.now();
        let out = self.transact_at(now, origin, key, work)?;
        self.run_due();
        Ok(out)
    }

    fn transact_at<T>(
        &mut self,
        now: i64,
        origin: RequestOrigin,
        key: Option<SaveAnswer<'_, T>>,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let context = TxContext {
            base_url: &self.base_url,
            drop_types: &self.rules.drop_types,
            assumptions: &self.assumptions,
            rules: self.platform,
        };
        let mut tx = Tx::new(&mut self.store, now, context, origin);
        let out = catch_unwind(AssertUnwindSafe(|| {
            let out = work(&mut tx);
            let before = tx.before();
            accounts::v2::events::emit_changes(&mut tx, &before);
            out
        }))
        .unwrap_or_else(|_| {
            tracing::error!("a panic was undone and answered 500");
            Err(ApiError::unexpected())
        });
        let out = match out {
            Err(error) if !error.keeps_work => return Err(error),
            out => out,
        };
        let idem = key.map(|save| save(&out, now));
        if let Some(journal) = self.journal.as_mut() {
            let line = Line::of(&tx, idem.clone());
            if !line.is_empty() {
                journal.append(&line).map_err(journal_failed)?;
            }
        }
        tx.commit();
        if let Some((key, saved)) = idem {
            self.remember(key, saved);
        }
        out
    }

    /// Saves an answer that changed nothing else: a refusal, or a 500 that was asked for.
    pub fn save_answer(&mut self, key: String, saved: Saved) -> Result<(), ApiError> {
        let line = Line {
            idem: Some((key.clone(), saved.clone())),
            n: self.store.counter,
            ..Line::default()
        };
        self.write(&line)?;
        self.remember(key, saved);
        Ok(())
    }

    /// Keeps an answer, and now and then drops expired ones.
    fn remember(&mut self, key: String, saved: Saved) {
        if self.saved.len() == self.saved.capacity() {
            self.saved.retain(|_, kept| kept.is_kept(saved.at));
        }
        self.saved.insert(key, saved);
    }

    /// Does everything that is due, in order and each at its own time.
    pub fn run_due(&mut self) {
        let now = self.now();
        self.run_due_until(now);
    }

    fn run_due_until(&mut self, until: i64) {
        while let Some((at, id)) = self.store.next_due(until) {
            // The time is cleared whatever happened, so that nothing is due twice at one time.
            let over = |tx: &mut Tx<'_>| {
                tx.update(&id, |r| {
                    if r.due == Some(at) {
                        r.due = None;
                    }
                });
            };
            let done = self
                .transact_at(at, RequestOrigin::default(), None, |tx| {
                    due::run(tx, &id);
                    over(tx);
                    Ok(())
                })
                .or_else(|error| {
                    // Unlike a full disk, a panic would only come again.
                    if error.message != ApiError::unexpected().message {
                        return Err(error);
                    }
                    self.transact_at(at, RequestOrigin::default(), None, |tx| {
                        over(tx);
                        Ok(())
                    })
                });
            if let Err(error) = done {
                tracing::error!(message = error.message, "what fell due couldn't be kept");
                return;
            }
        }
    }

    fn advance(&mut self, seconds: i64) -> i64 {
        let target = self.now().saturating_add(seconds);
        self.run_due_until(target);
        self.clock.advance(seconds);
        let line = Line {
            meta: Some(self.meta()),
            n: self.store.counter,
            ..Line::default()
        };
        if let Err(error) = self.write(&line) {
            tracing::error!(message = error.message, "the clock couldn't be kept");
        }
        self.now()
    }
}

/// Puts one address in place of another wherever a text begins with it; says whether one did.
fn forward(value: &mut Value, from: &str, to: &str) -> bool {
    match value {
        Value::String(text) => match text.strip_prefix(from).filter(|r| r.starts_with('/')) {
            Some(rest) => {
                *text = format!("{to}{rest}");
                true
            }
            None => false,
        },
        Value::Array(items) => items
            .iter_mut()
            .fold(false, |m, v| forward(v, from, to) | m),
        Value::Object(map) => map
            .values_mut()
            .fold(false, |m, v| forward(v, from, to) | m),
        _ => false,
    }
}

/// The journal can't be written, for example because the disk is full. Nothing was done, and the
/// client gets an error.
fn journal_failed(error: Error) -> ApiError {
    ApiError::new(
        500,
        "api_error",
        format!("The state can't be kept: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_panic_is_undone_and_answered_and_the_next_work_goes_on() {
        let engine = Engine::open(&Options::default(), String::new()).expect("opens");
        let coupon = |id: &str| json!({ "id": id, "object": "coupon" });
        let put = |tx: &mut Tx<'_>, id: &str, due| {
            let owner = tx.platform();
            tx.insert(Kind::Coupon, &owner, coupon(id), json!(null), due);
        };
        let answer: Result<(), ApiError> = engine.work(|tx| {
            put(tx, "half", None);
            panic!("on purpose")
        });
        assert_eq!(answer.map_err(|e| e.status), Err(500));
        assert!(engine.lock().store.get("half").is_none());
        let fine: Result<(), ApiError> = engine.work(|tx| {
            put(tx, "whole", None);
            Ok(())
        });
        assert!(fine.is_ok());
        assert!(engine.lock().store.get("whole").is_some());
    }
}
