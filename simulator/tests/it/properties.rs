//! The books under random sequences of operations, with random faults on the way to each.
//!
//! A short fixed set runs with every test run. `SIMULATOR_PROPERTY_CASES=500 cargo test -p souk-simulator --test it
//! properties` runs as many new ones (nextest would stop it for taking long), and a failure
//! prints the shortest sequence that still fails. Everything is run twice, on two simulators of one seed: both must
//! tell the same to the byte, and so must the second after a restart on its file.

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::Value;
use souk_simulator::Options;

use crate::{
    invariants::check,
    operations::{Operation, operation},
    support::{Stripe, file, options, without},
    world::World,
};

async fn run(options: Options, ops: &[Operation]) -> World {
    let mut world = World::start(options).await;
    for (n, operation) in ops.iter().enumerate() {
        world.perform(operation).await;
        if n % 8 == 0 {
            check(&world.s.simulator.oracle().await);
        }
    }
    world
}

fn assume(mut options: Options, choices: u8) -> Options {
    for (n, assumption) in souk_simulator::ASSUMPTIONS.iter().enumerate() {
        let value = assumption.values[usize::from(choices >> (n % 8)) % assumption.values.len()];
        options
            .assumptions
            .set(assumption.name, value)
            .expect("one of its values");
    }
    options
}

/// To the byte; where they differ, says where first.
fn same(one: &Value, other: &Value, after: &str) {
    let (mut one, mut other, mut at) = (one, other, String::new());
    let whole = (one.to_string(), other.to_string());
    loop {
        let differs = match (one, other) {
            (Value::Object(a), Value::Object(b)) if a.len() == b.len() => a
                .keys()
                .find(|k| b.get(*k) != a.get(*k))
                .and_then(|k| Some((k.clone(), &a[k], b.get(k)?))),
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => (0..a.len())
                .find(|n| a[*n] != b[*n])
                .map(|n| (n.to_string(), &a[n], &b[n])),
            _ => None,
        };
        let Some((key, a, b)) = differs else { break };
        (one, other, at) = (a, b, format!("{at}/{key}"));
    }
    assert!(
        whole.0 == whole.1,
        "{after} tells another {at}: {one} and {other}"
    );
}

async fn twice_and_again(ops: &[Operation], choices: u8) {
    let first = run(assume(options(), choices), ops).await;
    let told = first.tell().await;
    check(&told);
    first.s.simulator.stop().await;
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("state.jsonl");
    let second = run(assume(file(&path), choices), ops).await;
    same(&told, &second.tell().await, "the same seed");
    let before = second.s.simulator.base_url();
    second.s.simulator.stop().await;
    let s = Stripe::with(assume(file(&path), choices)).await;
    let again = without(&s.simulator.oracle().await, &s.simulator.base_url());
    for account in again["accounts"].as_object().expect("accounts").values() {
        assert!(!account["charges"].to_string().contains(&before));
    }
    same(&told, &without(&again, &before), "a restart");
    s.simulator.stop().await;
}

#[test]
fn the_books_hold_whatever_happens_and_one_seed_gives_the_same_bytes() {
    let many = std::env::var("SIMULATOR_PROPERTY_CASES").ok();
    let config = Config {
        cases: many.as_deref().map_or(5, |n| n.parse().expect("a number")),
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let mut runner = match many {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let ops = prop::collection::vec(operation(), 1..70);
    let done = runner.run(&(ops, any::<u8>()), |(ops, choices)| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime")
            .block_on(twice_and_again(&ops, choices));
        Ok(())
    });
    if let Err(error) = done {
        panic!("{error}");
    }
}
