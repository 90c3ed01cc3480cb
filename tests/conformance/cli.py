#!/usr/bin/env python3
"""Runs the official Stripe CLI against the simulator, end to end.

usage: cli.py SOUK_SIMULATOR [STRIPE_CLI [LOG]]

SOUK_SIMULATOR is the built binary; STRIPE_CLI the CLI's own, else npm's `@stripe/cli` is installed into a folder that
is thrown away; LOG is where the simulator writes down requests and answers. `stripe get`, `post` and `delete`; `stripe listen` with a door for the
platform's events and one for those of connected accounts; `stripe trigger` for every event that a marketplace
handles, each of which must arrive at its door, signed with the secret that `stripe listen --print-secret` tells.

Exit code 0: all of it worked; 77: there is no CLI and npm couldn't install it; 1: the rest.
"""
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

VERSION = "1.52.0"
KEY = "sk_test_conformance_cli"
PATIENCE = 15

# What is triggered, and the event to wait for where it has another name. (`transfer.*` isn't here: its fixture pays
# an account that has asked for no capability, which present versions of the API refuse.)
TRIGGERS = {
    "account.updated": "",
    "account.application.deauthorized": "",
    "balance.available": "",
    "charge.captured": "",
    "charge.dispute.closed": "",
    "charge.dispute.created": "",
    "charge.dispute.updated": "",
    "charge.failed": "",
    "charge.refund.updated": "",
    "charge.refunded": "",
    "charge.succeeded": "",
    "checkout.session.async_payment_failed": "",
    "checkout.session.async_payment_succeeded": "",
    "checkout.session.completed": "",
    "checkout.session.expired": "",
    "coupon.created": "",
    "coupon.deleted": "",
    "coupon.updated": "",
    "customer.created": "",
    "customer.deleted": "",
    "customer.subscription.created": "",
    "customer.subscription.deleted": "",
    "customer.subscription.paused": "",
    "customer.subscription.trial_will_end": "",
    "customer.subscription.updated": "",
    "customer.updated": "",
    "invoice.created": "",
    "invoice.deleted": "",
    "invoice.finalized": "",
    "invoice.marked_uncollectible": "",
    "invoice.paid": "",
    "invoice.payment_action_required": "",
    "invoice.payment_failed": "",
    "invoice.sent": "",
    "invoice.updated": "",
    "invoice.voided": "",
    "payment_intent.amount_capturable_updated": "",
    "payment_intent.canceled": "",
    "payment_intent.created": "",
    "payment_intent.payment_failed": "",
    "payment_intent.processing": "",
    "payment_intent.requires_action": "",
    "payment_intent.succeeded": "",
    "payment_method.attached": "",
    "payment_method.detached": "",
    "payout.created": "",
    "payout.updated": "",
    "price.created": "",
    "price.updated": "",
    "product.created": "",
    "product.deleted": "",
    "product.updated": "",
    "promotion_code.created": "",
    "promotion_code.updated": "",
    "setup_intent.canceled": "",
    "setup_intent.created": "",
    "setup_intent.requires_action": "",
    "setup_intent.setup_failed": "",
    "setup_intent.succeeded": "",
    "subscription.payment_failed": "invoice.payment_failed",
    "subscription.payment_succeeded": "invoice.payment_succeeded",
    "test_helpers.test_clock.created": "",
    "test_helpers.test_clock.deleted": "",
    "test_helpers.test_clock.ready": "",
    "topup.created": "",
}
# Of these the account says so at the door for connected accounts.
CONNECT = {"account.updated", "account.application.deauthorized"}


