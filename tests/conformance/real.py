#!/usr/bin/env python3
"""Makes the same requests to Stripe's test mode and to the simulator, and compares what comes back.

usage: STRIPE_TEST_KEY=sk_test_… real.py SIMULATOR_URL [STRIPE_URL]

Customers, payments with Stripe's test cards, refunds, products, prices and subscriptions of the key's own
test account; and one connected test account, whose requirements are met with Stripe's test values
(docs.stripe.com/connect/testing), with direct charges, their fees, refunds and disputes on it, a destination
charge and a transfer. It is deleted at the end. Another account is made, read, changed, linked and closed by
`/v2`. Where the key's account isn't a platform, Stripe's refusal of the account is told and what needs it is left out. Compared are the status of each
answer, which fields an object has, their types, and the values that follow from the request (amounts,
currency, status, codes); ids, times and texts differ by nature. Prints each difference once.
"""
import base64
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

TELLING = {"object", "amount", "amount_captured", "amount_received", "amount_refunded", "amount_capturable", "currency", "status", "type", "code", "decline_code", "param", "captured", "paid", "refunded", "disputed", "capture_method", "interval", "unit_amount", "quantity", "reporting_category", "fee", "net"}

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

SELLER = {
    "country": "US",
    "controller[fees][payer]": "application", "controller[losses][payments]": "application",
    "controller[requirement_collection]": "application", "controller[stripe_dashboard][type]": "none",
    "capabilities[card_payments][requested]": "true", "capabilities[transfers][requested]": "true",
    "business_type": "individual", "business_profile[mcc]": "5734", "business_profile[url]": "https://accessible.stripe.com",
    "individual[first_name]": "Ada", "individual[last_name]": "Lovelace", "individual[email]": "ada@example.com",
    "individual[phone]": "0000000000", "individual[id_number]": "222222222", "individual[ssn_last_4]": "0000",
    "individual[dob][day]": "1", "individual[dob][month]": "1", "individual[dob][year]": "1901",
    "individual[address][line1]": "address_full_match", "individual[address][city]": "South San Francisco",
    "individual[address][state]": "CA", "individual[address][postal_code]": "94080", "individual[address][country]": "US",
    "external_account": "btok_us_verified", "tos_acceptance[date]": "1609798905", "tos_acceptance[ip]": "8.8.8.8",
}
DIRECT = {**CARD, "amount": "4000", "application_fee_amount": "400"}
BALANCES = {"expand[]": "latest_charge.balance_transaction"}

# The same, with the connected account's id as {seller}; `@` before a path: on it, by the header Stripe-Account.
CONNECT = [
    ("GET", "/v1/accounts/{seller}", {}, None),
    ("GET", "/v1/accounts/{seller}/capabilities", {}, None),
    ("POST", "@/v1/payment_intents", {**DIRECT, **BALANCES, "payment_method": "pm_card_bypassPending"}, "direct"),
    ("POST", "@/v1/refunds", {"payment_intent": "{direct}", "amount": "1000", "refund_application_fee": "true", "expand[]": "balance_transaction"}, None),
    ("GET", "/v1/application_fees", {"limit": "1"}, None),
    ("POST", "@/v1/payment_intents", {**DIRECT, "payment_method": "pm_card_chargeDeclined"}, None),
    ("POST", "@/v1/payment_intents", {**DIRECT, "payment_method": "pm_card_visa", "application_fee_amount": "4001"}, None),
    ("POST", "@/v1/payment_intents", {**DIRECT, **BALANCES, "payment_method": "pm_card_createDispute"}, "disputed"),
    ("GET", "@/v1/disputes", {"payment_intent": "{disputed}"}, None),
    ("GET", "@/v1/balance_transactions", {"limit": "1"}, None),
    ("GET", "@/v1/balance", {}, None),
    ("GET", "/v1/payment_intents/{direct}", {}, None),
    ("POST", "/v1/payment_intents", {**CARD, **BALANCES, "amount": "3000", "payment_method": "pm_card_bypassPending", "application_fee_amount": "300", "transfer_data[destination]": "{seller}"}, "destination"),
    ("POST", "/v1/refunds", {"payment_intent": "{destination}", "reverse_transfer": "true", "refund_application_fee": "true"}, None),
    ("POST", "/v1/payment_intents", {**CARD, "amount": "5000", "payment_method": "pm_card_bypassPending"}, None),
    ("POST", "/v1/transfers", {"amount": "100", "currency": "usd", "destination": "{seller}"}, "transfer"),
    ("POST", "/v1/transfers/{transfer}/reversals", {"amount": "40"}, None),
    ("POST", "/v1/transfers/{transfer}/reversals", {"amount": "90"}, None),
    ("POST", "/v1/account_links", {"account": "{seller}", "type": "account_onboarding", "refresh_url": "https://shop.example/refresh", "return_url": "https://shop.example/return"}, None),
    ("GET", "@/v1/events", {"limit": "1"}, None),
]

V2_SELLER = {
    "display_name": "Mira's Lamps", "contact_email": "mira@example.com", "dashboard": "full",
    "defaults": {"currency": "usd", "responsibilities": {"fees_collector": "stripe", "losses_collector": "stripe"}},
    "identity": {"country": "us", "entity_type": "individual"},
    "configuration": {"merchant": {"capabilities": {"card_payments": {"requested": True}}}},
}
V2_PARTS = ["configuration.customer", "configuration.merchant", "configuration.recipient", "defaults", "future_requirements", "identity", "requirements"]

