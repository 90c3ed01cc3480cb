//! Everything the simulator knows: one table of records, its indexes, and the transaction.
//!
//! A request works on a [`Tx`]. It either commits all of its changes and events, or none: the store
//! keeps what each record was before, and puts it back. Indexes follow from [`Store::put`] alone, so
//! rolling back and replaying a journal can't leave them behind.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) use crate::kind::Kind;
use crate::{
    assumptions::Assumptions, money::Rounding, platform::Platform, references::References,
};

/// One object: its public fields (`value`), its internal ones (`hidden`), and when (unix seconds)
/// something is due for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub kind: Kind,
    pub id: String,
    /// The account on which the object lives.
    pub owner: String,
    pub seq: u64,
    pub value: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub hidden: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<i64>,
    /// The test clock in whose time the object lives; `due` is then in that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<String>,
}

impl Record {
    pub fn text(&self, field: &str) -> &str {
        self.value[field].as_str().unwrap_or_default()
    }

    pub fn int(&self, field: &str) -> i64 {
        self.value[field].as_i64().unwrap_or_default()
    }
}

pub(crate) type Listed = BTreeMap<u64, Arc<Record>>;
type Due = BTreeSet<(i64, u8, u64, String)>;
type Sums = BTreeMap<(String, String), (i64, i64)>;

#[derive(Debug, Default)]
pub(crate) struct Store {
    records: HashMap<String, Arc<Record>>,
    lists: HashMap<(Kind, String), Listed>,
    /// (time, rank, seq, id): money becomes available before a payout looks for it.
    due: Due,
    /// The same for each test clock.
    clocks: HashMap<String, Due>,
    /// (available, pending) per account, `balance_type` and currency: always the sum of its transactions.
    balances: HashMap<String, Sums>,
    /// Refunds that wait for money, per account, oldest first.
    waiting: BTreeSet<(String, u64, String)>,
    /// Deliveries to make: (simulated time, seq, id).
    queue: BTreeSet<(i64, u64, String)>,
    references: References,
    pub counter: u64,
    pub seed: u64,
    pub platform: String,
    pub application: String,
}

