#!/usr/bin/env python3
"""Compares the posting map of the ledger with what Stripe lists: each type and each reporting category has an account.

usage: categories.py SPEC.json STRIPE_SDIST POSTING.rs

The types come from the newest official client, the categories from Stripe's description (the parameter
`reporting_category` of a report). Exits with 1 when the map misses one.
"""
import json
import pathlib
import re
import sys


def enums(value, name):
    """All `enum`s of a property or parameter of this name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name and isinstance(inner, dict) and "enum" in inner:
                yield from inner["enum"]
            yield from enums(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from enums(inner, name)


def main():
    spec, sdist, posting = sys.argv[1:]
    categories = set(enums(json.load(open(spec)), "reporting_category"))
    found = list(pathlib.Path(sdist).glob("**/stripe/_balance_transaction.py"))
    client = found[0].read_text() if found else ""
    listed = re.search(r"\n    type: Union\[\s*Literal\[(.*?)\]", client, re.S) or re.search(
        r"\n    type: Literal\[(.*?)\]", client, re.S
    )
    types = set(re.findall(r'"([a-z_]+)"', listed[1])) if listed else set()
    if len(types) < 40 or len(categories) < 30:
        sys.exit(f"{len(types)} types and {len(categories)} categories were found, which is too few")
    code = pathlib.Path(posting).read_text().split("#[cfg(test)]")[0]
    known = set(re.findall(r'"([a-z_]+)"', code))
    missing = sorted((types | categories) - known)
    print(f"posting: {len(types)} types and {len(categories)} reporting categories, {len(missing)} of them unknown")
    for name in missing:
        print(f"  {name} has no account in {posting}")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