# Accounts v2, with the account's id as {v2}.
V2 = [
    ("GET", "/v2/core/accounts/{v2}", {}, None),
    ("GET", "/v2/core/accounts/{v2}", {f"include[{at}]": part for at, part in enumerate(V2_PARTS)}, None),
    ("POST", "/v2/core/accounts/{v2}", {"metadata": {"souk": "conformance"}, "contact_phone": "+12015550123"}, None),
    ("POST", "/v2/core/account_links", {"account": "{v2}", "use_case": {"type": "account_onboarding", "account_onboarding": {"configurations": ["merchant"], "refresh_url": "https://shop.example/refresh", "return_url": "https://shop.example/return"}}}, None),
    ("POST", "/v2/core/account_links", {"account": "{v2}", "use_case": {"type": "account_onboarding", "account_onboarding": {"configurations": ["recipient"], "refresh_url": "https://shop.example/refresh"}}}, None),
    ("GET", "/v1/accounts/{v2}", {}, None),
    ("GET", "/v2/core/accounts", {"limit": "1"}, None),
    ("GET", "/v2/core/accounts/acct_1nobody", {}, None),
    ("POST", "/v2/core/accounts", {"colour": "red"}, None),
    ("POST", "/v2/core/accounts", {**V2_SELLER, "dashboard": "express"}, None),
    ("POST", "/v2/core/accounts", {**V2_SELLER, "identity": {}}, None),
    ("POST", "/v2/core/accounts/{v2}/close", {"applied_configurations": ["recipient"]}, None),
    ("POST", "/v2/core/accounts/{v2}/close", {"applied_configurations": ["merchant"]}, None),
    ("GET", "/v2/core/accounts/{v2}", {}, None),
]


def send(base, key, method, path, params, account=None):
    v2 = path.startswith("/v2/") and method == "POST"
    data = json.dumps(params) if v2 else urllib.parse.urlencode(params, safe="[]")
    url = base + path + ("?" + data if data and method == "GET" else "")
    request = urllib.request.Request(url, data=data.encode() if method == "POST" else None, method=method)
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{key}:".encode()).decode())
    request.add_header("Stripe-Version", "2026-09-30.endive")
    if v2:
        request.add_header("Content-Type", "application/json")
    if account:
        request.add_header("Stripe-Account", account)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def seller(base, key):
    """A connected account that may charge; or Stripe's refusal, or how far it came within a minute."""
    status, account = send(base, key, "POST", "/v1/accounts", SELLER)
    if status != 200:
        return None, account["error"]["message"]
    for _ in range(60):
        _, account = send(base, key, "GET", f"/v1/accounts/{account['id']}", {})
        if account["charges_enabled"] and account["payouts_enabled"]:
            return account["id"], None
        time.sleep(1)
    send(base, key, "DELETE", f"/v1/accounts/{account['id']}", {})
    return None, f"after a minute it wants {account['requirements']['currently_due']}"


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
    an_id = name == "fee" and isinstance(ours, str)
    if name in TELLING and ours != theirs and not an_id:
        return [f"{path}: {ours!r} here, {theirs!r} at Stripe"]
    if ours is not None and theirs is not None and type(ours) is not type(theirs):
        return [f"{path}: {type(ours).__name__} here, {type(theirs).__name__} at Stripe"]
    return []


def main():
    key = os.environ.get("STRIPE_TEST_KEY", "")
    if not key.startswith("sk_test_"):
        sys.exit("STRIPE_TEST_KEY must be a test key, sk_test_…")
    stripe = sys.argv[2] if len(sys.argv) > 2 else "https://api.stripe.com"
    services, found = ([sys.argv[1], {}], [stripe, {}]), []
    compare(REQUESTS, services, key, found)
    sellers = [seller(base, key) for base, _ in services]
    for (base, kept), (account, why) in zip(services, sellers):
        kept["seller"] = account
        if not account:
            print(f"no connected account at {base}: {why}")
    done = len(REQUESTS)
    if all(account for account, _ in sellers):
        compare(CONNECT, services, key, found)
        done += len(CONNECT)
    made = [send(base, key, "POST", "/v2/core/accounts", V2_SELLER) for base, _ in services]
    for (base, kept), (status, account) in zip(services, made):
        kept["v2"] = account.get("id")
        if status != 200:
            print(f"no account by v2 at {base}: {account['error']['message']}")
    if all(status == 200 for status, _ in made):
        compare(V2, services, key, found)
        done += len(V2)
    for base, kept in services:
        if kept["seller"]:
            send(base, key, "DELETE", f"/v1/accounts/{kept['seller']}", {})
    print("\n".join(found) or "no difference")
    print(f"{done} requests to {stripe} and to the simulator, {len(found)} differences")
    sys.exit(bool(found))


def filled_in(value, kept):
    if isinstance(value, dict):
        return {name: filled_in(item, kept) for name, item in value.items()}
    if isinstance(value, list):
        return [filled_in(item, kept) for item in value]
    return value.format(**kept) if isinstance(value, str) and "{" in value else value


def compare(requests, services, key, found):
    for method, path, params, name in requests:
        answers = []
        for base, kept in services:
            fill = lambda value: filled_in(value, kept)
            on = kept["seller"] if path.startswith("@") else None
            filled = fill(params)
            status, body = send(base, key, method, fill(path.removeprefix("@")), filled, on)
            answers.append((status, body))
            if name:
                kept[name] = body.get("id", "")
        (ours, here), (theirs, there) = answers
        where = f"{method} {path}"
        if ours != theirs:
            found.append(f"{where}: {ours} here, {theirs} at Stripe")
        else:
            found += [f"{where} {d}" for d in differences(here, there, str(ours))]


main()
