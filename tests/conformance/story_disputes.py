#!/usr/bin/env python3
"""One story of files, disputes and early fraud warnings told with PyPI `stripe`; story_disputes.mjs tells the same with npm `stripe`.

usage: story_disputes.py BASE_URL

Files are uploaded, listed and read. A dispute is answered with a draft and files, another is accepted, an inquiry ends, one is
decided and appealed, and a card's issuer suspects fraud. Prints what it came to, without ids, as one line of JSON.
"""
import io
import json
import sys
import urllib.request

import stripe

BASE = sys.argv[1]
client = stripe.StripeClient("sk_test_story_0123456789", base_addresses={"api": BASE, "files": BASE}, max_network_retries=0)
v1 = client.v1
PNG = b"\x89PNG\r\n\x1a\n"


def control(path, body):
    """What only a simulator can do."""
    request = urllib.request.Request(BASE + "/_simulator" + path, data=json.dumps(body).encode(), method="POST")
    return json.load(urllib.request.urlopen(request))


def refused(call):
    """How an error looks in the client: its name and its `param`."""
    try:
        call()
    except stripe.StripeError as error:
        return [type(error).__name__, error.error.param]
    raise AssertionError("an error was expected")


def seen(dispute):
    details = dispute.evidence_details
    card = dispute.payment_method_details.card
    return [
        dispute.status, dispute.reason, dispute.amount, dispute.is_charge_refundable, card.case_type, card.brand,
        details.has_evidence, details.past_due, details.submission_count, [t.amount for t in dispute.balance_transactions],
    ]


def main():
    account = v1.accounts.create({
        "country": "US",
        "controller": {"fees": {"payer": "account"}, "losses": {"payments": "stripe"}, "stripe_dashboard": {"type": "full"}},
    }).id
    control(f"/accounts/{account}/onboard", {})
    there = {"stripe_account": account}

    def pay(method):
        return v1.payment_intents.create({
            "amount": 4_000, "currency": "usd", "confirm": True, "payment_method": method,
            "allowed_payment_method_types": ["card"],
        }, there)

    def upload(content, purpose="dispute_evidence"):
        file = io.BytesIO(content)
        file.name = "proof.png"
        # The client writes the body's type into the options that it is given.
        return v1.files.create({"purpose": purpose, "file": file}, dict(there))

    def dispute_of(intent):
        return v1.disputes.list({"payment_intent": intent.id}, there).data[0]

    def decide(dispute, outcome):
        control(f"/disputes/{dispute.id}/decide", {"outcome": outcome})
        return seen(v1.disputes.retrieve(dispute.id, None, there))

    pay("pm_card_visa")
    file = upload(PNG)
    proof = upload(PNG + b"proof")
    read = v1.files.retrieve(file.id, None, there)
    files = {
        "made": [read.object, read.purpose, read.type, read.size, read.filename],
        "listed": [one.size for one in v1.files.list({"purpose": "dispute_evidence", "limit": 1}, there).auto_paging_iter()],
        "words": refused(lambda: upload(b"words")),
        "elsewhere": refused(lambda: v1.files.retrieve(file.id)),
        "missing": refused(lambda: v1.files.retrieve("file_none", None, there)),
    }

    answered = dispute_of(pay("pm_card_createDispute"))
    draft = {"customer_name": "Ada", "receipt": file.id, "shipping_documentation": proof.id}
    staged = v1.disputes.update(answered.id, {"evidence": draft, "submit": False, "metadata": {"case": "7"}}, there)
    wrong = refused(lambda: v1.disputes.update(answered.id, {"evidence": {"receipt": "file_none"}}, there))
    appeal = {"card": {"reason_for_filing": "It was delivered.", "supporting_files": [proof.id]}}
    early = refused(lambda: v1.disputes.update(answered.id, {"evidence": {"appeal": appeal}}, there))
    sent = v1.disputes.update(answered.id, {"evidence": {"customer_name": "Ada Lovelace"}}, there)
    kept = [sent.evidence.customer_name, sent.evidence.receipt == file.id, sent.metadata["case"]]
    lost = decide(answered, "lost")
    reopened = decide(answered, "appealed")
    other = refused(lambda: v1.disputes.update(answered.id, {"evidence": {"customer_name": "Bo"}}, there))
    appealed = v1.disputes.update(answered.id, {"evidence": {"appeal": appeal}}, there)
    reason = appealed.evidence.appeal.card.reason_for_filing

    accepted = v1.disputes.close(dispute_of(pay("pm_card_createDispute")).id, None, there)
    over = refused(lambda: v1.disputes.close(accepted.id, None, there))
    inquiry = dispute_of(pay("pm_card_createDisputeInquiry"))

    suspected = pay("pm_card_createIssuerFraudRecord")
    radar = v1.radar.early_fraud_warnings
    warning = radar.list({"payment_intent": suspected.id}, there).data[0]
    before = radar.retrieve(warning.id, None, there)
    v1.refunds.create({"payment_intent": suspected.id}, there)
    after = radar.retrieve(warning.id, None, there)

    print(json.dumps({
        "files": files,
        "staged": seen(staged), "wrong": wrong, "early": early, "sent": seen(sent), "kept": kept, "lost": lost,
        "reopened": reopened, "other": other, "appealed": seen(appealed), "reason": reason, "won": decide(answered, "won"),
        "accepted": seen(accepted), "over": over,
        "inquiry": seen(inquiry), "escalated": decide(inquiry, "escalated"),
        "warning": [before.object, before.fraud_type, before.actionable, after.actionable, before.payment_intent == suspected.id],
        "disputes": len(list(v1.disputes.list({"limit": 2}, there).auto_paging_iter())),
    }, sort_keys=True, separators=(",", ":")))


main()
