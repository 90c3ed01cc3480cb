//! The checker's own proof: bugs that are built into the server, switched on one at a time, each of which it must find.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use souk_simulator::FaultKind;
use tempfile::TempDir;

use super::day::{self, Stage};
use super::plan::{Plan, Trouble};
use super::{Args, planted_binary, trouble};
use crate::Failure;
use crate::database::Place;

/// A bug of the feature `planted-bugs`.
pub struct Bug {
    pub name: &'static str,
    pub does: &'static str,
    /// What the category begins with under which it must be reported.
    pub found_as: &'static str,
    /// A day on which it shows.
    plan: fn(u64, &Place) -> Plan,
}

pub const BUGS: [Bug; 28] = [
    Bug {
        name: "confirm_unguarded",
        does: "a payment that is paid already is confirmed again",
        found_as: "refund_needless",
        plan: busy,
    },
    Bug {
        name: "any_account",
        does: "an event of one account confirms a payment on another",
        found_as: "paid_for_nothing",
        plan: lied_to,
    },
    Bug {
        name: "any_mode",
        does: "a live event confirms a test payment",
        found_as: "paid_for_nothing",
        plan: lied_to,
    },
    Bug {
        name: "any_amount",
        does: "whatever amount was paid confirms the payment",
        found_as: "paid_for_nothing",
        plan: lied_to,
    },
    Bug {
        name: "no_op_for_deferral",
        does: "an event that came too early is ignored instead of deferred",
        found_as: "payment_unrecorded",
        plan: haunted,
    },
    Bug {
        name: "order_left_behind",
        does: "the payment is confirmed and its order is not",
        found_as: "order_behind",
        plan: busy,
    },
    Bug {
        name: "oversold_kept",
        does: "nothing is refunded that was sold out",
        found_as: "order_behind",
        plan: sold_out,
    },
    Bug {
        name: "stock_not_summed",
        does: "two orders of one product in a batch take the stock of one",
        found_as: "stock_sum",
        plan: flooded,
    },
    Bug {
        name: "stock_in_part",
        does: "of an order that is partly sold out the rest is taken",
        found_as: "stock_sale",
        plan: scarce,
    },
    Bug {
        name: "sale_unrecorded",
        does: "stock is taken without a movement",
        found_as: "stock_sum",
        plan: busy,
    },
    Bug {
        name: "mail_before_guard",
        does: "the mail is staged before the guard, under a new key each time",
        found_as: "mail",
        plan: busy,
    },
    Bug {
        name: "no_mail",
        does: "the buyer's mail is not staged",
        found_as: "mail",
        plan: busy,
    },
    Bug {
        name: "inbox_in_savepoint",
        does: "the inbox row goes with the effect that failed",
        found_as: "acknowledged_lost",
        plan: poisoned,
    },
    Bug {
        name: "ack_before_commit",
        does: "the answer is given before the commit",
        found_as: "acknowledged_lost",
        plan: killed,
    },
    Bug {
        name: "two_commits",
        does: "the inbox row and its effect are committed apart",
        found_as: "payment_unrecorded",
        plan: killed,
    },
    Bug {
        name: "ack_on_failure",
        does: "an event is acknowledged though the database failed",
        found_as: "acknowledged_lost",
        plan: database_down,
    },
    Bug {
        name: "caught_up_unread",
        does: "the catch-up moves on without reading",
        found_as: "event_lost",
        plan: lossy,
    },
    Bug {
        name: "lost_wake_up",
        does: "a job that is staged again, while it runs or after, does not run again",
        found_as: "transaction_lost",
        plan: busy,
    },
    Bug {
        name: "lease_for_ever",
        does: "what a dead worker had in hand nobody takes over",
        found_as: "job_stuck",
        plan: killed,
    },
    Bug {
        name: "lease_by_own_clock",
        does: "a replica whose clock is ahead takes over what another is at",
        found_as: "lease_stolen",
        plan: misclocked,
    },
    Bug {
        name: "fence_dropped",
        does: "a worker that lost its lease still writes how the job went",
        found_as: "stale_write",
        plan: stopped,
    },
    Bug {
        name: "given_up_at_once",
        does: "a job is given up when it fails once",
        found_as: "job_stuck",
        plan: refused,
    },
    Bug {
        name: "new_key_on_retry",
        does: "a retried refund has another idempotency key",
        found_as: "refund_unasked",
        plan: given_back,
    },
    Bug {
        name: "new_attempt_unlooked",
        does: "after a failure a refund is tried anew without looking first",
        found_as: "refund_unasked",
        plan: given_back,
    },
    Bug {
        name: "fee_kept",
        does: "a refund leaves the platform its fee",
        found_as: "fee_kept",
        plan: sold_out,
    },
    Bug {
        name: "refund_short",
        does: "a cent less goes back",
        found_as: "refund_",
        plan: sold_out,
    },
    Bug {
        name: "transaction_passed_over",
        does: "the pull passes over refunds",
        found_as: "transaction_lost",
        plan: sold_out,
    },
    Bug {
        name: "fees_unposted",
        does: "a journal leaves the fees out",
        found_as: "suspense",
        plan: busy,
    },
];

