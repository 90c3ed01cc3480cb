#!/usr/bin/env python3
"""Makes the same requests to Stripe's test mode and to the simulator, and compares what comes back.

usage: STRIPE_TEST_KEY=sk_test_… real.py SIMULATOR_URL [STRIPE_URL]

Only customers, payments with Stripe's test cards, refunds, products, prices and subscriptions of the
key's own test account; no account is created and nothing is paid out. Compared are the status of each
answer, which fields an object has, their types, and the values that follow from the request (amounts,
currency, status, codes); ids, times and texts differ by nature. Prints each difference once.
"""
import base64
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

TELLING = {"object", "amount", "amount_captured", "amount_received", "amount_refunded", "amount_capturable", "currency", "status", "type", "code", "decline_code", "param", "captured", "paid", "refunded", "disputed", "capture_method", "interval", "unit_amount", "quantity", "reporting_category"}

# Method, path, parameters, and under which name the answer's id is kept; {name} stands for one kept before.
CARD = {"currency": "usd", "confirm": "true", "allowed_payment_method_types[]": "card"}
REQUESTS = [
    ("POST", "/v1/customers", {"name": "Ada", "metadata[souk]": "conformance"}, "customer"),
    ("POST", "/v1/customers/{customer}", {"metadata[souk]": ""}, None),
    ("POST", "/v1/payment_methods/pm_card_visa/attach", {"customer": "{customer}"}, "method"),
    ("GET", "/v1/payment_methods", {"customer": "{customer}", "type": "card"}, None),
    ("POST", "/v1/payment_intents", {**CARD, "amount": "2000", "payment_method": "pm_card_visa", "expand[]": "latest_charge.balance_transaction"}, "paid"),
    ("POST", "/v1/refunds", {"payment_intent": "{paid}", "amount": "500"}, "refund"),
    ("POST", "/v1/refunds", {"payment_intent": "{paid}", "amount": "5000"}, None),
    ("GET", "/v1/payment_intents/{paid}", {"expand[]": "latest_charge"}, None),
    ("POST", "/v1/payment_intents", {**CARD, "amount": "2000", "payment_method": "pm_card_chargeDeclinedInsufficientFunds"}, None),
    ("POST", "/v1/payment_intents", {**CARD, "amount": "2000", "payment_method": "pm_card_visa", "capture_method": "manual"}, "held"),
    ("POST", "/v1/payment_intents/{held}/capture", {"amount_to_capture": "1500"}, None),
    ("POST", "/v1/payment_intents", {**CARD, "amount": "2000", "payment_method": "pm_card_authenticationRequired", "return_url": "https://shop.example/back"}, "asks"),
    ("POST", "/v1/payment_intents/{asks}/cancel", {}, None),
    ("POST", "/v1/payment_intents", {"amount": "10", "currency": "usd"}, None),
    ("POST", "/v1/payment_intents", {"currency": "usd"}, None),
    ("POST", "/v1/customers", {"colour": "red"}, None),
    ("GET", "/v1/customers/cus_none", {}, None),
    ("GET", "/v1/nonsense", {}, None),
    ("POST", "/v1/products", {"name": "Tea"}, "product"),
    ("POST", "/v1/prices", {"product": "{product}", "currency": "usd", "unit_amount": "1500", "recurring[interval]": "month"}, "price"),
    ("POST", "/v1/subscriptions", {"customer": "{customer}", "items[0][price]": "{price}", "default_payment_method": "{method}", "expand[]": "latest_invoice"}, "subscription"),
    ("DELETE", "/v1/subscriptions/{subscription}", {}, None),
    ("DELETE", "/v1/customers/{customer}", {}, None),
]


def send(base, key, method, path, params):
    data = urllib.parse.urlencode(params, safe="[]")
    url = base + path + ("?" + data if data and method == "GET" else "")
    request = urllib.request.Request(url, data=data.encode() if method == "POST" else None, method=method)
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{key}:".encode()).decode())
    request.add_header("Stripe-Version", "2026-09-30.endive")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def differences(ours, theirs, path):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if path.endswith("metadata"):
            return []
        out = [f"{path}.{name}: only the simulator has it" for name in ours.keys() - theirs.keys()]
        out += [f"{path}.{name}: the simulator hasn't got it" for name in theirs.keys() - ours.keys()]
        for name in ours.keys() & theirs.keys():
            out += differences(ours[name], theirs[name], f"{path}.{name}")
        return out
    if isinstance(ours, list) and isinstance(theirs, list):
        return differences(ours[0], theirs[0], path + "[]") if ours and theirs else []
    name = path.rsplit(".", 1)[-1]
    if name in TELLING and ours != theirs:
        return [f"{path}: {ours!r} here, {theirs!r} at Stripe"]
    if ours is not None and theirs is not None and type(ours) is not type(theirs):
        return [f"{path}: {type(ours).__name__} here, {type(theirs).__name__} at Stripe"]
    return []


def main():
    key = os.environ.get("STRIPE_TEST_KEY", "")
    if not key.startswith("sk_test_"):
        sys.exit("STRIPE_TEST_KEY must be a test key, sk_test_…")
    stripe = sys.argv[2] if len(sys.argv) > 2 else "https://api.stripe.com"
    kept, found = ({}, {}), []
    for method, path, params, name in REQUESTS:
        answers = []
        for base, ids in ((sys.argv[1], kept[0]), (stripe, kept[1])):
            fill = lambda text: text.format(**ids) if "{" in text else text
            status, body = send(base, key, method, fill(path), {k: fill(v) for k, v in params.items()})
            answers.append((status, body))
            if name:
                ids[name] = body.get("id", "")
        (ours, here), (theirs, there) = answers
        where = f"{method} {path}"
        if ours != theirs:
            found.append(f"{where}: {ours} here, {theirs} at Stripe")
        else:
            found += [f"{where} {d}" for d in differences(here, there, str(ours))]
    print("\n".join(found) or "no difference")
    print(f"{len(REQUESTS)} requests to {stripe} and to the simulator, {len(found)} differences")
    sys.exit(bool(found))


main()
