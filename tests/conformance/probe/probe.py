#!/usr/bin/env python3
"""What a Connect developer needs of a Stripe double, tried on any of them.

usage: probe.py NAME=BASE_URL…       for example: probe.py simulator=http://127.0.0.1:12111 other=http://127.0.0.1:8420

Each behaviour is a function that fails, or not. What only a double's own controls can do (onboard an
account without a browser, let days pass) is tried through the simulator's control API; a double that has
such a thing under another name deserves a line in `control`. Prints a table, and how many each has.
"""
import base64
import hashlib
import hmac
import http.server
import json
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

PROBES = []


def probe(text):
    def keep(function):
        PROBES.append((text, function))
        return function

    return keep


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __getitem__(self, name):
        return self.body[name]

    @property
    def error(self):
        return self.body.get("error", {}) if isinstance(self.body, dict) else {}


class Double:
    """A double under test, with what the probes make on the way."""

    def __init__(self, base):
        self.base, self.made = base, {}

    def send(self, method, path, params=None, headers=None, key="sk_test_probe_0123456789"):
        data = urllib.parse.urlencode(params or [], safe="[]") if params else ""
        url = self.base + path + ("?" + data if data and method != "POST" else "")
        request = urllib.request.Request(url, data=data.encode() if method == "POST" else None, method=method)
        # The words of this version are those that the doubles know.
        request.add_header("Stripe-Version", "2026-05-27.dahlia")
        if key:
            request.add_header("Authorization", "Basic " + base64.b64encode(f"{key}:".encode()).decode())
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                text, status, head = answer.read(), answer.status, answer.headers
        except urllib.error.HTTPError as error:
            text, status, head = error.read(), error.code, error.headers
        try:
            return Answer(status, head, json.loads(text))
        except ValueError:
            return Answer(status, head, {})

    def post(self, path, params=None, account=None, **more):
        headers = {**({"Stripe-Account": account} if account else {}), **more}
        answer = self.send("POST", path, params, headers)
        assert answer.status == 200, f"{answer.status} {answer.error.get('message', '')[:80]}"
        return answer

    def get(self, path, params=None, account=None):
        answer = self.send("GET", path, params, {"Stripe-Account": account} if account else None)
        assert answer.status == 200, f"{answer.status} {answer.error.get('message', '')[:80]}"
        return answer

    def control(self, path, body):
        request = urllib.request.Request(self.base + "/_simulator" + path, data=json.dumps(body).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"no control: {error.code}") from None

    def seller(self):
        """An account that can be charged; without a way to onboard it, whatever the double gives."""
        if "seller" not in self.made:
            account = self.post("/v1/accounts", [("country", "US"), ("controller[fees][payer]", "account"), ("controller[losses][payments]", "stripe"), ("controller[stripe_dashboard][type]", "full")])["id"]
            try:
                self.control(f"/accounts/{account}/onboard", {})
            except AssertionError:
                pass
            self.made["seller"] = account
        return self.made["seller"]

    def pay(self, account=None, amount=1000, method="pm_card_visa", more=()):
        params = [("amount", amount), ("currency", "usd"), ("confirm", "true"), ("payment_method", method), ("payment_method_types[]", "card"), *more]
        return self.post("/v1/payment_intents", params, account)


def refused(answer, status, **error):
    assert answer.status == status, f"{answer.status} instead of {status}"
    for name, value in error.items():
        assert answer.error.get(name) == value, f"{name} is {answer.error.get(name)!r}"


@probe("a request without a key is 401")
def _(d):
    refused(d.send("GET", "/v1/customers", key=None), 401)


@probe("a live key is refused")
def _(d):
    assert d.send("GET", "/v1/customers", key="sk_live_0123456789").status == 401


@probe("an unknown parameter is refused by name")
def _(d):
    refused(d.send("POST", "/v1/customers", [("colour", "red")]), 400, code="parameter_unknown", param="colour")


@probe("a missing parameter is refused by name")
def _(d):
    refused(d.send("POST", "/v1/payment_intents", [("currency", "usd")]), 400, code="parameter_missing", param="amount")


@probe("an unknown id is 404 resource_missing")
def _(d):
    refused(d.send("GET", "/v1/customers/cus_none"), 404, code="resource_missing")


@probe("an unknown address is 404 with Stripe's words")
def _(d):
    answer = d.send("GET", "/v1/nonsense")
    assert answer.status == 404 and "Unrecognized request URL" in answer.error.get("message", "")


