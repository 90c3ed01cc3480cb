//! All runs, small and large.

use std::time::Duration;

use souk_simulator::FaultKind;

use super::lives::Lives;
use super::plan::{Disruption, Plan, SHORT_LEASE};
use super::renewals::Renewals;
use super::scenario::Outcome;
use crate::database::Place;

/// How long a run is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Part of `./test --full`.
    Small,
    /// As long as the promise asks for.
    Large,
}

/// The databases that a run is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Only {
    Both,
    Sqlite,
    Postgres,
}

/// A run.
pub struct Run {
    pub name: &'static str,
    pub shows: &'static str,
    pub only: Only,
    /// Whether `--short` plays it.
    pub short: bool,
    /// None: the run has no such size.
    pub plan: fn(Size, u64, &Place) -> Option<Plan>,
    /// What must hold of this run, beside the rules for all.
    pub also: fn(&Plan, &Outcome) -> Vec<String>,
}

/// All that buyers and sellers do must have been among it.
fn after_sales(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let shown = [
        ("no line was refunded", outcome.by_line),
        ("no dispute was answered with evidence", outcome.answered),
    ];
    [unshown(&shown), holds(plan, outcome)].concat()
}

/// As `after_sales`, of intents and held money.
fn holds(_: &Plan, outcome: &Outcome) -> Vec<String> {
    unshown(&[
        ("nothing was paid by an intent", outcome.by_intent),
        ("of no hold a part was captured", outcome.in_part),
        ("no hold was released", outcome.released),
    ])
}

fn unshown(shown: &[(&str, i64)]) -> Vec<String> {
    let none = shown.iter().filter(|(_, count)| *count == 0);
    none.map(|(none, _)| format!("{none}, so nothing was shown of that"))
        .collect()
}

const fn nothing_else(_: &Plan, _: &Outcome) -> Vec<String> {
    Vec::new()
}

fn of<T>(size: Size, small: T, large: T) -> T {
    match size {
        Size::Small => small,
        Size::Large => large,
    }
}

