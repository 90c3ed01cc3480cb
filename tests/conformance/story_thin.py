#!/usr/bin/env python3
"""One story of event destinations and thin events told with PyPI `stripe`; story_thin.mjs tells the same with npm `stripe`.

usage: story_thin.py BASE_URL

A destination is made, mended, pinged, disabled, enabled and deleted. What it gets meanwhile is verified and parsed by the
client, which fetches the event and the account that it is about. Prints what it came to, without ids, as one line of JSON.
"""
import json
import queue
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import stripe

BASE = sys.argv[1]
client = stripe.StripeClient("sk_test_story_0123456789", base_addresses={"api": BASE}, max_network_retries=0)
destinations, events, accounts = client.v2.core.event_destinations, client.v2.core.events, client.v2.core.accounts
# The simulator's clock stands still, so its signatures grow old.
TOLERANCE = 10 * 365 * 86_400
received = queue.Queue()


class Endpoint(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        received.put((body, self.headers["Stripe-Signature"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def control(path, body):
    """What only a simulator can do."""
    request = urllib.request.Request(BASE + "/_simulator" + path, data=json.dumps(body).encode(), method="POST")
    return json.load(urllib.request.urlopen(request))


def refused(call):
    """How an error looks in the client."""
    try:
        call()
    except stripe.StripeError as error:
        return type(error).__name__
    raise AssertionError("an error was expected")


def main():
    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = destinations.create({
        "name": "Accounts", "type": "webhook_endpoint", "event_payload": "thin", "events_from": ["@accounts"],
        "enabled_events": ["v2.core.account[requirements].updated"],
        "webhook_endpoint": {"url": f"http://127.0.0.1:{server.server_port}/"},
        "include": ["webhook_endpoint.signing_secret"],
    })
    secret = made.webhook_endpoint.signing_secret
    types = ["v2.core.account[requirements].updated", "v2.core.account.closed"]
    mended = destinations.update(made.id, {"enabled_events": types, "metadata": {"shop": "7"}})
    seller = accounts.create({
        "contact_email": "mira@example.com", "dashboard": "full", "identity": {"country": "de"},
        "defaults": {"responsibilities": {"fees_collector": "stripe", "losses_collector": "stripe"}},
        "configuration": {"merchant": {"capabilities": {"card_payments": {"requested": True}}}},
    }).id
    control("/events/drop_pending", {})
    control(f"/accounts/{seller}/onboard", {})
    control("/events/deliver_pending", {})
    told = set()
    while not received.empty():
        body, signature = received.get()
        notification = client.parse_event_notification(body, signature, secret, TOLERANCE)
        event, account = notification.fetch_event(), notification.fetch_related_object()
        assert event.id == notification.id and account.id == seller == notification.related_object.id
        told.add((notification.type, event.object, account.object, notification.livemode))
        forged = refused(lambda: client.parse_event_notification(body, signature, "whsec_other", TOLERANCE))
    listed = [event.type for event in events.list({"types": types, "limit": 100}).auto_paging_iter()]
    ping = destinations.ping(made.id)
    control("/events/deliver_pending", {})
    pinged = client.parse_event_notification(*received.get(timeout=10), secret, TOLERANCE)
    assert pinged.id == ping.id
    statuses = [destinations.disable(made.id).status, destinations.enable(made.id).status]
    count = len(list(destinations.list({}).auto_paging_iter()))
    gone = destinations.delete(made.id)
    assert gone.id == made.id
    missing = refused(lambda: destinations.retrieve(made.id))
    print(json.dumps({
        "made": [made.event_payload, made.events_from, made.status, made.type], "mended": [mended.enabled_events, mended.metadata.to_dict()],
        "told": sorted(list(one) for one in told), "forged": forged,
        "listed": sorted(set(listed)), "pinged": [ping.type, pinged.type], "statuses": statuses, "count": count, "missing": missing,
    }, sort_keys=True, separators=(",", ":")))


main()