/// How long a day with a bug may take to come to rest: what is stuck stays so.
const PATIENCE: Duration = Duration::from_secs(12);

fn busy(seed: u64, _: &Place) -> Plan {
    Plan {
        patience: PATIENCE,
        verify: 0.5,
        ..Plan::quiet(seed, 20)
    }
}

fn lied_to(seed: u64, place: &Place) -> Plan {
    Plan {
        lies: 0.5,
        ..busy(seed, place)
    }
}

fn haunted(seed: u64, place: &Place) -> Plan {
    Plan {
        ghosts: 2,
        patience: 2 * PATIENCE,
        ..busy(seed, place)
    }
}

/// One product, of which there is hardly any.
fn sold_out(seed: u64, place: &Place) -> Plan {
    Plan {
        products: 1,
        stock: 2,
        pile: true,
        carts: 0.0,
        ..busy(seed, place)
    }
}

/// Few pieces of several products, bought together.
fn scarce(seed: u64, place: &Place) -> Plan {
    Plan {
        products: 4,
        stock: 4,
        pile: true,
        carts: 1.0,
        ..busy(seed, place)
    }
}

/// All at once, so that it is done in batches.
fn flooded(seed: u64, place: &Place) -> Plan {
    Plan {
        products: 1,
        carts: 0.0,
        verify: 0.0,
        pile: true,
        flood: Some(64),
        ..busy(seed, place)
    }
}

fn poisoned(seed: u64, place: &Place) -> Plan {
    Plan {
        poison: 0.5,
        ..busy(seed, place)
    }
}

fn killed(seed: u64, place: &Place) -> Plan {
    Plan {
        trouble: Trouble::Kills(5),
        stock: 100_000,
        verify: 0.0,
        ..busy(seed, place)
    }
}

fn database_down(seed: u64, place: &Place) -> Plan {
    Plan {
        trouble: match place {
            Place::Sqlite(_) => Trouble::SqliteBusy(1),
            Place::Postgres(_) => Trouble::PostgresCrashes(2),
        },
        stock: 100_000,
        ..busy(seed, place)
    }
}

fn lossy(seed: u64, place: &Place) -> Plan {
    Plan {
        lost: 0.3,
        verify: 0.0,
        ..busy(seed, place)
    }
}

fn refused(seed: u64, place: &Place) -> Plan {
    Plan {
        stripe: vec![(FaultKind::Error429, 0.9)],
        ..sold_out(seed, place)
    }
}

/// Replicas whose clocks are ten minutes wrong.
fn misclocked(seed: u64, place: &Place) -> Plan {
    Plan {
        trouble: Trouble::Clocks,
        replicas: 3,
        clocks: vec![0, 600, -600],
        stock: 100_000,
        ..busy(seed, place)
    }
}

/// A replica that is stopped past its lease.
fn stopped(seed: u64, place: &Place) -> Plan {
    Plan {
        trouble: Trouble::Pause,
        replicas: 2,
        stock: 100_000,
        ..busy(seed, place)
    }
}