impl Store {
    /// An empty store, whose ids follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    pub fn get(&self, id: &str) -> Option<&Arc<Record>> {
        self.records.get(id)
    }

    /// The records of a kind on an account, oldest first.
    pub fn list(&self, kind: Kind, owner: &str) -> impl DoubleEndedIterator<Item = &Arc<Record>> {
        self.lists
            .get(&(kind, owner.to_owned()))
            .into_iter()
            .flat_map(|list| list.values())
    }

    /// The records of a kind, on all accounts, that name `id` in one of `references::fields`, oldest
    /// first.
    pub fn naming(
        &self,
        kind: Kind,
        field: &'static str,
        id: &str,
    ) -> impl DoubleEndedIterator<Item = &Arc<Record>> {
        self.references
            .naming(kind, field, id)
            .into_iter()
            .flat_map(|list| list.values())
    }

    /// As [`Store::list`], or [`Store::naming`], from after (or up to before) a sequence number.
    pub fn slice(
        &self,
        kind: Kind,
        owner: &str,
        named: Option<(&'static str, &str)>,
        bounds: (std::ops::Bound<u64>, std::ops::Bound<u64>),
    ) -> impl DoubleEndedIterator<Item = &Arc<Record>> {
        let listed = match named {
            Some((field, id)) => self.references.naming(kind, field, id),
            None => self.lists.get(&(kind, owner.to_owned())),
        };
        listed
            .into_iter()
            .flat_map(move |list| list.range(bounds).map(|(_, record)| record))
    }

    /// The records of a kind after a sequence number, on all accounts, in no order.
    pub fn since(&self, kind: Kind, seq: u64) -> Vec<Arc<Record>> {
        let after = (std::ops::Bound::Excluded(seq), std::ops::Bound::Unbounded);
        self.lists
            .iter()
            .filter(|((of, _), _)| *of == kind)
            .flat_map(|(_, list)| list.range(after).map(|(_, record)| record.clone()))
            .collect()
    }

    /// A text that follows from the seed alone.
    pub fn derive(&self, prefix: &str, length: usize) -> String {
        format!("{prefix}{}", letters(self.seed, prefix, 0, length))
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.records.values()
    }

    /// (available, pending) of an account by currency: what payments, refunds and payouts move.
    pub fn balances(&self, owner: &str) -> BTreeMap<String, (i64, i64)> {
        self.balances_of(owner, "payments")
    }

    /// As [`Store::balances`], of another `balance_type`.
    pub fn balances_of(&self, owner: &str, balance_type: &str) -> BTreeMap<String, (i64, i64)> {
        let all = self.balances.get(owner).into_iter().flatten();
        all.filter(|((of, _), _)| of == balance_type)
            .map(|((_, currency), sum)| (currency.clone(), *sum))
            .collect()
    }

    pub fn next_due(&self, now: i64) -> Option<(i64, String)> {
        let (at, _, _, id) = self.due.first()?;
        (*at <= now).then(|| (*at, id.clone()))
    }

    /// Everything that is due on the simulator's clock, soonest first.
    pub fn upcoming(&self) -> impl Iterator<Item = (i64, &str)> {
        self.due.iter().map(|(at, _, _, id)| (*at, id.as_str()))
    }

    /// As [`Store::next_due`], for objects on a test clock.
    pub fn next_due_on(&self, clock: &str, now: i64) -> Option<(i64, String)> {
        let (at, _, _, id) = self.clocks.get(clock)?.first()?;
        (*at <= now).then(|| (*at, id.clone()))
    }

    pub fn waiting(&self, owner: &str) -> Vec<String> {
        self.waiting
            .range((owner.to_owned(), 0, String::new())..)
            .take_while(|(o, _, _)| o == owner)
            .map(|(_, _, id)| id.clone())
            .collect()
    }

    pub fn queue(&self) -> &BTreeSet<(i64, u64, String)> {
        &self.queue
    }

    /// Stores a record in place of the one with its id, and returns that one.
    pub fn put(&mut self, record: Arc<Record>) -> Option<Arc<Record>> {
        let old = self.remove(&record.id);
        self.index(&record, true);
        self.references.toggle(&record, true);
        self.lists
            .entry((record.kind, record.owner.clone()))
            .or_default()
            .insert(record.seq, record.clone());
        self.counter = self.counter.max(record.seq);
        self.records.insert(record.id.clone(), record);
        old
    }

    pub fn remove(&mut self, id: &str) -> Option<Arc<Record>> {
        let old = self.records.remove(id)?;
        self.index(&old, false);
        self.references.toggle(&old, false);
        if let Some(list) = self.lists.get_mut(&(old.kind, old.owner.clone())) {
            list.remove(&old.seq);
        }
        Some(old)
    }

    fn index(&mut self, r: &Record, add: bool) {
        if let Some(at) = r.due {
            let rank = match r.kind {
                Kind::Txn => 0,
                Kind::Payout => 1,
                Kind::Account => 3,
                _ => 2,
            };
            let due = match &r.clock {
                None => &mut self.due,
                Some(clock) => self.clocks.entry(clock.clone()).or_default(),
            };
            toggle(due, (at, rank, r.seq, r.id.clone()), add);
        }
        match r.kind {
            Kind::Txn => {
                let sums = self.balances.entry(r.owner.clone()).or_default();
                let of = (r.text("balance_type"), r.text("currency"));
                let sum = sums.entry((of.0.to_owned(), of.1.to_owned())).or_default();
                let net = if add { r.int("net") } else { -r.int("net") };
                let part = match r.text("status") {
                    "available" => &mut sum.0,
                    _ => &mut sum.1,
                };
                *part = part.saturating_add(net);
            }
            Kind::Refund if r.text("pending_reason") == "insufficient_funds" => {
                toggle(
                    &mut self.waiting,
                    (r.owner.clone(), r.seq, r.id.clone()),
                    add,
                );
            }
            Kind::Delivery if r.text("status") == "pending" => {
                toggle(
                    &mut self.queue,
                    (r.int("next_at"), r.seq, r.id.clone()),
                    add,
                );
            }
            _ => {}
        }
    }
}

