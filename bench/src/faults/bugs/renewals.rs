//! Bugs in subscriptions.

use super::plans::renewed;
use super::{Bug, Patch};

pub const RENEWAL_UNHEARD: Bug = Bug {
    name: "renewal_unheard",
    does: "the paid invoice of a later period confirms nothing",
    found_as: "payment_unrecorded",
    plan: renewed,
    patches: &[Patch {
        file: "src/payments/invoices/mod.rs",
        find: "            Some(paid) if paid.snapshot.subscription.is_some() && !paid.sells() => {\n",
        with: "            Some(paid) if paid.snapshot.subscription.is_some() && (BUG_ON || !paid.sells()) => {\n",
    }],
};

pub const ENTITLED_FOR_EVER: Bug = Bug {
    name: "entitled_for_ever",
    does: "whoever had subscribed once is entitled after the end",
    found_as: "access_differs",
    plan: renewed,
    patches: &[
        Patch {
            file: "src/subscriptions/access.rs",
            find: "    if row.ended_at.is_some_and(|at| at <= now) {\n",
            with: "    if !BUG_ON && row.ended_at.is_some_and(|at| at <= now) {\n",
        },
        Patch {
            file: "src/subscriptions/access.rs",
            find: r#"        "canceled" | "incomplete_expired" => refused("ended"),
"#,
            with: r#"        "canceled" if BUG_ON => entitled(end, "active"),
        "canceled" | "incomplete_expired" => refused("ended"),
"#,
        },
    ],
};
