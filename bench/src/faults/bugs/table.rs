//! The bugs. In a patch `BUG_ON` asks whether its bug is switched on.

use super::plans::{
    busy, database_down, flooded, forged_events, killed, lived, lossy, misclocked, poisoned,
    refunded, refused, scarce, sold_out, stopped, unanswered_sessions,
};
use super::{Bug, Patch, after_sales, holds, renewals};

pub const BUGS: [Bug; 52] = [
    Bug {
        name: "no_overlap",
        does: "a pull reads nothing that Stripe lists late",
        found_as: "total_differs",
        plan: lived,
        patches: &[Patch {
            file: "src/ledger/pulling.rs",
            find: "    let since = book.pulled_to?.plus_ms(-OVERLAP_MS);",
            with: "    let since = book.pulled_to?.plus_ms(if BUG_ON { 1000 } else { -OVERLAP_MS });",
        }],
    },
    Bug {
        name: "failed_refund_silent",
        does: "a refund that fails after it succeeded is no finding",
        found_as: "finding_missing",
        plan: lived,
        patches: &[Patch {
            file: "src/payments/refunds/failed.rs",
            find: "            findings::raise(tx, finding(payment, row)).await?;",
            with: "            if !BUG_ON { findings::raise(tx, finding(payment, row)).await?; }",
        }],
    },
    Bug {
        name: "confirm_unguarded",
        does: "a payment that is paid already is confirmed again",
        found_as: "refund_needless",
        plan: busy,
        patches: &[
            Patch {
                file: "src/payments/confirm/decide.rs",
                find: "    if payment.status == PaymentStatus::Paid {",
                with: "    if !BUG_ON && payment.status == PaymentStatus::Paid {",
            },
            Patch {
                file: "src/payments/confirm/mod.rs",
                find: "SALES.execute(tx, rows, tx.now().into()).await?;",
                with: r#"{
                let open = PAY.text.split(" AND payments.status").next().unwrap_or(PAY.text);
                let pay = SetWise { text: if BUG_ON { open } else { PAY.text }, columns: PAY.columns };
                let sales = Together::new([pay, SHARE, SELL, TIMELINE]);
                sales.execute(tx, rows, tx.now().into()).await?
            };"#,
            },
        ],
    },
    Bug {
        name: "any_account",
        does: "an event of one account confirms a payment on another",
        found_as: "paid_for_nothing",
        plan: forged_events,
        patches: &[
            Patch {
                file: "src/payments/confirm/load.rs",
                find: "ON p.stripe_object = input.stripe_object AND p.charge_account = input.account",
                with: "ON p.stripe_object = input.stripe_object AND (p.charge_account = input.account OR input.account = '')",
            },
            Patch {
                file: "src/payments/confirm/load.rs",
                find: "    let mut objects: Vec<_> = objects\n",
                with: r#"    let named: Vec<StripeObject> = objects.cloned().collect();
    let mut objects: Vec<_> = named.iter()
"#,
            },
            Patch {
                file: "src/payments/confirm/load.rs",
                find: "(object.id.as_str(), &object.account, object.livemode)",
                with: r#"{
                let account = if BUG_ON { AccountId::from("") } else { object.account.clone() };
                (object.id.as_str(), account, object.livemode)
            }"#,
            },
            Patch {
                file: "src/payments/confirm/load.rs",
                find: "            id: row.stripe_object,\n            account: row.charge_account,\n",
                with: r#"            account: match named.iter().find(|one| one.id == row.stripe_object) {
                Some(named) if BUG_ON => named.account.clone(),
                _ => row.charge_account,
            },
            id: row.stripe_object,
"#,
            },
            Patch {
                file: "src/payments/confirm/mod.rs",
                find: "payments.charge_account = input.account",
                with: "(payments.charge_account = input.account OR input.account = '')",
            },
            Patch {
                file: "src/payments/confirm/mod.rs",
                find: r#"            snapshot.object.account.clone(),
"#,
                with: r#"            if BUG_ON { AccountId::from("") } else { snapshot.object.account.clone() },
"#,
            },
        ],
    },
    Bug {
        name: "any_mode",
        does: "a live event confirms a test payment",
        found_as: "paid_for_nothing",
        plan: forged_events,
        patches: &[
            Patch {
                file: "src/webhooks/routes.rs",
                find: "let is_our_mode = mode == app.stripe.livemode();",
                with: "let is_our_mode = BUG_ON || mode == app.stripe.livemode();",
            },
            Patch {
                file: "src/payments/snapshot.rs",
                find: r#"                id: session.id.clone(),
                account: account.clone(),
                livemode,
"#,
                with: r#"                id: session.id.clone(),
                account: account.clone(),
                livemode: !BUG_ON && livemode,
"#,
            },
        ],
    },
    Bug {
        name: "any_amount",
        does: "whatever amount was paid confirms the payment",
        found_as: "paid_for_nothing",
        plan: forged_events,
        patches: &[
            Patch {
                file: "src/payments/snapshot.rs",
                find: r#"        !self.tax_or_shipping
"#,
                with: r#"        BUG_ON || !self.tax_or_shipping
"#,
            },
            Patch {
                file: "src/payments/confirm/mod.rs",
                find: "payments.amount_subtotal = input.subtotal",
                with: "(payments.amount_subtotal = input.subtotal OR input.subtotal < 0)",
            },
            Patch {
                file: "src/payments/confirm/mod.rs",
                find: r#"            snapshot.totals.subtotal,
"#,
                with: r#"            if BUG_ON { -1 } else { snapshot.totals.subtotal },
"#,
            },
        ],
    },
    Bug {
        name: "no_op_for_deferral",
        does: "an event that came too early is ignored instead of deferred",
        found_as: "payment_unrecorded",
        plan: unanswered_sessions,
        patches: &[Patch {
            file: "src/payments/confirm/mod.rs",
            find: r#"                return Ok(Effect::Deferred {
"#,
            with: r#"                if BUG_ON {
                    return Ok(Effect::Ignored("not yet known"));
                }
                return Ok(Effect::Deferred {
"#,
        }],
    },
    Bug {
        name: "order_left_behind",
        does: "the payment is confirmed and its order is not",
        found_as: "order_behind",
        plan: busy,
        patches: &[Patch {
            file: "src/payments/confirm/mod.rs",
            find: "self.sold.push((order,));",
            with: "if !BUG_ON { self.sold.push((order,)); }",
        }],
    },
    Bug {
        name: "oversold_kept",
        does: "nothing is refunded that was sold out",
        found_as: "order_behind",
        plan: sold_out,
        patches: &[Patch {
            file: "src/payments/confirm/mod.rs",
            find: r#"                let refund = refunds::record_full_refund(tx, &details, origin).await?;
                self.mail(tx, snapshot, "refund_due", refund.as_ref());
                self.jobs.push(Job::Refund { refund });
"#,
            with: r#"                if !BUG_ON {
                    let refund = refunds::record_full_refund(tx, &details, origin).await?;
                    self.mail(tx, snapshot, "refund_due", refund.as_ref());
                    self.jobs.push(Job::Refund { refund });
                }
"#,
        }],
    },
    Bug {
        name: "stock_not_summed",
        does: "two orders of one product in a batch take the stock of one",
        found_as: "stock_sum",
        plan: flooded,
        patches: &[Patch {
            file: "src/catalog/stock.rs",
            find: r#"let sum = taken.entry(&line.product).or_insert(0);
                *sum = money::add(*sum, line.quantity)?;"#,
            with: r#"let sum = taken.entry(&line.product).or_insert(0);
                *sum = if BUG_ON { line.quantity } else { money::add(*sum, line.quantity)? };"#,
        }],
    },
    Bug {
        name: "stock_in_part",
        does: "of an order that is partly sold out the rest is taken",
        found_as: "stock_sale",
        plan: scarce,
        patches: &[Patch {
            file: "src/payments/confirm/decide.rs",
            find: r#"        order.status = match share.outcome {
"#,
            with: r#"        let has_piece = |line: &&SoldLine| {
            self.stock.suffices(std::slice::from_ref(*line)).unwrap_or(false)
        };
        if BUG_ON
            && matches!(share.outcome, Outcome::Refund { origin: RefundOrigin::Oversold, .. })
            && let Some(line) = order.lines.iter().find(has_piece).cloned()
        {
            self.stock.take(&share.order, &[line])?;
        }
        order.status = match share.outcome {
"#,
        }],
    },
    Bug {
        name: "sale_unrecorded",
        does: "stock is taken without a movement",
        found_as: "stock_sum",
        plan: busy,
        patches: &[Patch {
            file: "src/catalog/stock.rs",
            find: "self.sold.iter().map(movement).collect();",
            with: "self.sold.iter().filter(|_| !BUG_ON).map(movement).collect();",
        }],
    },
    Bug {
        name: "mail_before_guard",
        does: "the mail is staged before the guard, under a new key each time",
        found_as: "mail",
        plan: busy,
        patches: &[
            Patch {
                file: "src/payments/confirm/mod.rs",
                find: "        let decision = decide(&state, snapshot)?;\n",
                with: r#"
        if BUG_ON
            && snapshot.status == SnapshotStatus::Paid
            && let Some(payment) = state.payments.get(&snapshot.object)
        {
            for (order, _) in &payment.orders { writes.mail(tx, snapshot, "order_paid", order.as_ref()); }
        }
        let decision = decide(&state, snapshot)?;
"#,
            },
            Patch {
                file: "src/jobs.rs",
                find: "// As it was before sellers got mail, so that no buyer gets one twice.",
                with: r#"
            Self::Mail { what, .. } if BUG_ON => {
                format!("{kind}:{what}:{subject}:{}", ids::random_below(i64::MAX))
            }"#,
            },
        ],
    },
    Bug {
        name: "no_mail",
        does: "the buyer's mail is not staged",
        found_as: "mail",
        plan: busy,
        patches: &[Patch {
            file: "src/payments/confirm/mod.rs",
            find: "if is_recent {",
            with: "if !BUG_ON && is_recent {",
        }],
    },
    Bug {
        name: "inbox_in_savepoint",
        does: "the inbox row goes with the effect that failed",
        found_as: "acknowledged_lost",
        plan: poisoned,
        patches: &[Patch {
            file: "src/webhooks/inbox.rs",
            find: "tracing::warn!(event = event.id,",
            with: r#"
            if BUG_ON {
                inbox_event::Entity::delete_by_id(event.id.clone()).exec(tx).await?;
            }
            tracing::warn!(event = event.id,"#,
        }],
    },
    Bug {
        name: "ack_before_commit",
        does: "the answer is given before the commit",
        found_as: "acknowledged_lost",
        plan: killed,
        patches: &[Patch {
            file: "src/webhooks/committer.rs",
            find: "let receipts = commit_all(&app, &incoming).await;",
            with: r#"
        if BUG_ON {
            let incoming: Vec<Incoming> = batch.iter().map(|one| one.incoming.clone()).collect();
            for delivery in batch.drain(..) {
                let stored = Receipt::Stored(souk_entity::inbox_event::EventState::Processed);
                drop(delivery.answer.send(Ok(stored)));
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            drop(commit_all(&app, &incoming.iter().collect::<Vec<_>>()).await);
            continue;
        }
        let receipts = commit_all(&app, &incoming).await;"#,
        }],
    },
    Bug {
        name: "two_commits",
        does: "the inbox row and its effect are committed apart",
        found_as: "payment_unrecorded",
        plan: killed,
        patches: &[
            Patch {
                file: "src/webhooks/committer.rs",
                find: "let tx = app.db.begin_batch().await?;",
                with: r#"
    if BUG_ON {
        return inbox::receive_in_two(app, batch).await;
    }
    let tx = app.db.begin_batch().await?;"#,
            },
            Patch {
                file: "src/webhooks/inbox.rs",
                find: "enum Outcome {",
                with: r#"
pub(super) async fn receive_in_two(app: &App, batch: &[&Incoming]) -> Result<Vec<Receipt>> {
    let tx = app.db.begin_write().await?;
    let mut inserted = insert(&tx, batch).await?;
    tx.commit().await?;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let tx = app.db.begin_write().await?;
    let mut receipts = Vec::new();
    for incoming in batch {
        if inserted.remove(&incoming.event.id) {
            let outcome = attempt(&tx, incoming.endpoint, &incoming.event).await?;
            receipts.push(Receipt::Stored(outcome.state(1)));
            store(&tx, &[(&incoming.event.id, 1, &outcome)]).await?;
        } else {
            receipts.push(Receipt::Duplicate);
        }
    }
    tx.commit().await?;
    Ok(receipts)
}

enum Outcome {"#,
            },
        ],
    },
    Bug {
        name: "ack_on_failure",
        does: "an event is acknowledged though the database failed",
        found_as: "acknowledged_lost",
        plan: database_down,
        patches: &[Patch {
            file: "src/webhooks/committer.rs",
            find: "Err(e) if batch.len() == 1 => vec![Err(e)],",
            with: r#"Err(_) if BUG_ON => {
            let acked = |_| Ok(Receipt::Stored(souk_entity::inbox_event::EventState::Processed));
            batch.iter().map(acked).collect()
        }
        Err(e) if batch.len() == 1 => vec![Err(e)],"#,
        }],
    },
    Bug {
        name: "caught_up_unread",
        does: "the catch-up moves on without reading",
        found_as: "event_lost",
        plan: lossy,
        patches: &[Patch {
            file: "src/webhooks/catch_up.rs",
            find: "let batch: Vec<&Incoming> = events.iter().collect();",
            with: r#"
        if BUG_ON {
            return Ok(listed);
        }
        let batch: Vec<&Incoming> = events.iter().collect();"#,
        }],
    },
    Bug {
        name: "lost_wake_up",
        does: "a job that is staged again, while it runs or after, does not run again, and no check of the books makes up for it",
        found_as: "transaction_lost",
        plan: busy,
        patches: &[
            Patch {
                file: "src/jobs.rs",
                find: "rows.entry(job.effect_key()).or_insert((job, args));",
                with: r#"
        let there = job::Entity::find().filter(job::Column::EffectKey.eq(job.effect_key()));
        if BUG_ON && there.one(tx).await?.is_some() {
            continue;
        }
        rows.entry(job.effect_key()).or_insert((job, args));"#,
            },
            Patch {
                file: "src/ledger/deadlines.rs",
                find: "jobs::stage_all(tx, &checks.collect::<Vec<_>>()).await?;",
                with: "if !BUG_ON { jobs::stage_all(tx, &checks.collect::<Vec<_>>()).await?; }",
            },
        ],
    },
    Bug {
        name: "lease_for_ever",
        does: "what a dead worker had in hand nobody takes over",
        found_as: "job_stuck",
        plan: killed,
        patches: &[Patch {
            file: "src/jobs/leases.rs",
            find: ".lt(tx.shared_now())",
            with: ".lt(if BUG_ON { Expr::value(0) } else { tx.shared_now() })",
        }],
    },
    Bug {
        name: "lease_by_own_clock",
        does: "a replica whose clock is ahead takes over what another is at",
        found_as: "lease_stolen",
        plan: misclocked,
        patches: &[Patch {
            file: "src/db.rs",
            find: "if !self.asks_time {",
            with: "if BUG_ON || !self.asks_time {",
        }],
    },
    Bug {
        name: "fence_dropped",
        does: "a worker that lost its lease still writes how the job went",
        found_as: "stale_write",
        plan: stopped,
        patches: &[
            Patch {
                file: "src/jobs/leases.rs",
                find: "fn mine(&self) -> UpdateMany<job::Entity> {",
                with: r#"fn mine(&self) -> UpdateMany<job::Entity> {
        if BUG_ON {
            return job::Entity::update_many().filter(job::Column::Id.eq(self.id.clone()));
        }"#,
            },
            Patch {
                file: "src/jobs/leases.rs",
                find: "let finished: Vec<Finished> = FINISH.all(",
                with: r#"
        static UNFENCED: std::sync::LazyLock<SetWise> = std::sync::LazyLock::new(|| {
            let fence = " AND jobs.state = 'leased'";
            let unfenced = FINISH.text.split_once(fence).map_or("", |(before, _)| before);
            let text = format!("{unfenced} RETURNING jobs.id").leak();
            SetWise { text, columns: FINISH.columns }
        });
        let finish = if BUG_ON { &*UNFENCED } else { &FINISH };
        let finished: Vec<Finished> = finish.all("#,
            },
        ],
    },
    Bug {
        name: "given_up_at_once",
        does: "a job is given up when it fails once",
        found_as: "job_stuck",
        plan: refused,
        patches: &[Patch {
            file: "src/jobs/leases.rs",
            find: "self.attempt < MAX_ATTEMPTS;",
            with: "self.attempt < if BUG_ON { 1 } else { MAX_ATTEMPTS };",
        }],
    },
    Bug {
        name: "new_key_on_retry",
        does: "a retried refund has another idempotency key",
        found_as: "refund_unasked",
        plan: refunded,
        patches: &[Patch {
            file: "src/payments/refunds/mod.rs",
            find: r#"let key = format!("refund:{id}:{n}");"#,
            with: r#"let mut key = format!("refund:{id}:{n}");
            if BUG_ON {
                key = format!("{key}:{}", ids::random_below(i64::MAX));
            }"#,
        }],
    },
    Bug {
        name: "new_attempt_unlooked",
        does: "after a failure a refund is tried anew without looking first",
        found_as: "refund_unasked",
        plan: refunded,
        patches: &[Patch {
            file: "src/stripe/idempotent_create.rs",
            find: "let answer = send(number).await;",
            with: r#"let answer = send(number).await;
        if BUG_ON && matches!(answer, Err(Error::StripeUnavailable(_))) {
            self.next(db, now).await?;
            return answer;
        }"#,
        }],
    },
    Bug {
        name: "fee_kept",
        does: "a refund leaves the platform its fee",
        found_as: "fee_kept",
        plan: sold_out,
        patches: &[Patch {
            file: "src/payments/refunds/mod.rs",
            find: "let fee_back = payment.application_fee > 0 && ",
            with: "let fee_back = !BUG_ON && payment.application_fee > 0 && ",
        }],
    },
    Bug {
        name: "refund_short",
        does: "a cent less goes back",
        found_as: "refund_",
        plan: sold_out,
        patches: &[Patch {
            file: "src/payments/refunds/mod.rs",
            find: "        refund.amount,\n",
            with: "        if BUG_ON { refund.amount - 1 } else { refund.amount },\n",
        }],
    },
    Bug {
        name: "transaction_passed_over",
        does: "the pull passes over refunds",
        found_as: "transaction_lost",
        plan: sold_out,
        patches: &[Patch {
            file: "src/ledger/transactions.rs",
            find: "} else if insert(tx, book, pulled, order).await? {",
            with: r#"} else if BUG_ON && pulled.txn.kind == "refund" {
            continue;
        } else if insert(tx, book, pulled, order).await? {"#,
        }],
    },
    Bug {
        name: "platform_unread",
        does: "the platform's own book is opened and never read",
        found_as: "income_differs",
        plan: sold_out,
        patches: &[Patch {
            file: "src/ledger/deadlines.rs",
            find: r#"        // The platform's own is no seller's.
        .join(sea_orm::JoinType::LeftJoin, of_seller.into())"#,
            with: r#"        .join(if BUG_ON { sea_orm::JoinType::InnerJoin } else { sea_orm::JoinType::LeftJoin }, of_seller.into())"#,
        }],
    },
    Bug {
        name: "fees_unposted",
        does: "a journal leaves the fees out",
        found_as: "suspense",
        plan: busy,
        patches: &[Patch {
            file: "src/ledger/posting.rs",
            find: "for fee in &txn.fee_details {",
            with: "for fee in txn.fee_details.iter().filter(|_| !BUG_ON) {",
        }],
    },
    after_sales::KEY_FORGOTTEN,
    after_sales::LINE_UNCOUNTED,
    after_sales::RESTOCKED_TWICE,
    after_sales::EVIDENCE_RESUBMITTED,
    after_sales::DECIDED_FOR_EVER,
    holds::INTENT_UNHEARD,
    holds::HOLD_IS_PAYMENT,
    holds::HOLD_UNHEARD,
    holds::RELEASE_UNHEARD,
    holds::HOLD_TAKES_NOTHING,
    holds::RELEASE_KEEPS_GOODS,
    holds::HELD_FOR_NOTHING,
    holds::CAPTURED_WHOLE,
    holds::CAPTURE_ADDED,
    holds::CAPTURE_FEE_WHOLE,
    holds::DASHBOARD_FEE_KEPT,
    holds::RELEASED_UNASKED,
    holds::HOLD_UNTOLD,
    holds::CAPTURE_FORGOTTEN,
    renewals::RENEWAL_UNHEARD,
    renewals::ENTITLED_FOR_EVER,
];
