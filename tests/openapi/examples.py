"""Validates every example of an OpenAPI document against the schema beside it, and prints how many there are."""

import json
import re
import sys

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

with open(sys.argv[1], encoding="utf-8") as file:
    document = json.load(file)
registry = Registry().with_resource("urn:document", Resource.from_contents(document, default_specification=DRAFT202012))
count = 0


def absolute(value):
    """The same value with absolute references, so that they work in any place."""
    if isinstance(value, dict):
        return {k: "urn:document" + v if k == "$ref" else absolute(v) for k, v in value.items()}
    return [absolute(v) for v in value] if isinstance(value, list) else value


def pattern(validator, expression, instance, schema):
    """Python's `re` has no `\\p{..}`; its `\\w` means the same letters and digits, and `_`."""
    if isinstance(instance, str) and not re.search(expression.replace(r"\p{L}\p{N}_", r"\w"), instance):
        yield ValidationError(f"{instance!r} does not match {expression!r}")


Validator = validators.extend(Draft202012Validator, {"pattern": pattern})


def validate(schema, example, where):
    global count
    count += 1
    schema = {key: value for key, value in absolute(schema).items() if key not in ("example", "examples")}
    validator = Validator(schema, registry=registry, format_checker=FormatChecker())
    for error in validator.iter_errors(example):
        sys.exit(f"{where}: {error.message}")


def walk(value, where):
    if isinstance(value, list):
        for index, one in enumerate(value):
            walk(one, f"{where}/{index}")
    if not isinstance(value, dict):
        return
    if "example" in value and ("schema" in value or "type" in value):
        validate(value.get("schema", value), value["example"], where)
    for example in value["examples"] if isinstance(value.get("examples"), list) else []:
        validate(value, example, where)
    for name, one in value.items():
        if name not in ("example", "examples"):
            walk(one, f"{where}/{name}")


walk(document, "")
print(count)