pub const RUNS: [Run; 15] = [
    Run {
        name: "storm",
        shows: "events in any order, up to five times each, some never: none is lost, none counts twice",
        only: Only::Both,
        short: true,
        plan: |size, seed, _| {
            Some(Plan {
                copies: 5,
                lost: of(size, 0.1, 0.02),
                shuffle: Duration::from_millis(of(size, 1500, 5000)),
                unanswered: 2,
                refunds: of(size, 0.4, 0.1),
                disputes: of(size, 0.3, 0.05),
                buyers: of(size, 8, 24),
                ..Plan::quiet(seed, of(size, 60, 22_000))
            })
        },
        also: |plan, outcome| {
            let mut violations = after_sales(plan, outcome);
            if outcome.lost == 0 {
                violations.push("the network lost nothing, so nothing was shown".to_owned());
            }
            violations
        },
    },
    Run {
        name: "kill",
        shows: "kill -9 every 0.3 to 2 s under load: what was acknowledged is there, once",
        only: Only::Both,
        short: false,
        plan: |size, seed, _| {
            Some(Plan {
                disruption: Disruption::Kills(of(size, 6, 200)),
                lease: SHORT_LEASE,
                stock: 100_000,
                refunds: of(size, 0.4, 0.1),
                disputes: of(size, 0.3, 0.05),
                buyers: of(size, 4, 8),
                ..Plan::quiet(seed, 30)
            })
        },
        also: after_sales,
    },
    Run {
        name: "database",
        shows: "the database crashes, or is locked by somebody else: no 200 without its row, and it recovers by itself",
        only: Only::Both,
        short: false,
        plan: |size, seed, place| {
            Some(Plan {
                disruption: match place {
                    Place::Sqlite(_) => Disruption::SqliteBusy(of(size, 1, 10)),
                    Place::Postgres(_) => Disruption::PostgresCrashes(of(size, 2, 20)),
                },
                // A crash may cut off the end of a job, which then waits for its lease to run out.
                lease: SHORT_LEASE,
                stock: 100_000,
                buyers: 4,
                ..Plan::quiet(seed, 20)
            })
        },
        also: nothing_else,
    },
    Run {
        name: "disk",
        shows: "the disk is full for a while: no 200 without its row, and it recovers by itself",
        only: Only::Sqlite,
        short: false,
        plan: |size, seed, _| {
            (size == Size::Large).then(|| Plan {
                disruption: Disruption::DiskFull(10),
                stock: 100_000,
                buyers: 4,
                ..Plan::quiet(seed, 20)
            })
        },
        also: |_, outcome| match outcome.answers.get(&503) {
            None => vec!["no event was turned away, so nothing was shown".to_owned()],
            Some(_) => vec![],
        },
    },
    Run {
        name: "refunds",
        shows: "Stripe answers refunds with 429, 500 and commit-then-timeout, a fifth each in the long form: each is made once",
        only: Only::Both,
        short: true,
        plan: |size, seed, _| {
            Some(Plan {
                // Fewer in the small form, so that no job's delays grow to minutes.
                stripe: vec![
                    (FaultKind::Error429, of(size, 0.1, 0.2)),
                    (FaultKind::CommitThenError500, of(size, 0.05, 0.1)),
                    (FaultKind::Error500, of(size, 0.05, 0.1)),
                    (FaultKind::CommitThenTimeout, of(size, 0.1, 0.2)),
                ],
                products: 1,
                stock: 1,
                pay_last: true,
                forged: 0.0,
                two_lines: 0.0,
                // Each is paid, and all but one have their money back.
                intents: 0.0,
                manual: 0.0,
                refunds: 0.0,
                // Among so many some job meets twelve failures in a row.
                admin_retries: size == Size::Large,
                patience: Duration::from_secs(of(size, 240, 3600)),
                ..Plan::quiet(seed, of(size, 40, 5000))
            })
        },
        also: |plan, outcome| {
            let oversold = i64::from(plan.sales) - 1;
            match (outcome.sold, outcome.refunded) == (1, oversold) {
                true => vec![],
                false => vec![format!(
                    "sold {} and gave {} back",
                    outcome.sold, outcome.refunded
                )],
            }
        },
    },
    Run {
        name: "captures",
        shows: "Stripe answers captures and releases with 429, 500 and commit-then-timeout: each hold ends once, as it was asked for",
        only: Only::Both,
        short: false,
        plan: |size, seed, _| {
            Some(Plan {
                stripe: vec![
                    (FaultKind::Error429, 0.1),
                    (FaultKind::CommitThenError500, 0.1),
                    (FaultKind::Error500, 0.05),
                    (FaultKind::CommitThenTimeout, 0.15),
                ],
                intents: 0.5,
                manual: 1.0,
                forged: 0.0,
                // Some job meets many failures in a row.
                admin_retries: size == Size::Large,
                patience: Duration::from_secs(of(size, 240, 3600)),
                ..Plan::quiet(seed, of(size, 50, 2000))
            })
        },
        also: holds,
    },
    Run {
        name: "lives",
        shows: "random lives of sellers, at Stripe too: totals right at every step, and findings just where they belong",
        only: Only::Both,
        short: false,
        plan: |size, seed, _| {
            Some(Plan {
                lives: Some(Lives {
                    sellers: of(size, 4, 40),
                    steps: of(size, 6, 60),
                }),
                ..Plan::quiet(seed, 0)
            })
        },
        also: after_sales,
    },
    Run {
        name: "renewals",
        shows: "a month of subscriptions, kill -9 again and again: nobody is charged or entitled wrongly, each paid period is one order",
        only: Only::Both,
        short: false,
        plan: |size, seed, _| {
            Some(Plan {
                renewals: Some(Renewals {
                    subscriptions: of(size, 60, 10_000),
                    kills: of(size, 5, 10),
                }),
                products: 0,
                lost: of(size, 0.1, 0.02),
                lease: SHORT_LEASE,
                patience: Duration::from_secs(of(size, 240, 3600)),
                ..Plan::quiet(seed, 0)
            })
        },
        also: |_, outcome| {
            unshown(&[
                ("nothing was renewed", outcome.renewed),
                ("no subscription ended or was unpaid", outcome.unpaid),
                ("the network lost nothing", i64::from(outcome.lost)),
            ])
        },
    },
    Run {
        name: "pause",
        shows: "four replicas, one stopped past its lease: what it still writes is refused",
        only: Only::Postgres,
        short: false,
        plan: |size, seed, _| {
            Some(Plan {
                disruption: Disruption::Pause,
                lease: of(size, SHORT_LEASE, 60),
                replicas: 4,
                stock: 100_000,
                // Sessions alone bring the stopped replica enough jobs to lose.
                intents: 0.0,
                manual: 0.0,
                ..Plan::quiet(seed, 40)
            })
        },
        also: nothing_else,
    },
    Run {
        name: "race",
        shows: "webhook and verify at the same moment: one transition, one unit of stock, one mail",
        only: Only::Both,
        short: true,
        plan: |size, seed, _| {
            Some(Plan {
                verify: 1.0,
                shuffle: Duration::from_millis(5),
                forged: 0.0,
                buyers: of(size, 8, 24),
                ..Plan::quiet(seed, of(size, 60, 10_000))
            })
        },
        also: nothing_else,
    },
    Run {
        name: "last",
        shows: "many buyers, ten pieces: ten are sold, the others get their money back",
        only: Only::Both,
        short: true,
        plan: |size, seed, _| {
            Some(Plan {
                products: 1,
                stock: 10,
                pay_last: true,
                two_lines: 0.0,
                intents: 0.0,
                manual: 0.0,
                forged: 0.0,
                refunds: 0.0,
                buyers: 32,
                ..Plan::quiet(seed, of(size, 60, 500))
            })
        },
        also: |plan, outcome| {
            let others = i64::from(plan.sales) - 10;
            match (outcome.sold, outcome.refunded) == (10, others) {
                true => vec![],
                false => vec![format!(
                    "sold {} and gave {} back",
                    outcome.sold, outcome.refunded
                )],
            }
        },
    },
    Run {
        name: "poison",
        shows: "events whose effect must fail hold up no others",
        only: Only::Both,
        short: true,
        plan: |size, seed, _| {
            Some(Plan {
                poison: of(size, 0.2, 0.01),
                ..Plan::quiet(seed, of(size, 40, 5000))
            })
        },
        also: |_, outcome| match outcome.p99_without {
            Some(without) if outcome.percentile(99) > 2.0 * without => {
                vec![format!("without poison p99 is {without:.0} ms")]
            }
            _ => vec![],
        },
    },
    Run {
        name: "flood",
        shows: "three times what it can take at once: the rest is told 503, memory is bounded, and it recovers",
        only: Only::Both,
        short: false,
        plan: |size, seed, _| {
            (size == Size::Large).then(|| Plan {
                flood: Some(3072),
                // No event of a hold comes before all is paid, and sellers would wait for it.
                manual: 0.0,
                copies: 3,
                shuffle: Duration::ZERO,
                ..Plan::quiet(seed, 3000)
            })
        },
        also: |_, outcome| {
            let mut violations = vec![];
            if !outcome.answers.contains_key(&503) {
                violations.push("no event was turned away, so nothing was shown".to_owned());
            }
            if outcome
                .recovered
                .is_none_or(|took| took > Duration::from_secs(5))
            {
                violations.push(format!("it took {:?} to answer as ever", outcome.recovered));
            }
            // Room for its queue, for what is on the way to it, and for all else.
            if outcome.peak_kib.is_some_and(|kib| kib > 400 * 1024) {
                violations.push("it took more than 400 MiB".to_owned());
            }
            violations
        },
    },
    Run {
        name: "clocks",
        shows: "clocks ten minutes ahead and behind: signatures count for 300 s exactly, and no lease is taken early",
        only: Only::Postgres,
        short: false,
        plan: |size, seed, _| {
            Some(Plan {
                disruption: Disruption::Clocks,
                replicas: 3,
                clocks: vec![0, 600, -600],
                stock: 100_000,
                ..Plan::quiet(seed, of(size, 40, 2000))
            })
        },
        also: |_, outcome| match outcome.refused {
            0 => vec!["no clock refused a signature, so nothing was shown".to_owned()],
            _ => vec![],
        },
    },
    Run {
        name: "rolling",
        shows: "two replicas behind a plain TCP balancer are restarted in turn: no answer but 2xx",
        only: Only::Postgres,
        short: false,
        plan: |size, seed, _| {
            Some(Plan {
                disruption: Disruption::Rolling(of(size, 4, 40)),
                replicas: 2,
                stock: 100_000,
                ..Plan::quiet(seed, 40)
            })
        },
        also: |_, outcome| {
            let bad = |answers: &std::collections::BTreeMap<u16, u64>| {
                // 409: a key that is in use, or an order that isn't paid yet.
                let bad = answers
                    .iter()
                    .filter(|(status, _)| !matches!(status, 200..300 | 409));
                bad.map(|(status, count)| format!("{count} answers were {status}"))
                    .collect::<Vec<_>>()
            };
            [bad(&outcome.answers), bad(&outcome.buyers)].concat()
        },
    },
];