/// Parts are given back, and most of Stripe's answers get lost.
fn given_back(seed: u64, place: &Place) -> Plan {
    Plan {
        stripe: vec![(FaultKind::CommitThenTimeout, 0.85)],
        sales: 40,
        refunds: 1.0,
        // No event says meanwhile that the refund was made.
        lost: 0.9,
        verify: 1.0,
        patience: 3 * PATIENCE,
        ..busy(seed, place)
    }
}

/// Plays a day with each bug. An error names those that were not found.
pub async fn run(args: &Args, folder: &Path, places: &[Place]) -> Result<(), Failure> {
    let binary = &planted_binary()?;
    println!("server    {}\n", binary.display());
    let mut missed = Vec::new();
    for place in places {
        // On PostgreSQL there is one database of ours; on SQLite each day has its own, and they mostly wait.
        let at_once = match place {
            Place::Sqlite(_) => 4,
            Place::Postgres(_) => 1,
        };
        // Only PostgreSQL has replicas.
        let shows = |bug: &&Bug| {
            matches!(place, Place::Postgres(_)) || (bug.plan)(args.seed, place).replicas == 1
        };
        let can = |bug: &&Bug| match trouble::impossible(&(bug.plan)(args.seed, place)) {
            None => true,
            Some(why) => {
                println!("{:<28} {:<9} not run: {why}", bug.name, place.name());
                false
            }
        };
        let wanted = BUGS.iter().filter(|bug| args.wants(bug.name));
        let wanted = wanted.filter(shows).filter(can);
        let days = wanted
            .map(|bug| async move { (bug, day_with(bug, args.seed, binary, folder, place).await) });
        let mut days = stream::iter(days).buffered(at_once);
        while let Some((bug, wrongs)) = days.next().await {
            let found = wrongs.iter().any(|wrong| wrong.starts_with(bug.found_as));
            let names: BTreeSet<&str> = wrongs
                .iter()
                .filter_map(|wrong| wrong.split([':', ' ']).next())
                .collect();
            let names: Vec<&str> = names.into_iter().collect();
            let verdict = if found { "found" } else { "MISSED" };
            println!(
                "{:<28} {:<9} {verdict:<7} {}",
                bug.name,
                place.name(),
                names.join(" ")
            );
            if !found {
                missed.push(bug.name);
            }
        }
    }
    match missed.as_slice() {
        [] => Ok(()),
        some => Err(format!("not found: {}", some.join(", ")).into()),
    }
}

/// Days that a bug is given to show: some need a chance.
const DAYS: u64 = 3;

/// What is found wrong after a day with this bug, or another day.
async fn day_with(
    bug: &Bug,
    seed: u64,
    binary: &Path,
    folder: &Path,
    place: &Place,
) -> Vec<String> {
    let mut wrongs = Vec::new();
    for seed in seed..seed + DAYS {
        let played = async {
            let folder = TempDir::new_in(folder)?;
            let stage = Stage {
                binary,
                folder: folder.path(),
                place,
                planted: Some(bug.name),
            };
            day::play(&(bug.plan)(seed, place), &stage).await
        };
        wrongs = match played.await {
            Ok(seen) => seen.wrongs(),
            Err(e) => vec![format!("day: {e}")],
        };
        if wrongs.iter().any(|wrong| wrong.starts_with(bug.found_as)) {
            break;
        }
    }
    wrongs
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn planted_in(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                planted_in(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let names = text.split("planted(\"").skip(1);
            found.extend(names.filter_map(|rest| Some(rest.split('"').next()?.to_owned())));
        }
    }

    #[test]
    fn every_planted_bug_is_looked_for_and_every_one_looked_for_is_planted() {
        let mut planted = BTreeSet::new();
        planted_in(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../src"),
            &mut planted,
        );
        let looked_for: BTreeSet<String> = BUGS.iter().map(|bug| bug.name.to_owned()).collect();
        assert_eq!(planted, looked_for);
        assert!(planted.len() >= 20);
    }
}
