#!/usr/bin/env python3
"""Holds logged answers of the simulator against Stripe's OpenAPI description.

usage: validate.py SPEC.json [--routes ROUTES] LOG…

LOG is what `souk-simulator --log FILE` (or a test run with SIMULATOR_LOG=FILE) has written. Every
answer must have what the description requires and nothing it doesn't know; so must the object of every
event in it. In `/v2` what isn't required may be null, and an error must have what the description has for its
code. ROUTES is what `souk-simulator --routes` prints: each must have been answered 200 at least
once. Prints each distinct fault once with how often it was seen; the exit code is 1 if there was any.
`validate.py --self-test SPEC.json` shows that planted faults are found.
"""
import collections
import copy
import json
import pathlib
import re
import sys

PYTHON = {"string": str, "integer": int, "boolean": bool, "number": (int, float), "array": list, "object": dict}
# Alternatives are told apart by the fewest faults; a wrong type or another `object` weighs more.
HEAVY = 50


class Description:
    def __init__(self, spec):
        self.schemas = spec["components"]["schemas"]
        overlay = json.load(open(pathlib.Path(__file__).with_name("overlay.json")))
        self.absent = overlay["absent_in_events"]
        self.v2_errors = overlay["v2_errors"]
        self.never_200 = {tuple(route.split(" ")) for route in overlay["never_200"]}
        for name, change in overlay["schemas"].items():
            self.schemas[name]["properties"].update(change)
        self.operations = {
            (method.upper(), bare(path)): op for path, ops in spec["paths"].items() for method, op in ops.items() if isinstance(op, dict)
        }
        for route, like in overlay["operations"].items():
            self.operations[tuple(bare(route).split(" "))] = self.operations[tuple(bare(like["as"]).split(" "))]
        self.by_object = {}
        for name, schema in self.schemas.items():
            kind = schema.get("properties", {}).get("object", {}).get("enum", [])
            if len(kind) == 1 and not name.startswith("deleted_") and schema.get("x-resourceId"):
                self.by_object[kind[0]] = schema
        # No route answers with it; the events of an account that connects or leaves carry it.
        self.by_object["application"] = self.schemas["application"]

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rsplit("/", 1)[-1]]
        return schema

    def check(self, value, schema, path, optional_null=False):
        """The faults of a value, as texts; of alternatives those of the nearest. `optional_null`: whether what isn't required may be null."""
        schema = self.resolve(schema)
        if value is None:
            return [] if schema.get("nullable") else [f"{path}: null"]
        if "anyOf" in schema:
            return min((self.check(value, s, path, optional_null) for s in schema["anyOf"]), key=len)
        kind = PYTHON.get(schema.get("type"))
        if kind and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            return [f"{path}: {type(value).__name__} is not {schema['type']}"] * HEAVY
        out = []
        if "enum" in schema and value not in schema["enum"]:
            out += [f"{path}: {value!r} is not among the enum's values"] * (HEAVY if path.endswith(".object") else 1)
        if isinstance(value, list):
            for item in value:
                out += self.check(item, schema.get("items", {}), path + "[]", optional_null)
        if isinstance(value, dict) and "properties" in schema:
            out += [f"{path}.{name}: required, missing" for name in schema.get("required", []) if name not in value]
            for name, item in value.items():
                if item is None and optional_null and name in schema["properties"] and name not in schema.get("required", []):
                    continue
                if name in schema["properties"]:
                    out += self.check(item, schema["properties"][name], f"{path}.{name}", optional_null)
                elif not schema.get("additionalProperties"):
                    out.append(f"{path}.{name}: undocumented")
        return out

    def answer(self, operation, path, ok, answer):
        """The faults of an answer to an operation."""
        where, v2 = ("200" if ok else "default"), path.startswith("/v2/")
        schema = operation["responses"][where]["content"]["application/json"]["schema"]
        if v2 and not ok:
            named = [choice["$ref"].rsplit("/", 1)[-1] for choice in schema["oneOf"]]
            own = f"v2.error.{answer.get('error', {}).get('code')}"
            schema = copy.deepcopy(self.schemas[own if own in named else "v2.error"])
            schema["properties"]["error"]["properties"].update(self.v2_errors)
        return self.check(answer, schema, where, v2)

    def events(self, value):
        """The faults of the objects that events carry, wherever in an answer they stand."""
        if isinstance(value, list):
            return [fault for item in value for fault in self.events(item)]
        if not isinstance(value, dict):
            return []
        if value.get("object") != "event":
            return [fault for item in value.values() if isinstance(item, (dict, list)) for fault in self.events(item)]
        carried = value["data"]["object"]
        schema = self.by_object.get(carried.get("object"))
        if schema is None:
            return [f"event {value['type']}: carries a {carried.get('object')!r}"]
        if carried.get("deleted"):
            return []
        where = f"event {value['type']}"
        absent = {f"{where}.{name}: required, missing" for name in self.absent.get(value["type"], [])}
        return [fault for fault in self.check(carried, schema, where) if fault not in absent]


