//! The scenarios in which the bugs show.

use std::time::Duration;

use souk_simulator::FaultKind;

use crate::database::Place;
use crate::faults::lives::Lives;
use crate::faults::plan::{Disruption, Plan, SHORT_LEASE};
use crate::faults::renewals::Renewals;

/// How long a scenario with a bug may take to become idle: what is stuck stays so.
const PATIENCE: Duration = Duration::from_secs(12);

pub fn busy(seed: u64, _: &Place) -> Plan {
    Plan {
        patience: PATIENCE,
        verify: 0.5,
        intents: 0.0,
        manual: 0.0,
        ..Plan::quiet(seed, 20)
    }
}

/// A month of subscriptions.
pub fn renewed(seed: u64, place: &Place) -> Plan {
    Plan {
        renewals: Some(Renewals {
            subscriptions: 24,
            kills: 2,
        }),
        products: 0,
        lease: SHORT_LEASE,
        ..busy(seed, place)
    }
}

/// Intents on a page of the shop's own.
pub fn on_page(seed: u64, place: &Place) -> Plan {
    Plan {
        intents: 1.0,
        ..busy(seed, place)
    }
}

/// Money is held, captured whole and in part, and released.
pub fn held(seed: u64, place: &Place) -> Plan {
    Plan {
        intents: 0.5,
        manual: 1.0,
        forged: 0.0,
        stock: 100_000,
        sales: 40,
        ..busy(seed, place)
    }
}

/// Money is held, and Stripe fails most captures.
pub fn held_unanswered(seed: u64, place: &Place) -> Plan {
    Plan {
        stripe: vec![(FaultKind::Error500, 0.7)],
        patience: 3 * PATIENCE,
        ..held(seed, place)
    }
}

/// Money is held for goods of which there are hardly any.
pub fn held_for_few(seed: u64, place: &Place) -> Plan {
    Plan {
        manual: 1.0,
        forged: 0.0,
        ..sold_out(seed, place)
    }
}

pub fn forged_events(seed: u64, place: &Place) -> Plan {
    Plan {
        forged: 0.5,
        ..busy(seed, place)
    }
}

pub fn unanswered_sessions(seed: u64, place: &Place) -> Plan {
    Plan {
        unanswered: 2,
        patience: 2 * PATIENCE,
        ..busy(seed, place)
    }
}

/// One product, of which there is hardly any.
pub fn sold_out(seed: u64, place: &Place) -> Plan {
    Plan {
        products: 1,
        stock: 2,
        pay_last: true,
        two_lines: 0.0,
        ..busy(seed, place)
    }
}

/// Few pieces of several products, bought together.
pub fn scarce(seed: u64, place: &Place) -> Plan {
    Plan {
        products: 4,
        stock: 4,
        pay_last: true,
        two_lines: 1.0,
        ..busy(seed, place)
    }
}

/// All at once, so that it is done in batches.
pub fn flooded(seed: u64, place: &Place) -> Plan {
    Plan {
        products: 1,
        two_lines: 0.0,
        verify: 0.0,
        pay_last: true,
        flood: Some(64),
        ..busy(seed, place)
    }
}

pub fn poisoned(seed: u64, place: &Place) -> Plan {
    Plan {
        poison: 0.5,
        ..busy(seed, place)
    }
}

pub fn killed(seed: u64, place: &Place) -> Plan {
    Plan {
        disruption: Disruption::Kills(5),
        lease: SHORT_LEASE,
        stock: 100_000,
        verify: 0.0,
        ..busy(seed, place)
    }
}

pub fn database_down(seed: u64, place: &Place) -> Plan {
    Plan {
        disruption: match place {
            Place::Sqlite(_) => Disruption::SqliteBusy(1),
            Place::Postgres(_) => Disruption::PostgresCrashes(2),
        },
        stock: 100_000,
        ..busy(seed, place)
    }
}

pub fn lossy(seed: u64, place: &Place) -> Plan {
    Plan {
        lost: 0.3,
        verify: 0.0,
        ..busy(seed, place)
    }
}

pub fn refused(seed: u64, place: &Place) -> Plan {
    Plan {
        stripe: vec![(FaultKind::Error429, 0.9)],
        ..sold_out(seed, place)
    }
}

/// Random lives of sellers.
pub fn lived(seed: u64, _: &Place) -> Plan {
    Plan {
        lives: Some(Lives {
            sellers: 4,
            steps: 6,
        }),
        ..Plan::quiet(seed, 0)
    }
}

/// Replicas whose clocks are ten minutes wrong.
pub fn misclocked(seed: u64, place: &Place) -> Plan {
    Plan {
        disruption: Disruption::Clocks,
        replicas: 3,
        clocks: vec![0, 600, -600],
        stock: 100_000,
        ..busy(seed, place)
    }
}

/// A replica that is stopped past its lease.
pub fn stopped(seed: u64, place: &Place) -> Plan {
    Plan {
        disruption: Disruption::Pause,
        lease: SHORT_LEASE,
        replicas: 2,
        stock: 100_000,
        ..busy(seed, place)
    }
}

/// Parts are given back, and most of Stripe's answers get lost.
pub fn refunded(seed: u64, place: &Place) -> Plan {
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

/// All is given back, by lines and in parts.
pub fn given_back(seed: u64, place: &Place) -> Plan {
    Plan {
        refunds: 1.0,
        two_lines: 1.0,
        stock: 100_000,
        ..busy(seed, place)
    }
}

/// Every payment is disputed.
pub fn disputed(seed: u64, place: &Place) -> Plan {
    Plan {
        disputes: 1.0,
        refunds: 0.0,
        stock: 100_000,
        ..busy(seed, place)
    }
}

/// Every payment is disputed, and most of Stripe's answers get lost.
pub fn unheard(seed: u64, place: &Place) -> Plan {
    Plan {
        stripe: vec![(FaultKind::CommitThenTimeout, 0.85)],
        ..disputed(seed, place)
    }
}
