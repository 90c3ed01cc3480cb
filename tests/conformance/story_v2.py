#!/usr/bin/env python3
"""One story of Accounts v2 told with PyPI `stripe`; story_v2.mjs tells the same with npm `stripe`.

usage: story_v2.py BASE_URL

A seller for direct charges is made, onboards by a link, sells, is restricted and mended; a company's person comes
and goes, by a token too; pages are followed; what is wrong is refused; an account is closed. Prints what it came to,
without ids, as one line of JSON.
"""
import json
import sys
import urllib.request

import stripe

BASE = sys.argv[1]
client = stripe.StripeClient("sk_test_story_0123456789", base_addresses={"api": BASE}, max_network_retries=0)
accounts, links = client.v2.core.accounts, client.v2.core.account_links
ALL = ["configuration.customer", "configuration.merchant", "configuration.recipient", "defaults", "future_requirements", "identity", "requirements"]
DIRECT = {
    "display_name": "Mira's Lamps", "contact_email": "mira@example.com", "dashboard": "full",
    "defaults": {
        "currency": "eur", "profile": {"doing_business_as": "Mira's Lamps"},
        "responsibilities": {"fees_collector": "stripe", "losses_collector": "stripe"},
    },
    "identity": {"country": "de", "entity_type": "individual"},
    "configuration": {"merchant": {"capabilities": {"card_payments": {"requested": True}}}},
    "metadata": {"seller": "7"},
}
OURS = {"fees_collector": "application", "losses_collector": "application"}


def control(path, body):
    """What only a simulator can do."""
    request = urllib.request.Request(BASE + "/_simulator" + path, data=json.dumps(body).encode(), method="POST")
    return json.load(urllib.request.urlopen(request))


def refused(call):
    """How an error looks in the client."""
    try:
        call()
    except stripe.StripeError as error:
        return [error.http_status, error.code]
    raise AssertionError("an error was expected")


def main():
    made = accounts.create({**DIRECT, "include": ["configuration.merchant"]}, {"idempotency_key": "one"})
    again = accounts.create({**DIRECT, "include": ["configuration.merchant"]}, {"idempotency_key": "one"})
    assert made.id == again.id, "made once"
    seller = made.id
    new = [made.configuration.merchant.capabilities.card_payments.status, made.identity, made.applied_configurations]
    link = links.create({"account": seller, "use_case": {"type": "account_onboarding", "account_onboarding": {
        "configurations": ["merchant"], "refresh_url": "https://shop.example/refresh", "return_url": "https://shop.example/return",
    }}})
    assert link.url.startswith(BASE)
    control(f"/accounts/{seller}/onboard", {})

    def capabilities():
        account = accounts.retrieve(seller, {"include": ALL})
        merchant = account.configuration.merchant.capabilities
        entries = [
            [e.description, e.awaiting_action_from, e.minimum_deadline.status, [r.capability for r in e.impact.restricts_capabilities]]
            for e in account.requirements.entries
        ]
        summary = account.requirements.summary
        deadline = [summary.minimum_deadline.status, summary.minimum_deadline.time] if summary else None
        return [merchant.card_payments.status, merchant.stripe_balance.payouts.status, entries, deadline]

    onboarded = capabilities()
    payment = client.v1.payment_intents.create({
        "amount": 10_000, "currency": "eur", "application_fee_amount": 1_000, "confirm": True,
        "payment_method": "pm_card_visa", "allowed_payment_method_types": ["card"],
    }, {"stripe_account": seller})
    due = {"currently_due": ["individual.verification.document"]}
    control(f"/accounts/{seller}/restrict", {**due, "current_deadline": 1_900_000_000})
    warned = capabilities()
    control(f"/accounts/{seller}/restrict", due)
    restricted = capabilities()
    control(f"/accounts/{seller}/unrestrict", {})
    mended = capabilities()
    update = accounts.update(seller, {"metadata": {"seller": None, "shop": "8"}, "contact_phone": "+4930123456"})

    company = accounts.create({**DIRECT, "dashboard": "none", "defaults": {"responsibilities": OURS}, "identity": {"country": "de", "entity_type": "company"}}).id
    person = accounts.persons.create(company, {
        "given_name": "Ada", "surname": "Lovelace", "date_of_birth": {"day": 1, "month": 1, "year": 1902},
        "relationship": {"representative": True, "owner": True, "percent_ownership": "62.5", "title": "Owner"},
        "id_numbers": [{"type": "de_stn", "value": "12/345/67890"}],
    })
    token = accounts.person_tokens.create(company, {"surname": "King"})
    person = accounts.persons.update(company, person.id, {"person_token": token.id})
    shown = [person.given_name, person.surname, str(person.relationship.percent_ownership), person.id_numbers[0].type]
    assert client.v2.core.accounts.person_tokens.retrieve(company, token.id).used
    gone = accounts.persons.delete(company, person.id)
    assert gone.id == person.id and not accounts.persons.list(company).data
    account_token = client.v2.core.account_tokens.create({"display_name": "By a token", "contact_email": "t@example.com"})
    by_token = {k: v for k, v in DIRECT.items() if k not in ("display_name", "contact_email")}
    by_token = accounts.create({**by_token, "identity": {"country": "de"}, "account_token": account_token.id})
    assert client.v2.core.account_tokens.retrieve(account_token.id).used

    names = [a.display_name for a in accounts.list({"limit": 1}).auto_paging_iter()]
    errors = [
        refused(lambda: accounts.create({**DIRECT, "dashboard": "express"})),
        refused(lambda: accounts.create({**DIRECT, "colour": "red"})),
        refused(lambda: accounts.create({**DIRECT, "contact_email": "nobody"})),
        refused(lambda: accounts.create({**DIRECT, "dashboard": "none"}, {"idempotency_key": "one"})),
        refused(lambda: accounts.retrieve("acct_1nobody")),
        refused(lambda: accounts.close(company, {"applied_configurations": ["recipient"]})),
        refused(lambda: links.create({"account": seller, "use_case": {"type": "account_onboarding", "account_onboarding": {"configurations": ["recipient"], "refresh_url": "https://a.example"}}})),
    ]
    closed = accounts.close(company, {"applied_configurations": ["merchant"]})
    print(json.dumps({
        "new": new, "onboarded": onboarded, "paid": [payment.status, payment.amount_received], "warned": warned, "restricted": restricted,
        "mended": mended, "update": [update.metadata.to_dict(), update.contact_phone], "person": shown, "by_token": by_token.display_name,
        "names": names, "errors": errors, "closed": [closed.closed, len(accounts.list({"closed": True}).data)],
    }, sort_keys=True, separators=(",", ":")))


main()
