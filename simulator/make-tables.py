#!/usr/bin/env python3
"""Writes src/api/expands.txt and src/webhooks/types.txt from Stripe's OpenAPI description, and src/webhooks/thin_types.txt
from PyPI's stripe, which has to be installed: the description has no types of thin events.

usage: make-tables.py SPEC.json

expands.txt: what `expand[]` may name. A route and what it answers with, or an object and its fields that can be
expanded, each with what stands there; `[]charge` is a list of charges, `a,b` either.
types.txt: the event types an endpoint can ask for, and the API versions.
"""
import json
import re
import sys

LEVELS = 4


def name(ref):
    return ref.rsplit("/", 1)[1]


def targets(spec, schema):
    """The objects that can stand where a schema does."""
    if "$ref" in schema:
        inner = spec["components"]["schemas"][name(schema["$ref"])]
        if "anyOf" in inner and "properties" not in inner:
            return targets(spec, inner)
        return {name(schema["$ref"])}
    out = set()
    if schema.get("type") == "object" and "data" in schema.get("properties", {}):
        return {"[]" + t for t in targets(spec, schema["properties"]["data"]["items"])}
    if schema.get("type") == "array":
        return targets(spec, schema["items"])
    for key in ("anyOf", "oneOf"):
        for inner in schema.get(key, []):
            out |= targets(spec, inner)
    if "x-expansionResources" in schema:
        out |= targets(spec, schema["x-expansionResources"])
    return out


def main():
    spec = json.load(open(sys.argv[1]))
    schemas = spec["components"]["schemas"]
    added = json.load(open("../tests/conformance/overlay.json"))["operations"]
    routes, level = [], set()
    for line in open("src/shapes.txt"):
        found = re.match(r"(GET|POST|DELETE) (\S+)", line)
        if not found:
            continue
        described = added.get(f"{found[1]} {found[2]}", {}).get("as", f"{found[1]} {found[2]}")
        method, path = described.split(" ")
        answer = spec["paths"][path][method.lower()]["responses"]["200"]["content"]
        if "application/json" not in answer:
            continue
        what = targets(spec, answer["application/json"]["schema"])
        routes.append(f"{found[1]} {found[2]} {','.join(sorted(what))}")
        level |= {t.removeprefix("[]") for t in what}
    objects = {}
    for _ in range(LEVELS):
        following = set()
        for schema in level - set(objects):
            fields = {}
            for field in schemas[schema].get("x-expandableFields", []):
                if field in schemas[schema].get("properties", {}):
                    fields[field] = targets(spec, schemas[schema]["properties"][field])
                    following |= {t.removeprefix("[]") for t in fields[field]}
            objects[schema] = fields
        level = following
    with open("src/api/expands.txt", "w") as out:
        out.write("# Written by make-tables.py from Stripe's OpenAPI description.\n")
        for route in routes:
            out.write(route + "\n")
        for schema, fields in sorted(objects.items()):
            words = [f + ("=" + ",".join(sorted(t)) if t else "") for f, t in sorted(fields.items())]
            if words:
                out.write(f"{schema} {' '.join(words)}\n")
    body = spec["paths"]["/v1/webhook_endpoints"]["post"]["requestBody"]["content"]
    properties = body["application/x-www-form-urlencoded"]["schema"]["properties"]
    with open("src/webhooks/types.txt", "w") as out:
        out.write("# Written by make-tables.py from Stripe's OpenAPI description.\n")
        for kind in properties["enabled_events"]["items"]["enum"]:
            out.write(kind + "\n")
        for version in properties["api_version"]["enum"]:
            if version:
                out.write(f"version {version}\n")
    from stripe.events import _event_classes

    classes = open(_event_classes.__file__).read()
    with open("src/webhooks/thin_types.txt", "w") as out:
        out.write("# Written by make-tables.py from the event classes of PyPI's stripe.\n")
        for kind in sorted(set(re.findall(r'^\s+"(v[12]\.[^"]+)"', classes, re.M))):
            out.write(kind + "\n")


main()