@probe("Idempotency-Key: the same answer again, Idempotent-Replayed")
def _(d):
    key = {"Idempotency-Key": f"k{time.time()}"}
    first = d.send("POST", "/v1/customers", [("email", "a@b.example")], key)
    second = d.send("POST", "/v1/customers", [("email", "a@b.example")], key)
    assert first["id"] == second["id"], "made twice"
    assert second.headers.get("Idempotent-Replayed") == "true", "no header"


@probe("Idempotency-Key with another body is idempotency_error")
def _(d):
    key = {"Idempotency-Key": f"k{time.time()}"}
    d.send("POST", "/v1/customers", [("email", "a@b.example")], key)
    refused(d.send("POST", "/v1/customers", [("email", "c@d.example")], key), 400, type="idempotency_error")


@probe("lists page by limit and starting_after, newest first")
def _(d):
    ids = [d.post("/v1/customers", [("name", f"n{n}")])["id"] for n in range(3)]
    page = d.get("/v1/customers", [("limit", 2)])
    assert [c["id"] for c in page["data"]] == ids[:0:-1] and page["has_more"] is True, "not the newest two"
    page = d.get("/v1/customers", [("limit", 1), ("starting_after", page["data"][1]["id"])])
    assert page["data"][0]["id"] == ids[0]


@probe("expand[] reaches two levels")
def _(d):
    intent = d.pay(more=[("expand[]", "latest_charge.balance_transaction")])
    assert intent["latest_charge"]["balance_transaction"]["fee"] > 0


@probe("metadata is unset by an empty string")
def _(d):
    made = d.post("/v1/customers", [("metadata[a]", "1"), ("metadata[b]", "2")])["id"]
    assert d.post(f"/v1/customers/{made}", [("metadata[a]", "")])["metadata"] == {"b": "2"}


@probe("events are listed")
def _(d):
    d.post("/v1/customers", [("name", "Ada")])
    assert any(e["type"] == "customer.created" for e in d.get("/v1/events")["data"])


@probe("a decline is 402 with decline_code and the intent inside")
def _(d):
    answer = d.send("POST", "/v1/payment_intents", [("amount", 1000), ("currency", "usd"), ("confirm", "true"), ("payment_method", "pm_card_chargeDeclinedInsufficientFunds"), ("payment_method_types[]", "card")])
    refused(answer, 402, code="card_declined", decline_code="insufficient_funds")
    assert answer.error["payment_intent"]["status"] == "requires_payment_method"


@probe("3-D Secure: requires_action with a page to go to")
def _(d):
    intent = d.pay(method="pm_card_authenticationRequired", more=[("return_url", "https://shop.example/back")])
    assert intent["status"] == "requires_action"
    page = urllib.request.urlopen(intent["next_action"]["redirect_to_url"]["url"], timeout=10)
    assert page.status == 200


@probe("manual capture, in part")
def _(d):
    intent = d.pay(more=[("capture_method", "manual")])
    assert intent["status"] == "requires_capture"
    taken = d.post(f"/v1/payment_intents/{intent['id']}/capture", [("amount_to_capture", 600)])
    assert taken["amount_received"] == 600


@probe("a saved card is charged off session")
def _(d):
    customer = d.post("/v1/customers", [("name", "Ada")])["id"]
    method = d.post("/v1/payment_methods/pm_card_visa/attach", [("customer", customer)])["id"]
    assert d.pay(method=method, more=[("customer", customer), ("off_session", "true")])["status"] == "succeeded"


@probe("a setup intent saves a card")
def _(d):
    customer = d.post("/v1/customers", [("name", "Ada")])["id"]
    setup = d.post("/v1/setup_intents", [("customer", customer), ("confirm", "true"), ("payment_method", "pm_card_visa"), ("payment_method_types[]", "card")])
    assert setup["status"] == "succeeded"
    assert d.get("/v1/payment_methods", [("customer", customer), ("type", "card")])["data"]


@probe("a refund in part, and none beyond the charge")
def _(d):
    intent = d.pay()
    assert d.post("/v1/refunds", [("payment_intent", intent["id"]), ("amount", 400)])["status"] == "succeeded"
    assert d.send("POST", "/v1/refunds", [("payment_intent", intent["id"]), ("amount", 700)]).status == 400


@probe("the balance is the sum of its transactions")
def _(d):
    account = d.seller()
    d.pay(account)
    balance = d.get("/v1/balance", account=account)
    whole = sum(b["amount"] for b in balance["available"] + balance["pending"])
    assert whole == sum(t["net"] for t in d.get("/v1/balance_transactions", [("limit", 100)], account)["data"]) > 0


