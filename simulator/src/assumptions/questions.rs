//! The open questions themselves.

use super::Assumption;

/// Every open question there is a switch for.
pub const ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        name: "free_session",
        values: &["no_payment_required", "paid"],
        about: "the `payment_status` of a completed Checkout Session whose total is zero",
    },
    Assumption {
        name: "missing_reference",
        values: &["404", "400"],
        about: "the HTTP status of `resource_missing` for a missing object that a parameter names, not the path",
    },
    Assumption {
        name: "dispute_fee",
        values: &["kept", "returned"],
        about: "whether Stripe's fee for a dispute comes back when the dispute is won",
    },
    Assumption {
        name: "fee_refund",
        values: &["inside", "own"],
        about: "where the application fee of a refund returns to the connected account: inside the refund's balance transaction, or as its own",
    },
    Assumption {
        name: "partial_refund",
        values: &["among_all", "alone"],
        about: "what of the application fee (or the transfer) goes back with a partial refund: its share of everything refunded so far less what went back, or that refund's own share",
    },
    Assumption {
        name: "failed_refund_fee",
        values: &["stays_refunded", "taken_again"],
        about: "what becomes of the application fee that went back with a refund which fails later: it stays with the connected account, or the platform gets it again",
    },
    Assumption {
        name: "endpoint_application",
        values: &["connect", "never"],
        about: "whether a Connect webhook endpoint shows the platform's application",
    },
    Assumption {
        name: "account_deletion",
        values: &["zero_balance", "live_rules", "any_time"],
        about: "when a connected account can be deleted: without a balance, also only without the full dashboard (as in live mode), or always (as in test mode)",
    },
    Assumption {
        name: "destination_events",
        values: &["none", "charge"],
        about: "whether the destination account of a transfer gets `charge.succeeded` and `charge.refunded` for its payment",
    },
    Assumption {
        name: "late_transactions",
        values: &["at_once", "after_a_minute"],
        about: "when lists show a new balance transaction",
    },
    Assumption {
        name: "payout_transaction",
        values: &["listed", "left_out"],
        about: "whether the `payout` filter of balance transactions also lists the payout's own",
    },
    Assumption {
        name: "invoice_retries",
        values: &["eight_in_two_weeks", "after_3_5_7_days", "none"],
        about: "when the failed payment of an invoice is retried automatically",
    },
    Assumption {
        name: "invoice_retries_end",
        values: &["cancel", "unpaid", "past_due"],
        about: "what a subscription becomes when the last retry of its invoice has failed",
    },
    Assumption {
        name: "renewal_challenge",
        values: &["declined", "asked"],
        about: "what becomes of the intent of a renewal whose bank wants to ask the customer: `requires_payment_method` after a decline, or `requires_action`",
    },
    Assumption {
        name: "duplicate_tax_id",
        values: &["refused", "made"],
        about: "what becomes of a tax id that a customer has already: `resource_already_exists`, or a second one",
    },
    Assumption {
        name: "tax_id_timeout",
        values: &["pending", "unavailable"],
        about: "the verification of a tax id whose authority doesn't answer (222222222): it stays pending, or is unavailable",
    },
    Assumption {
        name: "search",
        values: &["at_once", "after_a_minute"],
        about: "when search finds a new object; Stripe says within a minute, as a rule",
    },
    Assumption {
        name: "portal_default",
        values: &["made", "missing"],
        about: "whether an account has a default configuration of the billing portal before anybody saved one",
    },
    Assumption {
        name: "waits",
        values: &["usual", "long", "short"],
        about: "how long a debit, a refund, a payout or a verification takes where Stripe doesn't document it: the simulator's usual time, three times that, or a third",
    },
    Assumption {
        name: "unchanged_updates",
        values: &["silent", "sent"],
        about: "whether a request that changes nothing of an account, person, customer, payment method or charge sends `….updated`",
    },
    Assumption {
        name: "deauthorized_retries",
        values: &["dropped", "go_on"],
        about: "what becomes of events that still wait for the platform when the account they are of deauthorizes it",
    },
    Assumption {
        name: "account_event_context",
        values: &["account", "path", "platform", "none"],
        about: "the `context` of a thin event of a connected account: the account, the platform and the account, the platform that has it as an object, or none",
    },
    Assumption {
        name: "account_event_source",
        values: &["accounts", "self"],
        about: "which event destinations hear of a connected account in `/v2`: those with `events_from` `@accounts`, or those with `@self`, since it is an object of the platform's",
    },
    Assumption {
        name: "account_event_list",
        values: &["platform", "account"],
        about: "in whose list `GET /v2/core/events` shows the thin events of a connected account: the platform's, or the account's own",
    },
    Assumption {
        name: "endpoints_as_destinations",
        values: &["listed", "apart"],
        about: "whether `GET /v2/core/event_destinations` also lists the webhook endpoints of `/v1`",
    },
    Assumption {
        name: "webhook_retries",
        values: &["three_days", "few_hours"],
        about: "how long a delivery that isn't answered 2xx is tried again: as in live mode, or three times as in a sandbox",
    },
    Assumption {
        name: "capabilities",
        values: &["active_at_once", "pending_first"],
        about: "whether `capability.updated` says pending before a capability becomes active",
    },
    Assumption {
        name: "new_capabilities",
        values: &["sent", "silent"],
        about: "whether `capability.updated` is sent for what an account is created with",
    },
    Assumption {
        name: "v2_refusals",
        values: &["replayed", "tried_again"],
        about: "whether a key of `/v2` keeps a definite refusal, or the request is tried again with it",
    },
    Assumption {
        name: "none_dashboard",
        values: &["platform_losses", "any_losses"],
        about: "whether an account of `/v2` without a dashboard needs a platform that pays fees and losses, or may have Stripe bear the losses",
    },
    Assumption {
        name: "v2_update_links",
        values: &["as_in_v1", "any"],
        about: "whether an account link of `/v2` with the use case `account_update` is for accounts only whose platform collects requirements, as in v1, or for any",
    },
    Assumption {
        name: "v2_restricted_keys",
        values: &["refused", "accepted"],
        about: "whether restricted keys can be used in `/v2`",
    },
    Assumption {
        name: "v1_in_v2",
        values: &["at_once", "after_ten_minutes", "never"],
        about: "when an account that v1 made can be read by `/v2`",
    },
    Assumption {
        name: "v2_snapshots",
        values: &["sent", "silent"],
        about: "whether v1's `account.updated`, `capability.updated`, `person.…` and `account.external_account.…` come for accounts that `/v2` made too",
    },
    Assumption {
        name: "linked_profile",
        values: &["theirs", "ours_too"],
        about: "whether the platform can still change profile and identity of an account of `/v2` after its first link, where Stripe collects requirements",
    },
    Assumption {
        name: "account_session_life",
        values: &["hour", "five_minutes"],
        about: "how long the secret of an account session can be used",
    },
    Assumption {
        name: "customer_session_life",
        values: &["half_hour", "hour"],
        about: "how long the secret of a customer session can be used",
    },
    Assumption {
        name: "customer_secret",
        values: &["single_use", "until_expiry"],
        about: "whether the secret of a customer session opens the Payment Element once, or again until it expires",
    },
    Assumption {
        name: "default_configuration",
        values: &["stays_active", "deactivatable"],
        about: "whether an account's default payment method configuration can be deactivated",
    },
    Assumption {
        name: "deleted_customer_methods",
        values: &["before", "after"],
        about: "whether the payment methods of a deleted customer are detached before or after `customer.deleted`",
    },
    Assumption {
        name: "balance_currency",
        values: &["account", "refused"],
        about: "the currency of a balance that is set on a customer without a currency: the account's, or the request is refused",
    },
    Assumption {
        name: "invoice_sequence",
        values: &["rising", "any"],
        about: "whether a new `next_invoice_sequence` may be lower than the present one",
    },
    Assumption {
        name: "search_order",
        values: &["newest_first", "oldest_first"],
        about: "the order of search results",
    },
    Assumption {
        name: "attached_event",
        values: &["before", "after"],
        about: "whether `payment_method.attached` comes before or after `setup_intent.succeeded`",
    },
    Assumption {
        name: "set_up_card",
        values: &["unasked", "asked"],
        about: "whether 4000003800000446, which counts as set up, asks for 3-D Secure when it is set up",
    },
    Assumption {
        name: "unhandled_challenge",
        values: &["authentication_required", "card_declined"],
        about: "the error's `code` where `error_on_requires_action` meets a card that asks for 3-D Secure",
    },
    Assumption {
        name: "declined_token",
        values: &["used_up", "good"],
        about: "whether a confirmation token can confirm again after a decline",
    },
    Assumption {
        name: "challenge_wish",
        values: &["obeyed", "ignored"],
        about: "whether `request_three_d_secure=challenge` makes all test cards ask for 3-D Secure",
    },
    Assumption {
        name: "failed_debit_code",
        values: &["same", "attempt_failed"],
        about: "the `code` of `last_payment_error` after a failed debit: the charge's `failure_code`, or `payment_intent_payment_attempt_failed`",
    },
    Assumption {
        name: "canceled_debit",
        values: &["failed", "pending"],
        about: "the status of a debit's charge after the debit is canceled under way",
    },
    Assumption {
        name: "captured_session",
        values: &["paid", "unpaid"],
        about: "the `payment_status` of a completed Checkout Session after its reserved money is captured",
    },
    Assumption {
        name: "checkout_intent",
        values: &["payment_later", "with_session", "at_payment"],
        about: "when Checkout makes intents: a payment's at the first attempt and a setup's with the session, both with the session, or both at the first attempt",
    },
    Assumption {
        name: "shipping_discount",
        values: &["items_only", "shipping_too"],
        about: "whether a Checkout discount is taken off the shipping as well as off the items",
    },
    Assumption {
        name: "discount_step",
        values: &["refused", "rounded"],
        about: "what Checkout does with a discount that leaves an amount its currency can't be charged in (three decimals, ISK, UGX): it refuses it, or takes less off",
    },
    Assumption {
        name: "code_redemption",
        values: &["completed", "applied"],
        about: "when `times_redeemed` of a coupon and its promotion code counts a Checkout payment: when the session completes, or as soon as an open session has it; the latter is taken back if the code is removed or the session expires",
    },
    Assumption {
        name: "pending_money",
        values: &["refundable", "waits"],
        about: "whether a refund is made of money that is still pending on the balance, or is itself pending until that is available",
    },
    Assumption {
        name: "fraudulent_refund",
        values: &["reported", "silent"],
        about: "whether a refund with the reason `fraudulent` sets the charge's `fraud_details`",
    },
    Assumption {
        name: "dispute_money",
        values: &["with_charge", "at_once"],
        about: "when the money of a dispute leaves the available balance: when the charge's money becomes available, or at once",
    },
    Assumption {
        name: "platform_dispute_fee",
        values: &["stripe_fee", "adjustment"],
        about: "the type of the balance transaction by which a platform pays an account's dispute fee",
    },
    Assumption {
        name: "dispute_metadata",
        values: &["submits_nothing", "submits"],
        about: "whether an update of a dispute's metadata alone submits its evidence, as `submit` does by default",
    },
    Assumption {
        name: "inquiry_end",
        values: &["after_120_days", "never"],
        about: "whether an inquiry that nobody escalates closes by itself",
    },
    Assumption {
        name: "overdue_dispute",
        values: &["lost", "waits"],
        about: "whether a dispute that nobody answered is lost at its deadline, or some days later, until when evidence is taken with `past_due`",
    },
    Assumption {
        name: "prevented_dispute",
        values: &["created_and_closed", "created"],
        about: "which events come for a dispute that was prevented",
    },
    Assumption {
        name: "appealed_money",
        values: &["withdrawn", "kept"],
        about: "whether an appeal against a dispute that was won takes its money again at once, or only if it is lost then",
    },
    Assumption {
        name: "evidence_pages",
        values: &["in_all", "per_file"],
        about: "whether the pages of all files of a dispute's evidence are limited together, by network, or those of each file only",
    },
    Assumption {
        name: "transfer_group",
        values: &["of_intent", "of_charge"],
        about: "the id in a `transfer_group` that Stripe makes up: the intent's or the charge's",
    },
    Assumption {
        name: "destination_reversal",
        values: &["below_zero", "covered"],
        about: "whether the reversal of a destination charge's transfer may leave the account below zero",
    },
    Assumption {
        name: "transferred_payment",
        values: &["not_refundable", "refundable"],
        about: "whether the destination account of a transfer can refund its payment, which reverses the transfer",
    },
    Assumption {
        name: "money_day",
        values: &["midnight", "morning"],
        about: "when on its day (UTC) money becomes available and is paid out",
    },
    Assumption {
        name: "foreign_payout",
        values: &["first_account", "stays"],
        about: "where an automatic payout goes whose currency no external account has",
    },
    Assumption {
        name: "instant_fee",
        values: &["inside", "own"],
        about: "whether the fee of an instant payout is inside its balance transaction, or its own",
    },
    Assumption {
        name: "errored_bank",
        values: &["refuses_all", "refuses_automatic", "after_any_failure"],
        about: "which payouts a bank account no longer gets after one failed: any, or automatic ones only; the third: any, also after `insufficient_funds`",
    },
    Assumption {
        name: "negative_balance",
        values: &["unless_covered", "debited"],
        about: "whether a payday debits a negative balance that pending money would cover",
    },
    Assumption {
        name: "rounding",
        values: &["half_up", "half_even"],
        about: "how half a minor unit is rounded in bills: decimal prices, percentages, prorations",
    },
    Assumption {
        name: "inline_prices",
        values: &["silent", "sent"],
        about: "whether prices and products that a line makes for itself send `price.created` and `product.created`",
    },
    Assumption {
        name: "once_coupon",
        values: &["first_billed", "first_invoice"],
        about: "which invoice uses up a coupon of duration `once`: the first that bills something, or a trial's too",
    },
    Assumption {
        name: "discount_order",
        values: &["lines_first", "invoice_first"],
        about: "which discounts of an invoice come off first: the lines' or the invoice's",
    },
    Assumption {
        name: "upcoming_notice",
        values: &["seven_days", "three_days"],
        about: "how long before a renewal `invoice.upcoming` comes, which is a setting of the account",
    },
    Assumption {
        name: "overdue_notice",
        values: &["when_due", "never"],
        about: "whether `invoice.overdue` comes when an invoice is due, or only where an account has set it",
    },
    Assumption {
        name: "pending_resumption",
        values: &["shown", "hidden"],
        about: "whether the resumption of a subscription that waits for its invoice is shown as `pending_update`, with its events",
    },
    Assumption {
        name: "paused_cancellation",
        values: &["ends", "waits"],
        about: "whether a paused subscription ends at its `cancel_at`, or only after it is resumed",
    },
    Assumption {
        name: "paid_out_of_band",
        values: &["counts_as_paid", "off_stripe_only"],
        about: "whether an invoice that was paid out of band counts that in `amount_paid` as well as in `amount_paid_off_stripe`",
    },
    Assumption {
        name: "declined_subscription",
        values: &["nothing", "incomplete"],
        about: "what a declined attempt to pay for a subscription in Checkout leaves",
    },
    Assumption {
        name: "portal_features",
        values: &["complete", "partial"],
        about: "whether a portal's enabled `customer_update` and `subscription_update` require the lists of what may be changed",
    },
    Assumption {
        name: "default_portal",
        values: &["stays_active", "deactivatable"],
        about: "whether the default configuration of the billing portal can be deactivated",
    },
    Assumption {
        name: "portal_quantity",
        values: &["allowed", "adjustable"],
        about: "whether `quantity` among a portal's `default_allowed_updates` is enough to change quantities, or the product's `adjustable_quantity` must be enabled too",
    },
    Assumption {
        name: "portal_decline",
        values: &["discarded", "pending"],
        about: "what becomes of a change in the billing portal whose payment is declined: it is discarded, or stays the subscription's `pending_update`",
    },
    Assumption {
        name: "portal_life",
        values: &["hour", "five_minutes"],
        about: "how long the page of a billing portal session can be used",
    },
    Assumption {
        name: "clock_ready",
        values: &["at_once", "after_five_seconds"],
        about: "how long a test clock is `advancing`",
    },
    Assumption {
        name: "clock_money",
        values: &["account_time", "clock_time"],
        about: "which time the balance transactions of a test clock's customers have: the account's or the clock's",
    },
];
