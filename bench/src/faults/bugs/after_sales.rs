//! Bugs in what follows a sale: refunds by line and disputes.

use super::plans::{disputed, given_back, unheard};
use super::{Bug, Patch};

pub const KEY_FORGOTTEN: Bug = Bug {
    name: "key_forgotten",
    does: "a request that is sent again under its key is done again",
    found_as: "refund_doubled",
    plan: given_back,
    patches: &[Patch {
        file: "src/http/idempotency.rs",
        find: "let id = I::from(row.resource_id);",
        with: "let id = if BUG_ON { ids::new(tx.now()) } else { I::from(row.resource_id) };",
    }],
};

pub const LINE_UNCOUNTED: Bug = Bug {
    name: "line_uncounted",
    does: "more units of a line are refunded than are left",
    found_as: "line_over",
    plan: given_back,
    patches: &[Patch {
        file: "src/payments/refunds/lines.rs",
        find: "if after > line.quantity {",
        with: "if !BUG_ON && after > line.quantity {",
    }],
};

pub const RESTOCKED_TWICE: Bug = Bug {
    name: "restocked_twice",
    does: "goods that come back to stock with a refund come back once more",
    found_as: "restock",
    plan: given_back,
    patches: &[Patch {
        file: "src/payments/refunds/restock.rs",
        find: "    let back = give_back(tx, order, Some(refund), lines, \"system\").await?;",
        with: r#"    if BUG_ON {
    give_back(tx, order, None, lines.clone(), "system").await?;
}
let back = give_back(tx, order, Some(refund), lines, "system").await?;"#,
    }],
};

pub const EVIDENCE_RESUBMITTED: Bug = Bug {
    name: "evidence_resubmitted",
    does: "evidence whose answer got lost is submitted under another key",
    found_as: "evidence_twice",
    plan: unheard,
    patches: &[Patch {
        file: "src/payments/disputes/submission.rs",
        find: r#"let key = format!("evidence:{id}:{n}");"#,
        with: r#"let mut key = format!("evidence:{id}:{n}");
        if BUG_ON {
            key = format!("{key}:{}", ids::random_token());
        }"#,
    }],
};

pub const DECIDED_FOR_EVER: Bug = Bug {
    name: "decided_for_ever",
    does: "a dispute that was decided is never read again",
    found_as: "dispute_differs",
    plan: disputed,
    patches: &[Patch {
        file: "src/payments/disputes/mod.rs",
        find: "let before = synced_at(app, id).await?;",
        with: r#"
    let known = find(&app.db.read, id).await;
    if BUG_ON && known.is_ok_and(|row| is_closed(&row.status)) {
        return Ok(());
    }
    let before = synced_at(app, id).await?;"#,
    }],
};
