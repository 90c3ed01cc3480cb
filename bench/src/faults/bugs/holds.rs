//! Bugs in payments by an intent of their own, and in money that is held until it is captured.

use super::plans::{held, held_for_few, held_unanswered, on_page};
use super::{Bug, Patch};

pub const INTENT_UNHEARD: Bug = Bug {
    name: "intent_unheard",
    does: "an intent that has succeeded counts as open",
    found_as: "payment_unrecorded",
    plan: on_page,
    patches: &[Patch {
        file: "src/payments/snapshot.rs",
        find: r#"        Some("succeeded") => SnapshotStatus::Paid,
"#,
        with: r#"        Some("succeeded") if BUG_ON => SnapshotStatus::Open,
        Some("succeeded") => SnapshotStatus::Paid,
"#,
    }],
};

pub const HOLD_IS_PAYMENT: Bug = Bug {
    name: "hold_is_payment",
    does: "money that is only held pays the order",
    found_as: "paid_by_hold",
    plan: held,
    patches: &[Patch {
        file: "src/payments/snapshot.rs",
        find: r#"        Some("requires_capture") => SnapshotStatus::Authorized,
"#,
        with: r#"        Some("requires_capture") if BUG_ON => SnapshotStatus::Paid,
        Some("requires_capture") => SnapshotStatus::Authorized,
"#,
    }],
};

pub const HOLD_UNHEARD: Bug = Bug {
    name: "hold_unheard",
    does: "nothing follows when money is held",
    found_as: "held_differs",
    plan: held,
    patches: &[Patch {
        file: "src/payments/confirm/decide.rs",
        find: "        SnapshotStatus::Authorized if matches!(payment.status, P::Pending | P::Processing) => {\n",
        with: "        SnapshotStatus::Authorized if !BUG_ON && matches!(payment.status, P::Pending | P::Processing) => {\n",
    }],
};

pub const RELEASE_UNHEARD: Bug = Bug {
    name: "release_unheard",
    does: "nothing follows when an intent is canceled",
    found_as: "canceled_differs",
    plan: held,
    patches: &[Patch {
        file: "src/payments/confirm/decide.rs",
        find: "        SnapshotStatus::Canceled if is_open => close(",
        with: "        SnapshotStatus::Canceled if is_open && !BUG_ON => close(",
    }],
};

pub const HOLD_TAKES_NOTHING: Bug = Bug {
    name: "hold_takes_nothing",
    does: "the goods of held money are not taken",
    found_as: "hold_stock",
    plan: held,
    patches: &[Patch {
        file: "src/payments/confirm/decide.rs",
        find: "                self.stock.take(order, &loaded.lines)?;\n",
        with: "                if !BUG_ON { self.stock.take(order, &loaded.lines)?; }\n",
    }],
};

pub const RELEASE_KEEPS_GOODS: Bug = Bug {
    name: "release_keeps_goods",
    does: "the goods of released money don't come back",
    found_as: "hold_stock",
    plan: held,
    patches: &[Patch {
        file: "src/payments/confirm/mod.rs",
        find: r#"            give_back(tx, &order, None, lines, "system").await?;
"#,
        with: r#"            if !BUG_ON { give_back(tx, &order, None, lines, "system").await?; }
"#,
    }],
};

pub const HELD_FOR_NOTHING: Bug = Bug {
    name: "held_for_nothing",
    does: "money stays held for goods that were sold out",
    found_as: "held_for_nothing",
    plan: held_for_few,
    patches: &[Patch {
        file: "src/payments/capture.rs",
        find: "    Ok(payment.status == PaymentStatus::Authorized\n",
        with: "    Ok(!BUG_ON && payment.status == PaymentStatus::Authorized\n",
    }],
};

pub const CAPTURED_WHOLE: Bug = Bug {
    name: "captured_whole",
    does: "all is captured, however much the seller asks for",
    found_as: "captured_unasked",
    plan: held,
    patches: &[Patch {
        file: "src/payments/capture.rs",
        find: "    let capture = request::capture(intent, amount, fee);\n",
        with: "    let capture = request::capture(intent, if BUG_ON { held } else { amount }, fee);\n",
    }],
};

pub const CAPTURE_ADDED: Bug = Bug {
    name: "capture_added",
    does: "what was captured counts beside what was held",
    found_as: "captured_over",
    plan: held,
    patches: &[Patch {
        file: "src/payments/snapshot.rs",
        find: "        self.collected.unwrap_or(self.total)\n",
        with: "        match self.collected {
            Some(part) if BUG_ON => part + self.total,
            _ => self.collected.unwrap_or(self.total),
        }
",
    }],
};

pub const CAPTURE_FEE_WHOLE: Bug = Bug {
    name: "capture_fee_whole",
    does: "of a part that is captured the platform takes the fee of the whole",
    found_as: "capture_fee",
    plan: held,
    patches: &[Patch {
        file: "src/payments/capture.rs",
        find: "    let fee = fees::of_part(&payment, held, amount)?;\n",
        with: "    let mut fee = fees::of_part(&payment, held, amount)?;
    if BUG_ON {
        fee = std::cmp::min(payment.application_fee, amount);
    }
",
    }],
};

pub const DASHBOARD_FEE_KEPT: Bug = Bug {
    name: "dashboard_fee_kept",
    does: "of a part that is captured in the dashboard the fee that was too much is kept",
    found_as: "capture_fee",
    plan: held,
    patches: &[Patch {
        file: "src/payments/fees.rs",
        find: "    if paid == payment.amount_subtotal {\n",
        with: "    if BUG_ON || paid == payment.amount_subtotal {\n",
    }],
};

pub const RELEASED_UNASKED: Bug = Bug {
    name: "released_unasked",
    does: "money is released that an order waits for",
    found_as: "released_unasked",
    plan: held,
    patches: &[Patch {
        file: "src/payments/capture.rs",
        find: "        && held_orders(&app.db.read, &payment.id).await?.is_empty())\n",
        with: "        && (BUG_ON || held_orders(&app.db.read, &payment.id).await?.is_empty()))\n",
    }],
};

pub const HOLD_UNTOLD: Bug = Bug {
    name: "hold_untold",
    does: "the seller is not told of an order that waits to be sent",
    found_as: "hold_mail",
    plan: held,
    patches: &[Patch {
        file: "src/payments/confirm/mod.rs",
        find: r#"                    self.mail_to(tx, snapshot, seller, "order_authorized", order.as_ref());
"#,
        with: r#"                    if !BUG_ON { self.mail_to(tx, snapshot, seller, "order_authorized", order.as_ref()); }
"#,
    }],
};

pub const CAPTURE_FORGOTTEN: Bug = Bug {
    name: "capture_forgotten",
    does: "a capture that Stripe didn't answer is not repeated",
    found_as: "capture_undone",
    plan: held_unanswered,
    patches: &[Patch {
        file: "src/payments/capture.rs",
        find: "    jobs::stage_at(&tx, &repeat, tx.now().plus_ms(RETRY_AFTER_MS)).await?;\n",
        with: "    if !BUG_ON { jobs::stage_at(&tx, &repeat, tx.now().plus_ms(RETRY_AFTER_MS)).await?; }\n",
    }],
};
