#!/usr/bin/env python3
"""Holds logged answers of the simulator against Stripe's OpenAPI description.

usage: validate.py SPEC.json LOG…

LOG is what `souk-simulator --log FILE` (or a test run with SIMULATOR_LOG=FILE) has written. Every
answer must have what the description requires and nothing it doesn't know. Prints each distinct
fault once with how often it was seen; the exit code is 1 if there was any.
"""
import collections
import json
import re
import sys


def main():
    spec = json.load(open(sys.argv[1]))
    schemas = spec["components"]["schemas"]
    faults, routes, answers = collections.Counter(), set(), 0

    def resolve(schema):
        while "$ref" in schema:
            schema = schemas[schema["$ref"].rsplit("/", 1)[-1]]
        return schema

    def check(value, schema, path):
        """The faults of a value, as texts; of alternatives those of the nearest."""
        schema = resolve(schema)
        if value is None:
            return [] if schema.get("nullable") else [f"{path}: null"]
        if "anyOf" in schema:
            return min((check(value, s, path) for s in schema["anyOf"]), key=len)
        out = []
        kind = {"string": str, "integer": int, "boolean": bool, "number": (int, float), "array": list, "object": dict}.get(schema.get("type"))
        if kind and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            return [f"{path}: {type(value).__name__} is not {schema['type']}"] * 50
        if "enum" in schema and value not in schema["enum"]:
            # `object` says which alternative was meant.
            out += [f"{path}: {value!r} is not among the enum's values"] * (50 if path.endswith(".object") else 1)
        if isinstance(value, list):
            for item in value:
                out += check(item, schema.get("items", {}), path + "[]")
        if isinstance(value, dict) and "properties" in schema:
            out += [f"{path}.{name}: required, missing" for name in schema.get("required", []) if name not in value]
            for name, item in value.items():
                if name in schema["properties"]:
                    out += check(item, schema["properties"][name], f"{path}.{name}")
                elif not schema.get("additionalProperties"):
                    out.append(f"{path}.{name}: undocumented")
        return out

    # The route's own words for its ids may differ between description and simulator: compare without.
    bare = lambda path: re.sub(r"\{\w+\}", "{}", path)
    known = {(method.upper(), bare(path)): op for path, ops in spec["paths"].items() for method, op in ops.items() if isinstance(op, dict)}
    seen = set()
    for name in sys.argv[2:]:
        for line in open(name):
            if line in seen:
                continue
            seen.add(line)
            row = json.loads(line)
            if row["route"] is None or row["status"] is None:
                continue
            answers += 1
            where = f"{row['method']} {row['route']}"
            op = known.get((row["method"], bare(row["route"])))
            if op is None:
                faults[f"{where}: not in the description"] += 1
                continue
            routes.add(where)
            status = "200" if row["status"] == 200 else "default"
            schema = op["responses"][status]["content"]["application/json"]["schema"]
            for fault in set(check(row["answer"], schema, str(row["status"]))):
                faults[f"{where} {fault}"] += 1
    for fault, times in sorted(faults.items()):
        print(f"{times:6}× {fault}")
    print(f"{answers} answers of {len(routes)} routes, {len(faults)} distinct faults")
    sys.exit(bool(faults))


main()
