#!/usr/bin/env python3
"""One Connect story told with PyPI `stripe`; story.mjs tells the same with npm `stripe`.

usage: story.py BASE_URL

A seller onboards, sells by direct charge, refunds a part, wins and loses a dispute, has a subscriber
for three months of a test clock from 31 January, and is paid out. Prints what it came to, without ids,
as one line of JSON.
"""
import json
import sys
import urllib.request

import stripe

BASE = sys.argv[1]
client = stripe.StripeClient("sk_test_story_0123456789", base_addresses={"api": BASE}, max_network_retries=0)
v1 = client.v1
DAY = 86400
JANUARY_31 = 1_801_353_600  # 2027-01-31T00:00:00Z
MONTH_ENDS = [1_803_772_800, 1_806_451_200, 1_809_043_200]  # 28 February, 31 March, 30 April


def control(path, body):
    """What only a simulator can do."""
    request = urllib.request.Request(BASE + "/_simulator" + path, data=json.dumps(body).encode(), method="POST")
    return json.load(urllib.request.urlopen(request))


def main():
    account = v1.accounts.create({
        "country": "US",
        "controller": {"fees": {"payer": "account"}, "losses": {"payments": "stripe"}, "stripe_dashboard": {"type": "full"}},
    }).id
    link = v1.account_links.create({
        "account": account, "type": "account_onboarding",
        "refresh_url": "https://shop.example/refresh", "return_url": "https://shop.example/return",
    })
    assert link.url.startswith(BASE)
    control(f"/accounts/{account}/onboard", {})
    seller = v1.accounts.retrieve(account)
    assert seller.charges_enabled and seller.payouts_enabled
    there = {"stripe_account": account}

    def pay(amount, method):
        return v1.payment_intents.create({
            "amount": amount, "currency": "usd", "application_fee_amount": amount // 10, "confirm": True,
            "payment_method": method, "allowed_payment_method_types": ["card"],
            "expand": ["latest_charge.balance_transaction"],
        }, there)

    sale = pay(10_000, "pm_card_visa")
    assert sale.status == "succeeded"
    refund = v1.refunds.create({"payment_intent": sale.id, "amount": 2_500, "refund_application_fee": True}, there)
    try:
        pay(3_000, "pm_card_chargeDeclined")
        raise AssertionError("a decline is an error")
    except stripe.CardError as error:
        declined = [error.code, error.error.decline_code, error.error.payment_intent.status]

    disputes = []
    for text in ("winning_evidence", "losing_evidence"):
        intent = pay(4_000, "pm_card_createDispute")
        dispute = v1.disputes.list({"payment_intent": intent.id}, there).data[0]
        v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}, "submit": True}, there)
        control("/clock/advance", {"seconds": 2 * DAY})
        dispute = v1.disputes.retrieve(dispute.id, None, there)
        disputes.append([dispute.status, dispute.amount, [[t.type, t.amount, t.fee] for t in dispute.balance_transactions]])

    clock = v1.test_helpers.test_clocks.create({"frozen_time": JANUARY_31}, there)
    customer = v1.customers.create({"email": "ada@example.com", "test_clock": clock.id}, there)
    method = v1.payment_methods.attach("pm_card_visa", {"customer": customer.id}, there)
    product = v1.products.create({"name": "Tea, monthly"}, there)
    price = v1.prices.create({"product": product.id, "currency": "usd", "unit_amount": 1_500, "recurring": {"interval": "month"}}, there)
    subscription = v1.subscriptions.create({
        "customer": customer.id, "items": [{"price": price.id}], "default_payment_method": method.id,
        "application_fee_percent": 10,
    }, there)
    for end in MONTH_ENDS:
        v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": end + 2 * 3600}, there)
    assert v1.test_helpers.test_clocks.retrieve(clock.id, None, there).status == "ready"
    subscription = v1.subscriptions.retrieve(subscription.id, None, there)
    item = subscription["items"].data[0]
    invoices = [
        [i.status, i.amount_paid, i.lines.data[0].period.start, i.lines.data[0].period.end]
        for i in v1.invoices.list({"subscription": subscription.id, "limit": 2}, there).auto_paging_iter()
    ]

    control("/clock/advance", {"seconds": 10 * DAY})
    payouts = []
    for payout in v1.payouts.list({"limit": 2}, there).auto_paging_iter():
        items = list(v1.balance_transactions.list({"payout": payout.id, "limit": 2}, there).auto_paging_iter())
        mine = [t for t in items if t.type != "payout"]
        assert sum(t.net for t in mine) == payout.amount, "a payout is the sum of its items"
        payouts.append([payout.status, payout.amount, len(mine)])
    books = {}
    for txn in v1.balance_transactions.list({"limit": 100}, there).auto_paging_iter():
        sums = books.setdefault(txn.type, [0, 0, 0, 0])
        for at, value in enumerate((1, txn.amount, txn.fee, txn.net)):
            sums[at] += value
    fees = [[fee.amount, fee.amount_refunded] for fee in v1.application_fees.list({"limit": 100}).auto_paging_iter()]
    balance = v1.balance.retrieve(None, there)
    print(json.dumps({
        "sale": [sale.amount_received, sale.latest_charge.balance_transaction.fee, sale.latest_charge.balance_transaction.net],
        "refund": [refund.status, refund.amount],
        "declined": declined,
        "disputes": disputes,
        "subscription": [subscription.status, item.current_period_start, item.current_period_end],
        "invoices": invoices,
        "payouts": payouts,
        "books": books,
        "fees": fees,
        "balance": [[b.amount, b.currency] for b in balance.available + balance.pending],
    }, sort_keys=True, separators=(",", ":")))


main()
