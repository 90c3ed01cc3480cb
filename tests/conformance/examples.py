#!/usr/bin/env python3
"""Sends every request that Stripe's documentation gives as an example to a simulator.

usage: examples.py STRIPE_SDIST BASE_URL

STRIPE_SDIST is the unpacked source distribution of PyPI `stripe`: its tests/test_generated_examples.py
is generated from the same description as the documentation, and names method, path, query and body of
each example. An example is accepted when it is answered 200, or when what it names by id doesn't exist
here: 404 `resource_missing` (in `/v2` `not_found`), or 403 `account_invalid` for an account. Everything else is a fault.
"""
import ast
import base64
import json
import sys
import urllib.error
import urllib.request

# What the simulator isn't about; each noun is the first part of the path after /v1/.
LEFT_OUT = {
    "apps": "secret store",
    "country_specs": "reference data",
    "credit_notes": "not simulated",
    "file_links": "files",
    "files": "uploads",
    "financial_connections": "not simulated",
    "identity": "not simulated",
    "issuing": "not simulated",
    "payment_links": "not simulated",
    "plans": "the predecessor of prices",
    "quotes": "not simulated",
    "radar": "not simulated",
    "reporting": "not simulated",
    "reviews": "not simulated",
    "shipping_rates": "not simulated",
    "sigma": "not simulated",
    "sources": "the predecessor of payment methods",
    "subscription_schedules": "not simulated",
    "tax": "not simulated",
    "tax_codes": "not simulated",
    "tax_ids": "not simulated",
    "tax_rates": "not simulated",
    "terminal": "not simulated",
    "treasury": "not simulated",
}
# Parts of nouns that are simulated.
PARTS_LEFT_OUT = {
    "/v1/customers/*/cash_balance": "not simulated",
    "/v1/customers/*/cash_balance_transactions": "not simulated",
    "/v1/customers/*/funding_instructions": "not simulated",
    "/v1/customers/*/sources": "the predecessor of payment methods",
    "/v1/customers/*/tax_ids": "not simulated",
    "/v1/customers/*/bank_accounts": "the predecessor of payment methods",
    "/v1/customers/*/cards": "the predecessor of payment methods",
    "/v1/payment_intents/*/apply_customer_balance": "cash balances",
    "/v1/payment_intents/*/verify_microdeposits": "not simulated",
    "/v1/setup_intents/*/verify_microdeposits": "not simulated",
    "/v1/subscription_items/*/usage_record_summaries": "metered prices",
    "/v1/subscription_items/*/usage_records": "metered prices",
    "/v1/test_helpers/": "only refunds and test_clocks are simulated",
    "/v2/billing/": "metered prices",
    "/v2/commerce/": "not simulated",
    "/v2/core/vault/": "payout methods of Global Payouts",
    "/v2/money_management/": "Financial Accounts",
    "/v2/test_helpers/": "Financial Accounts",
}
# Event destinations that aren't webhook endpoints.
CLOUDS = ("amazon_eventbridge", "azure_event_grid")
# Their cards had not expired when the documentation was written; Stripe refuses them today too.
DATED = ("exp_year]=2023", "exp_year]=2024")
KEPT = ("/v1/test_helpers/refunds", "/v1/test_helpers/test_clocks")


def examples(sdist):
    """The distinct (method, path, query, body) of all examples, in order."""
    tree = ast.parse(open(f"{sdist}/tests/test_generated_examples.py").read())
    seen = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "assert_requested":
            words = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
            if "path" in words:
                key = (node.args[0].value.upper(), words["path"], words.get("query_string", ""), words.get("post_data", ""))
                seen.setdefault(key)
    return list(seen)


def left_out(path):
    if path.startswith(KEPT):
        return False
    parts = path.split("/")
    if parts[2] in LEFT_OUT:
        return True
    return any(
        path.startswith(prefix) if prefix.endswith("/") else all(a in ("*", b) for a, b in zip(prefix.split("/"), parts)) and len(parts) >= len(prefix.split("/"))
        for prefix in PARTS_LEFT_OUT
    )


def send(base, method, path, query, body):
    url = base + path + ("?" + query if query else "")
    request = urllib.request.Request(url, data=body.encode() if method == "POST" else None, method=method)
    request.add_header("Authorization", "Basic " + base64.b64encode(b"sk_test_examples:").decode())
    request.add_header("Stripe-Version", "2026-10-28.endive")
    if path.startswith("/v2/"):
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def main():
    sdist, base = sys.argv[1:3]
    # A platform that has money: some examples pay it out or transfer it.
    status, answer = send(base, "POST", "/v1/payment_intents", "", "amount=5000000&currency=usd&confirm=true&allowed_payment_method_types[]=card&payment_method=pm_card_bypassPending")
    assert status == 200, answer
    counts = {"accepted": 0, "missing": 0, "dated": 0, "unrouted": 0, "refused": 0}
    skipped, faults = 0, []
    for method, path, query, body in examples(sdist):
        if left_out(path) or any(cloud in body for cloud in CLOUDS):
            skipped += 1
            continue
        status, answer = send(base, method, path, query, body)
        error = answer.get("error", {})
        if status == 200:
            counts["accepted"] += 1
        elif "Unrecognized request URL" in error.get("message", ""):
            counts["unrouted"] += 1
            faults.append(f"unrouted  {method} {path}")
        elif error.get("code") == "invalid_expiry_year" and any(date in body for date in DATED):
            counts["dated"] += 1
        elif error.get("code") in ("resource_missing", "not_found", "account_invalid") and "Unrecognized" not in error["message"]:
            counts["missing"] += 1
        else:
            counts["refused"] += 1
            faults.append(f"refused   {method} {path} {query}{body}\n            {status} {error.get('code')} {error.get('param')}: {error.get('message')}")
    for fault in faults:
        print(fault)
    print(
        f"{sum(counts.values())} documented examples: {counts['accepted']} answered 200, {counts['missing']} name what doesn't exist, {counts['dated']} bring a card that has expired, "
        f"{counts['unrouted']} unrouted, {counts['refused']} refused ({skipped} of nouns that aren't simulated)"
    )
    sys.exit(bool(faults))


main()