fn toggle<T: Ord>(set: &mut BTreeSet<T>, item: T, add: bool) {
    if add {
        set.insert(item);
    } else {
        set.remove(&item);
    }
}

/// The request that work is done for; events name it as their `request`.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestOrigin {
    pub request_id: Option<String>,
    pub idempotency_key: Option<String>,
}

/// One piece of work on the store: all of it or nothing.
pub(crate) struct Tx<'a> {
    store: &'a mut Store,
    undo: Vec<(String, Option<Arc<Record>>)>,
    counter_before: u64,
    /// Simulated time, unix seconds: the simulator's, or that of the test clock this work is on.
    pub now: i64,
    /// The simulator's own time.
    simulator_now: i64,
    clock: Option<String>,
    pub base_url: &'a str,
    pub origin: RequestOrigin,
    /// Event types that are never delivered, by prefix (a fault).
    pub drop_types: &'a [String],
    /// How Stripe's open questions are answered.
    pub assumptions: &'a Assumptions,
    /// What the platform may do.
    pub rules: Platform,
}

/// What a transaction needs besides the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TxContext<'a> {
    pub base_url: &'a str,
    pub drop_types: &'a [String],
    pub assumptions: &'a Assumptions,
    pub rules: Platform,
}

impl<'a> Tx<'a> {
    pub fn new(
        store: &'a mut Store,
        now: i64,
        context: TxContext<'a>,
        origin: RequestOrigin,
    ) -> Self {
        let counter_before = store.counter;
        Self {
            store,
            undo: Vec::new(),
            counter_before,
            now,
            simulator_now: now,
            clock: None,
            base_url: context.base_url,
            origin,
            drop_types: context.drop_types,
            assumptions: context.assumptions,
            rules: context.rules,
        }
    }

    pub fn store(&self) -> &Store {
        self.store
    }

    /// The simulator's own time, whatever test clock this work is on: money and deliveries keep to it.
    pub fn simulator_now(&self) -> i64 {
        self.simulator_now
    }

    /// Scales a duration that Stripe doesn't document by the assumption `waits`.
    pub fn takes(&self, seconds: i64) -> i64 {
        match self.assumptions.get("waits") {
            "long" => seconds.saturating_mul(3),
            "short" => std::cmp::max(seconds / 3, 1),
            _ => seconds,
        }
    }