def without_given(value):
    """An answer without the balance transactions that a test gave the simulator, however odd."""
    if isinstance(value, dict):
        if str(value.get("id")).startswith("txn_given_"):
            return None
        return {name: without_given(item) for name, item in value.items()}
    if isinstance(value, list):
        return [kept for item in value if (kept := without_given(item)) is not None or item is None]
    return value


def bare(path):
    """The names of a path's ids may differ between description and simulator."""
    return re.sub(r"\{\w+\}", "{}", path)


def main():
    args = sys.argv[1:]
    if args[0] == "--self-test":
        return self_test(args[1])
    description = Description(json.load(open(args.pop(0))))
    wanted = set()
    if args[0] == "--routes":
        wanted = {tuple(bare(line.strip()).split(" ")) for line in open(args[1]) if line.strip()}
        args = args[2:]
    faults, answered, answers, seen = collections.Counter(), set(), 0, set()
    for name in args:
        for line in open(name):
            if hash(line) in seen:
                continue
            seen.add(hash(line))
            row = json.loads(line)
            if row["route"] is None or row["status"] is None:
                continue
            answers += 1
            key = (row["method"], bare(row["route"]))
            where = f"{row['method']} {row['route']}"
            operation = description.operations.get(key)
            if operation is None:
                faults[f"{where}: not in the description"] += 1
                continue
            ok = row["status"] == 200
            if ok:
                answered.add(key)
            answer = without_given(row["answer"])
            if answer is None:
                continue
            for fault in set(description.answer(operation, row["route"], ok, answer)):
                faults[f"{where} {fault}"] += 1
            for fault in set(description.events(answer)):
                faults[fault] += 1
    for method, path in sorted(wanted - answered - description.never_200):
        faults[f"{method} {path}: was never answered 200"] += 1
    for fault, times in sorted(faults.items()):
        print(f"{times:6}× {fault}")
    print(f"{answers} distinct answers of {len(answered)} routes, {len(faults)} distinct faults")
    sys.exit(bool(faults))


def self_test(spec):
    """A sound balance, and what must be found when it is spoilt."""
    description = Description(json.load(open(spec)))
    schema = description.by_object["balance"]
    line = {"amount": 1, "currency": "usd", "source_types": {"card": 1}}
    sound = {"object": "balance", "available": [line], "pending": [line], "livemode": False}
    spoil = {
        "missing": lambda v: v.pop("pending"),
        "undocumented": lambda v: v.update(colour="red"),
        "is not integer": lambda v: v["available"][0].update(amount="1"),
        "null": lambda v: v.update(livemode=None),
        "enum": lambda v: v.update(object="charge"),
    }
    assert description.check(sound, schema, "balance") == []
    for word, change in spoil.items():
        spoilt = copy.deepcopy(sound)
        change(spoilt)
        found = description.check(spoilt, schema, "balance")
        assert any(word in fault for fault in found), (word, found)
    account = {"id": "acct_1", "object": "v2.core.account", "applied_configurations": [], "created": "now", "livemode": False, "identity": None}
    schema = description.schemas["v2.core.account"]
    assert description.check(account, schema, "account", True) == []
    assert description.check({**account, "livemode": None}, schema, "account", True) == ["account.livemode: null"]
    operation = description.operations["POST", "/v2/core/accounts"]
    error = {"type": "invalid_request_error", "code": "email_invalid", "message": "No."}
    assert description.answer(operation, "/v2/core/accounts", False, {"error": error}) == ["default.error.user_message: required, missing"]
    event = {"object": "event", "type": "balance.available", "data": {"object": {"object": "balance"}}}
    assert any("missing" in fault for fault in description.events({"data": [event]}))
    print(f"{len(spoil) + 3} planted faults found")


main()