@probe("a dispute card takes the money and opens a dispute")
def _(d):
    intent = d.pay(method="pm_card_createDispute")
    dispute = d.get("/v1/disputes", [("payment_intent", intent["id"])])["data"][0]
    assert dispute["status"] == "needs_response" and dispute["balance_transactions"][0]["amount"] == -1000


@probe("a dispute is won with Stripe's test evidence")
def _(d):
    intent = d.pay(method="pm_card_createDispute")
    dispute = d.get("/v1/disputes", [("payment_intent", intent["id"])])["data"][0]["id"]
    d.post(f"/v1/disputes/{dispute}", [("evidence[uncategorized_text]", "winning_evidence"), ("submit", "true")])
    if d.get(f"/v1/disputes/{dispute}")["status"] != "won":
        d.control("/clock/advance", {"seconds": 86400 * 3})
    assert d.get(f"/v1/disputes/{dispute}")["status"] == "won"


@probe("a bank debit is processing and decided later")
def _(d):
    body = [("amount", 1000), ("currency", "eur"), ("confirm", "true"), ("payment_method_types[]", "sepa_debit"), ("payment_method_data[type]", "sepa_debit"), ("payment_method_data[sepa_debit][iban]", "DE89370400440532013000"), ("payment_method_data[billing_details][name]", "Ada"), ("payment_method_data[billing_details][email]", "a@b.example"), ("mandate_data[customer_acceptance][type]", "offline")]
    intent = d.post("/v1/payment_intents", body)
    assert intent["status"] == "processing"
    d.control("/clock/advance", {"seconds": 86400 * 6})
    assert d.get(f"/v1/payment_intents/{intent['id']}")["status"] == "succeeded"


@probe("a zero-decimal currency")
def _(d):
    intent = d.post("/v1/payment_intents", [("amount", 1000), ("currency", "jpy"), ("confirm", "true"), ("payment_method", "pm_card_visa"), ("payment_method_types[]", "card")])
    assert intent["status"] == "succeeded" and intent["currency"] == "jpy"


@probe("an amount below the currency's minimum is refused")
def _(d):
    refused(d.send("POST", "/v1/payment_intents", [("amount", 10), ("currency", "usd")]), 400, code="amount_too_small")


@probe("Connect: an account with controller properties and requirements")
def _(d):
    account = d.post("/v1/accounts", [("controller[fees][payer]", "account"), ("controller[losses][payments]", "stripe"), ("controller[stripe_dashboard][type]", "full")])
    assert account["charges_enabled"] is False and account["requirements"]["currently_due"]
    assert account["controller"]["fees"]["payer"] == "account"


@probe("Connect: a hosted onboarding page behind an account link")
def _(d):
    account = d.post("/v1/accounts", [("country", "US"), ("type", "express")])["id"]
    link = d.post("/v1/account_links", [("account", account), ("type", "account_onboarding"), ("refresh_url", "https://a.example"), ("return_url", "https://a.example")])
    page = urllib.request.urlopen(link["url"], timeout=10)
    assert page.status == 200 and b"<form" in page.read()


@probe("Connect: onboarding makes an account chargeable")
def _(d):
    account = d.get(f"/v1/accounts/{d.seller()}")
    assert account["charges_enabled"] is True and account["requirements"]["currently_due"] == []


@probe("Connect: objects of an account are 404 on another")
def _(d):
    account = d.seller()
    made = d.post("/v1/customers", [("name", "Ada")], account)["id"]
    d.get(f"/v1/customers/{made}", account=account)
    refused(d.send("GET", f"/v1/customers/{made}"), 404, code="resource_missing")


@probe("Connect: an unknown account is 403 account_invalid")
def _(d):
    refused(d.send("GET", "/v1/customers", None, {"Stripe-Account": "acct_none"}), 403, code="account_invalid")


@probe("Connect: a direct charge pays seller, platform and Stripe")
def _(d):
    account = d.seller()
    charge = d.pay(account, 10_000, more=[("application_fee_amount", 1000), ("expand[]", "latest_charge.balance_transaction")])["latest_charge"]
    kinds = {f["type"]: f["amount"] for f in charge["balance_transaction"]["fee_details"]}
    assert kinds["application_fee"] == 1000 and kinds["stripe_fee"] > 0
    assert d.get("/v1/application_fees", [("charge", charge["id"])])["data"][0]["amount"] == 1000


