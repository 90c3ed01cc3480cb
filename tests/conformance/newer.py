#!/usr/bin/env python3
"""Lists the fields that the newest official client knows of an object and Stripe's description doesn't.

usage: newer.py SPEC.json STRIPE_SDIST ROUTES

Only fields that every object has (not `Optional`) are listed, of the objects that the simulator's routes
answer: overlay.json must have each of them, since a client generated from newer types refuses an answer
without it, or name it among those that came after the simulator's version. Exits with 1 otherwise.
"""
import ast
import glob
import json
import pathlib
import re
import sys


def answered(whole, routes):
    """The `object`s that answers of these routes are, or lists of which they are."""
    found = set()
    bare = lambda path: re.sub(r"\{\w+\}", "{}", path)
    have = {tuple(bare(line.strip()).split(" ")) for line in open(routes) if line.strip()}
    schemas = whole["components"]["schemas"]
    for path, operations in whole["paths"].items():
        for method, operation in operations.items():
            if (method.upper(), bare(path)) in have:
                schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
                for name in re.findall(r"#/components/schemas/([\w.]+)", json.dumps(schema)):
                    found.update(schemas[name].get("properties", {}).get("object", {}).get("enum", []))
    return found


def main():
    whole = json.load(open(sys.argv[1]))
    spec = whole["components"]["schemas"]
    notes = json.load(open(pathlib.Path(__file__).with_name("overlay.json")))
    overlay, later = notes["schemas"], notes["later"]["fields"]
    wanted, missing = answered(whole, sys.argv[3]), []
    by_object = {}
    for name, schema in spec.items():
        kind = schema.get("properties", {}).get("object", {}).get("enum", [])
        if len(kind) == 1 and schema.get("x-resourceId") and not name.startswith("deleted_"):
            by_object[kind[0]] = name

    def compare(cls, name, path):
        schema = spec[name]
        inner = {c.name: c for c in cls.body if isinstance(c, ast.ClassDef)}
        for field in cls.body:
            if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
                continue
            key, kind = field.target.id.rstrip("_"), ast.unparse(field.annotation)
            if key.startswith("_") or "ClassVar" in kind or key == "deleted":
                continue
            known = schema.get("properties", {})
            if key not in known:
                if not kind.startswith("Optional[") and key not in overlay.get(name, {}) and f"{path}.{key}" not in later:
                    missing.append(f"{path}.{key}: {kind[:100]}    (schema {name})")
                continue
            found = re.fullmatch(r"(?:Optional\[)?(?:List\[)?(\w+)\]*", kind)
            if found and found[1] in inner:
                shape = known[key]
                for s in [shape, shape.get("items", {}), *shape.get("anyOf", [])]:
                    if "$ref" in s:
                        compare(inner[found[1]], s["$ref"].rsplit("/", 1)[-1], f"{path}.{key}")
                        break

    for file in sorted(glob.glob(sys.argv[2] + "/stripe/**/_*.py", recursive=True)):
        for cls in ast.parse(open(file).read()).body:
            if isinstance(cls, ast.ClassDef):
                for a in cls.body:
                    if isinstance(a, ast.AnnAssign) and getattr(a.target, "id", "") == "OBJECT_NAME" and isinstance(a.value, ast.Constant):
                        if a.value.value in wanted & set(by_object):
                            compare(cls, by_object[a.value.value], a.value.value)
    print("\n".join(missing) or f"the overlay has every new field of {len(wanted)} objects")
    sys.exit(bool(missing))


main()