    /// How what is billed is rounded.
    pub fn rounding(&self) -> Rounding<'a> {
        Rounding(self.assumptions)
    }

    /// Moves this work to `now` on a test clock. New objects live on that clock.
    pub fn on_clock(&mut self, clock: &str, now: i64) {
        self.now = now;
        self.clock = Some(clock.to_owned());
    }

    /// As [`Tx::on_clock`], on the clock of an object that lives on one.
    pub fn on_clock_of(&mut self, id: &str) {
        let clock = self.get(id).and_then(|r| match r.kind {
            Kind::TestClock => Some(r),
            _ => self.get(r.clock.as_deref()?),
        });
        if let Some(clock) = clock {
            self.on_clock(&clock.id, clock.int("frozen_time"));
        }
    }

    pub fn off_clock(&mut self) {
        self.now = self.simulator_now;
        self.clock = None;
    }

    pub fn platform(&self) -> String {
        self.store.platform.clone()
    }

    pub fn application(&self) -> String {
        self.store.application.clone()
    }

    pub fn get(&self, id: &str) -> Option<Arc<Record>> {
        self.store.get(id).cloned()
    }

    /// The record with this id, if it is of this kind and lives on this account.
    pub fn find(&self, kind: Kind, owner: &str, id: &str) -> Option<Arc<Record>> {
        self.get(id).filter(|r| r.kind == kind && r.owner == owner)
    }

    /// A new id: the prefix and `length` characters that follow from the seed and a counter.
    pub fn mint(&mut self, prefix: &str, length: usize) -> String {
        self.store.counter += 1;
        let tail = letters(self.store.seed, prefix, self.store.counter, length);
        format!("{prefix}{tail}")
    }

    /// Inserts a new object; its id is `value.id`.
    pub fn insert(
        &mut self,
        kind: Kind,
        owner: &str,
        value: Value,
        hidden: Value,
        due: Option<i64>,
    ) -> Arc<Record> {
        self.store.counter += 1;
        let record = Arc::new(Record {
            kind,
            id: value["id"].as_str().unwrap_or_default().to_owned(),
            owner: owner.to_owned(),
            seq: self.store.counter,
            value,
            hidden,
            due,
            clock: self.clock.clone().filter(|_| kind.keeps_clock_time()),
        });
        self.put(record.clone());
        record
    }

    /// Changes a record in place; returns it as it now is, or nothing if there is none.
    pub fn update(&mut self, id: &str, change: impl FnOnce(&mut Record)) -> Option<Arc<Record>> {
        let mut record = (*self.get(id)?).clone();
        change(&mut record);
        let record = Arc::new(record);
        self.put(record.clone());
        Some(record)
    }

    pub fn remove(&mut self, id: &str) {
        if let Some(old) = self.store.remove(id) {
            self.undo.push((id.to_owned(), Some(old)));
        }
    }

    /// Puts a record back as it was.
    pub fn restore(&mut self, record: Arc<Record>) {
        self.put(record);
    }

    fn put(&mut self, record: Arc<Record>) {
        let id = record.id.clone();
        let old = self.store.put(record);
        self.undo.push((id, old));
    }

    /// Runs `work`, undoes it, and returns its result.
    pub fn dry_run<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.mark();
        let out = work(self);
        self.rollback_to(mark);
        out
    }

    /// Runs `work`, and undoes it if it fails.
    pub fn savepoint<T, E>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let mark = self.mark();
        let out = work(self);
        if out.is_err() {
            self.rollback_to(mark);
        }
        out
    }

    fn mark(&self) -> (usize, u64, i64, Option<String>) {
        (
            self.undo.len(),
            self.store.counter,
            self.now,
            self.clock.clone(),
        )
    }

    fn rollback_to(&mut self, (mark, counter, now, clock): (usize, u64, i64, Option<String>)) {
        for (id, old) in self.undo.split_off(mark).into_iter().rev() {
            match old {
                Some(old) => drop(self.store.put(old)),
                None => drop(self.store.remove(&id)),
            }
        }
        self.store.counter = counter;
        (self.now, self.clock) = (now, clock);
    }

    /// The records this work made, changed or removed, each once, as they were before.
    pub fn before(&self) -> Vec<(String, Option<Arc<Record>>)> {
        let mut seen = BTreeSet::new();
        self.undo
            .iter()
            .filter(|(id, _)| seen.insert(id.as_str()))
            .cloned()
            .collect()
    }

    /// The ids this work changed or removed, each once.
    pub fn changed(&self) -> BTreeSet<&str> {
        self.undo.iter().map(|(id, _)| id.as_str()).collect()
    }

    /// Keeps what was done.
    pub fn commit(mut self) {
        self.undo.clear();
        self.counter_before = self.store.counter;
    }
}

/// Undoes what isn't committed, after an error or a panic.
impl Drop for Tx<'_> {
    fn drop(&mut self) {
        for (id, old) in std::mem::take(&mut self.undo).into_iter().rev() {
            match old {
                Some(old) => drop(self.store.put(old)),
                None => drop(self.store.remove(&id)),
            }
        }
        self.store.counter = self.counter_before;
    }
}

/// Pseudo-random letters and digits, which follow from the seed and the counter.
fn letters(seed: u64, prefix: &str, counter: u64, length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut out = String::with_capacity(length);
    let mut block = 0u8;
    while out.len() < length {
        let digest = Sha256::new()
            .chain_update(seed.to_be_bytes())
            .chain_update(counter.to_be_bytes())
            .chain_update([block])
            .chain_update(prefix)
            .finalize();
        let rest = length - out.len();
        out.extend(
            digest
                .iter()
                .take(rest)
                .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])),
        );
        block = block.wrapping_add(1);
    }
    out
}

/// A page of a list, in Stripe's shape.
pub(crate) fn page(url: &str, data: Vec<Value>, has_more: bool) -> Value {
    json!({ "object": "list", "url": url, "has_more": has_more, "data": data })
}