@probe("Connect: refund_application_fee gives its share back")
def _(d):
    account = d.seller()
    intent = d.pay(account, 10_000, more=[("application_fee_amount", 1000)])
    d.post("/v1/refunds", [("payment_intent", intent["id"]), ("amount", 5000), ("refund_application_fee", "true")], account)
    charge = d.get(f"/v1/payment_intents/{intent['id']}", account=account)["latest_charge"]
    assert d.get("/v1/application_fees", [("charge", charge)])["data"][0]["amount_refunded"] == 500


@probe("Connect: a destination charge and its transfer")
def _(d):
    intent = d.pay(None, 10_000, more=[("transfer_data[destination]", d.seller()), ("application_fee_amount", 1000), ("expand[]", "latest_charge")])
    assert d.get(f"/v1/transfers/{intent['latest_charge']['transfer']}")["amount"] == 10_000


@probe("Connect: a transfer and its reversal")
def _(d):
    d.pay(None, 50_000, "pm_card_bypassPending")
    transfer = d.post("/v1/transfers", [("amount", 1000), ("currency", "usd"), ("destination", d.seller())])
    assert d.post(f"/v1/transfers/{transfer['id']}/reversals", [("amount", 400)])["amount"] == 400


@probe("Connect: a payout comes by itself and equals its items")
def _(d):
    account = d.seller()
    d.pay(account)
    d.control("/clock/advance", {"seconds": 86400 * 8})
    payout = d.get("/v1/payouts", None, account)["data"][0]
    items = d.get("/v1/balance_transactions", [("payout", payout["id"]), ("limit", 100)], account)["data"]
    assert sum(t["net"] for t in items if t["type"] != "payout") == payout["amount"]


class Hook(http.server.BaseHTTPRequestHandler):
    got = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.path, self.headers.get("Stripe-Signature"), body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def hooks(d):
    """A platform's and a Connect endpoint, their secrets, and what they got."""
    if "hooks" not in d.made:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{id(d)}"
        d.made["hooks"] = {
            name: d.post("/v1/webhook_endpoints", [("url", f"{url}/{name}"), ("enabled_events[]", "*"), ("connect", connect)])["secret"]
            for name, connect in (("platform", "false"), ("connect", "true"))
        }
    return d.made["hooks"]


def heard(d, name, want, patience=4):
    until = time.time() + patience
    while time.time() < until:
        for path, signature, body in list(Hook.got):
            if path == f"/{id(d)}/{name}" and want(json.loads(body)):
                return signature, body
        time.sleep(0.05)
    raise AssertionError("not heard")