class Doors(http.server.ThreadingHTTPServer):
    """Takes what `stripe listen` forwards."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Door)
        self.got = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def wait(self, since, door, kind):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for path, _, body in self.got[since:]:
                event = json.loads(body)
                if path == door and event["type"] == kind:
                    return event
            time.sleep(0.02)
        return None


class Door(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path, self.headers["stripe-signature"], body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def find_cli(folder):
    if len(sys.argv) > 2:
        if os.access(sys.argv[2], os.X_OK):
            return sys.argv[2]
        print(f"skipped: there is no Stripe CLI at {sys.argv[2]}")
        sys.exit(77)
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, f"@stripe/cli@{VERSION}"]
    try:
        subprocess.run(npm, check=True, capture_output=True, timeout=180)
    except (OSError, subprocess.SubprocessError) as why:
        print(f"skipped: the Stripe CLI can't be installed ({why})")
        sys.exit(77)
    found = [p for p in pathlib.Path(folder).glob("node_modules/@stripe/cli-*/bin/stripe*") if p.is_file()]
    if not found:
        print("skipped: npm has no Stripe CLI for this machine")
        sys.exit(77)
    return str(found[0])


class Cli:
    def __init__(self, binary, base, folder):
        self.binary, self.base = binary, base
        self.environment = {"HOME": folder, "PATH": os.environ["PATH"], "STRIPE_CLI_TELEMETRY_OPTOUT": "1"}

    def command(self, *words):
        return [self.binary, *words, "--api-base", self.base, "--api-key", KEY]

    def run(self, *words):
        done = subprocess.run(
            self.command(*words), env=self.environment, capture_output=True, text=True, timeout=60, input="y\n"
        )
        return done.returncode, done.stdout, done.stderr

    def ask(self, *words):
        code, out, err = self.run(*words)
        if code:
            raise SystemExit(f"stripe {' '.join(words)}: {out}{err}")
        return json.loads(out)


def check(what, is_so):
    if not is_so:
        raise SystemExit(f"cli: not so: {what}")


def requests(cli):
    made = cli.ask("post", "/v1/accounts", "-d", "type=standard", "-d", "metadata[from]=cli")
    check("post makes an account", made["object"] == "account" and made["metadata"] == {"from": "cli"})
    got = cli.ask("get", f"/v1/accounts/{made['id']}")
    check("get reads it back", got["id"] == made["id"])
    listed = cli.ask("get", "/v1/accounts", "--limit", "1")
    check("lists take a limit", len(listed["data"]) == 1)
    hook = cli.ask("post", "/v1/webhook_endpoints", "-d", "url=https://x.example/a", "-d", "enabled_events[]=*")
    gone = cli.ask("delete", f"/v1/webhook_endpoints/{hook['id']}", "--confirm")
    check("delete deletes", gone["deleted"] is True)
    _, out, err = cli.run("get", "/v1/charges/ch_nothing")
    check("errors are told", "resource_missing" in out + err)
    return made["id"]


def verify(got, secret):
    for _, header, body in got:
        signed = dict(part.split("=", 1) for part in header.split(","))
        expected = hmac.new(secret.encode(), f"{signed['t']}.".encode() + body, hashlib.sha256).hexdigest()
        check("signatures are made with the printed secret", hmac.compare_digest(expected, signed["v1"]))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="simulator-cli.") as folder:
        binary = find_cli(folder)
        simulator = subprocess.Popen(
            [sys.argv[1], "--listen", "127.0.0.1:0", *(["--log", sys.argv[3]] if len(sys.argv) > 3 else [])],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        listener = None
        try:
            base = re.search(r"http://\S+", simulator.stdout.readline())[0]
            cli = Cli(binary, base, folder)
            account = requests(cli)
            _, secret, _ = cli.run("listen", "--print-secret")
            secret = secret.strip()
            check("listen --print-secret prints one", secret.startswith("whsec_"))
            doors = Doors()
            words = ["--forward-to", doors.url("/platform"), "--forward-connect-to", doors.url("/connect")]
            listener = subprocess.Popen(
                cli.command("listen", "--all-snapshot", "--skip-update", *words),
                env=cli.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )
            for line in listener.stderr:
                if "Ready!" in line:
                    check("the secret stays the same", secret in line)
                    break
            threading.Thread(target=listener.stderr.read, daemon=True).start()
            faults = triggers(cli, doors)
            faults += on_account(cli, doors, account)
            verify(doors.got, secret)
        finally:
            for process in (listener, simulator):
                if process:
                    process.terminate()
                    process.wait()
    for fault in faults:
        print(fault)
    print(f"cli: {len(TRIGGERS)} triggers, {len(doors.got)} events forwarded and verified, {len(faults)} faults")
    sys.exit(1 if faults else 0)


def triggers(cli, doors):
    faults = []
    for name, other in TRIGGERS.items():
        since = len(doors.got)
        code, out, err = cli.run("trigger", name)
        if code:
            said = re.search(r'"message":"((?:[^"\\]|\\.)*)"', out + err)
            faults.append(f"trigger {name}: {said[1] if said else out + err}")
            continue
        door = "/connect" if name in CONNECT else "/platform"
        if doors.wait(since, door, other or name) is None:
            came = sorted({json.loads(body)["type"] for _, _, body in doors.got[since:]})
            faults.append(f"trigger {name}: no such event came; there came {', '.join(came) or 'nothing'}")
    return faults


def on_account(cli, doors, account):
    """An event of a connected account goes to its own door, and once more when it is asked for."""
    since = len(doors.got)
    cli.ask("post", "/v1/coupons", "-d", "percent_off=10", "--stripe-account", account)
    event = doors.wait(since, "/connect", "coupon.created")
    if event is None or event.get("account") != account:
        return ["an event of a connected account didn't come to the door for them"]
    since = len(doors.got)
    cli.run("events", "resend", event["id"])
    again = doors.wait(since, "/connect", "coupon.created")
    return [] if again == event else ["events resend didn't send the event again"]


main()
