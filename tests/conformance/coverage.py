#!/usr/bin/env python3
"""Writes simulator/COVERAGE.md: which of Stripe's operations the simulator has.

usage: coverage.py SPEC.json ROUTES > COVERAGE.md

ROUTES is what `souk-simulator --routes` prints.
"""
import collections
import json
import pathlib
import re
import sys

HEAD = """# Which of Stripe's operations the simulator has

Written by tests/conformance/coverage.py from Stripe's OpenAPI description ({version}), what
tests/conformance/overlay.json adds to it, and `souk-simulator --routes`; `./test conformance` fails when it is stale. An operation stands under the
first noun of its path, in `/v2` with its namespace and group. What isn't supported is answered as Stripe answers an unknown address: 404
`Unrecognized request URL`.
"""


def main():
    spec = json.load(open(sys.argv[1]))
    bare = lambda path: re.sub(r"\{\w+\}", "{}", path)
    have = {tuple(bare(line.strip()).split(" ")) for line in open(sys.argv[2]) if line.strip()}
    for route in json.load(open(pathlib.Path(__file__).with_name("overlay.json")))["operations"]:
        method, path = route.split(" ")
        spec["paths"].setdefault(path, {})[method.lower()] = {}
    nouns = collections.defaultdict(list)
    for path, operations in spec["paths"].items():
        parts = path.split("/")
        noun = parts[2] if parts[1] == "v1" else "/".join(parts[1:4])
        for method in ("post", "get", "delete"):
            if method in operations:
                nouns[noun].append((method.upper(), path, (method.upper(), bare(path)) in have))
    known = {(m, bare(p)) for rows in nouns.values() for m, p, _ in rows}
    for strange in sorted(have - known):
        sys.exit(f"not in Stripe's description: {' '.join(strange)}")
    print(HEAD.format(version=spec["info"]["version"]))
    done, whole = len(have), len(known)
    print(f"**{done} of {whole} operations; of the {sum(any(r[2] for r in rows) for rows in nouns.values())} nouns below, all but what is named as missing.**\n")
    print("| noun | supported | missing |\n| --- | --- | --- |")
    for noun, rows in sorted(nouns.items()):
        if any(row[2] for row in rows):
            missing = [f"`{m} {p.removeprefix('/v1')}`" for m, p, ok in rows if not ok]
            print(f"| {noun} | {len(rows) - len(missing)} of {len(rows)} | {', '.join(missing)} |")
    absent = [f"{noun} ({len(rows)})" for noun, rows in sorted(nouns.items()) if not any(r[2] for r in rows)]
    print(f"\nNot simulated at all, with their operations: {', '.join(absent)}.\n")
    print("## Every supported operation\n")
    for noun, rows in sorted(nouns.items()):
        for method, path, ok in sorted(rows, key=lambda r: (r[1], r[0])):
            if ok:
                print(f"- `{method} {path}`")


main()