def verify(signature, body, secret):
    parts = dict(part.split("=", 1) for part in signature.split(","))
    want = hmac.new(secret.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert want in signature and abs(time.time() - int(parts["t"])) < 300, "wrong signature"


@probe("a webhook endpoint hears of the platform, signed")
def _(d):
    secret = hooks(d)["platform"]
    made = d.post("/v1/customers", [("name", "Ada")])["id"]
    verify(*heard(d, "platform", lambda e: e["data"]["object"].get("id") == made), secret)


@probe("Connect: a Connect endpoint hears of accounts, with `account`")
def _(d):
    secret, account = hooks(d)["connect"], d.seller()
    made = d.post("/v1/customers", [("name", "Ada")], account)["id"]
    verify(*heard(d, "connect", lambda e: e["data"]["object"].get("id") == made and e["account"] == account), secret)


@probe("Connect: the platform's endpoint doesn't hear of accounts")
def _(d):
    hooks(d)
    account = d.seller()
    made = d.post("/v1/customers", [("name", "Ada")], account)["id"]
    heard(d, "connect", lambda e: e["data"]["object"].get("id") == made)
    assert not any(p.endswith("/platform") and made.encode() in body for p, _, body in Hook.got)


def session(d, *more, account=None):
    params = [("mode", "payment"), ("success_url", "https://shop.example/ok"), ("line_items[0][price_data][currency]", "usd"), ("line_items[0][price_data][unit_amount]", 2000), ("line_items[0][price_data][product_data][name]", "Tea"), ("line_items[0][quantity]", 1), *more]
    return d.post("/v1/checkout/sessions", params, account)


@probe("Checkout: a hosted page that takes a card")
def _(d):
    made = session(d)
    page = urllib.request.urlopen(made["url"], timeout=10).read().decode()
    assert "<form" in page, "no form"
    form = urllib.parse.urlencode({"email": "ada@shop.example", "card": "4242424242424242", "method": "card"}).encode()
    try:
        urllib.request.urlopen(made["url"], data=form, timeout=10)
    except (urllib.error.URLError, OSError):
        pass  # the shop's own page, which isn't there
    assert d.get(f"/v1/checkout/sessions/{made['id']}")["payment_status"] == "paid"


@probe("Checkout: on a connected account, with an application fee")
def _(d):
    made = session(d, ("payment_intent_data[application_fee_amount]", 200), account=d.seller())
    assert made["status"] == "open" and made["amount_total"] == 2000


@probe("Checkout: a session is expired and says so")
def _(d):
    made = session(d)
    assert d.post(f"/v1/checkout/sessions/{made['id']}/expire")["status"] == "expired"


@probe("a promotion code takes its part off")
def _(d):
    coupon = d.post("/v1/coupons", [("percent_off", 25), ("duration", "once")])["id"]
    code = d.post("/v1/promotion_codes", [("promotion[type]", "coupon"), ("promotion[coupon]", coupon)])["id"]
    assert session(d, ("discounts[0][promotion_code]", code))["amount_total"] == 1500


@probe("a subscription renews over a test clock from 31 January")
def _(d):
    clock = d.post("/v1/test_helpers/test_clocks", [("frozen_time", 1_801_353_600)])["id"]
    customer = d.post("/v1/customers", [("test_clock", clock)])["id"]
    method = d.post("/v1/payment_methods/pm_card_visa/attach", [("customer", customer)])["id"]
    product = d.post("/v1/products", [("name", "Tea")])["id"]
    price = d.post("/v1/prices", [("product", product), ("currency", "usd"), ("unit_amount", 1500), ("recurring[interval]", "month")])["id"]
    made = d.post("/v1/subscriptions", [("customer", customer), ("items[0][price]", price), ("default_payment_method", method)])
    d.post(f"/v1/test_helpers/test_clocks/{clock}/advance", [("frozen_time", 1_803_772_800 + 7200)])
    invoices = d.get("/v1/invoices", [("subscription", made["id"])])["data"]
    assert [i["status"] for i in invoices] == ["paid", "paid"]


@probe("a billing portal session with a page")
def _(d):
    customer = d.post("/v1/customers", [("name", "Ada")])["id"]
    made = d.post("/v1/billing_portal/sessions", [("customer", customer), ("return_url", "https://shop.example")])
    assert urllib.request.urlopen(made["url"], timeout=10).status == 200


@probe("search finds by metadata")
def _(d):
    mark = f"m{time.time()}"
    made = d.post("/v1/customers", [("metadata[mark]", mark)])["id"]
    found = d.get("/v1/customers/search", [("query", f"metadata['mark']:'{mark}'")])["data"]
    assert [c["id"] for c in found] == [made]


@probe("a timeout after the work was done can be provoked, and the retry replays")
def _(d):
    d.control("/faults", {"method": "POST", "path_prefix": "/v1/customers", "kind": "commit_then_timeout", "times": 1})
    key = {"Idempotency-Key": f"k{time.time()}"}
    try:
        d.send("POST", "/v1/customers", [("name", "Once")], key)
        raise AssertionError("answered")
    except (urllib.error.URLError, OSError, http.client.HTTPException):
        pass
    again = d.send("POST", "/v1/customers", [("name", "Once")], key)
    assert again.headers.get("Idempotent-Replayed") == "true"


def main():
    columns = []
    for word in sys.argv[1:]:
        name, base = word.split("=", 1)
        double, results = Double(base.rstrip("/")), []
        for _, function in PROBES:
            try:
                function(double)
                results.append((True, ""))
            except Exception as error:  # whatever is wrong with a double is an answer
                results.append((False, f"{type(error).__name__}: {error}"[:110]))
        columns.append((name, results))
    print("| behaviour | " + " | ".join(name for name, _ in columns) + " |")
    print("| --- |" + " --- |" * len(columns))
    for at, (text, _) in enumerate(PROBES):
        print(f"| {text} | " + " | ".join("yes" if results[at][0] else "–" for _, results in columns) + " |")
    print(f"| **of {len(PROBES)}** | " + " | ".join(f"**{sum(ok for ok, _ in results)}**" for _, results in columns) + " |")
    for name, results in columns:
        for (text, _), (ok, why) in zip(PROBES, results):
            if not ok:
                print(f"{name}: {text}: {why}", file=sys.stderr)
    # The first is the one that is to have them all.
    sys.exit(not all(ok for ok, _ in columns[0][1]))


main()
