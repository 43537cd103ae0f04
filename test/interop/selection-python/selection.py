"""Model selection after docs/selection.md and docs/bucketing.md, with murmur3 from the package mmh3."""

import datetime
import math
import re

import mmh3
from ranges import in_range


def murmur3(text, seed=0):
    return mmh3.hash(re.sub("[\ud800-\udfff]", "\ufffd", text).encode(), seed, signed=False)


def pick(salt, arms, text):
    bucket = murmur3(f"{salt}:{text}")
    scores = [-math.log((murmur3(a["name"], bucket) + 0.5) / 2**32) / a["weight"] if a["weight"] else math.inf for a in arms]
    return arms[scores.index(min(scores))]["name"]


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def kind(value):
    return "number" if is_number(value) else type(value).__name__


def unit_of(context, attribute):
    value = context.get(attribute)
    if is_number(value):
        return repr(int(value)) if value == int(value) and abs(value) < 1e21 else repr(value)
    return value if isinstance(value, str) and value else None


def same(a, b):
    return kind(a) == kind(b) and a == b


OPERATORS = {
    "eq": same,
    "ne": lambda found, wanted: kind(found) == kind(wanted) and found != wanted,
    "in": lambda found, wanted: any(same(found, each) for each in wanted),
    "notIn": lambda found, wanted: kind(found) in map(kind, wanted) and not any(same(found, each) for each in wanted),
    "lt": lambda found, wanted: is_number(found) and found < wanted,
    "lte": lambda found, wanted: is_number(found) and found <= wanted,
    "gt": lambda found, wanted: is_number(found) and found > wanted,
    "gte": lambda found, wanted: is_number(found) and found >= wanted,
    "startsWith": lambda found, wanted: isinstance(found, str) and found.startswith(wanted),
    "endsWith": lambda found, wanted: isinstance(found, str) and found.endswith(wanted),
    "contains": lambda found, wanted: isinstance(found, str) and isinstance(wanted, str) and wanted in found,
    "semver": lambda found, wanted: isinstance(found, str) and in_range(found, wanted),
    "matches": lambda found, wanted: isinstance(found, str) and re.search(wanted, found) is not None,
}


def holds(operator, wanted, found):
    if operator == "exists":
        return (found is not None and not isinstance(found, dict)) == wanted
    if isinstance(found, list):
        return operator == "contains" and any(same(each, wanted) for each in found)
    return isinstance(found, (str, int, float)) and OPERATORS[operator](found, wanted)


def matches(condition, context):
    parts = {"and": lambda v: all(matches(c, context) for c in v), "or": lambda v: any(matches(c, context) for c in v)}
    parts["not"] = lambda v: not matches(v, context)

    def test(key, value):
        if key in parts:
            return parts[key](value)
        operators = value if isinstance(value, dict) else {"eq": value}
        return all(holds(operator, wanted, context.get(key)) for operator, wanted in operators.items())

    return all(test(key, value) for key, value in condition.items())


def between(salt, unit, low, high):
    position = murmur3(f"{salt}:{unit}") * 100
    return low * 2**32 <= position < high * 2**32


def experiment_arm(document, holdouts, context, now):
    spec, name = document["spec"], f"{document['metadata']['namespace']}/{document['metadata']['name']}"
    time = datetime.datetime.fromisoformat
    if ("start" in spec and now < time(spec["start"])) or ("end" in spec and now >= time(spec["end"])):
        return "not_running"
    if not matches(spec.get("when", {}), context):
        return "not_matched"
    unit, by_cells, layer = unit_of(context, spec["unit"]), spec["allocation"]["by"] == "cells", spec.get("layer")
    out = [h for h in holdouts if h["spec"]["unit"] == spec["unit"]]
    if unit is None and not (by_cells and not out and not layer):
        return "unit_missing"
    for each in out:
        salt = f"holdout:{each['metadata']['namespace']}/{each['metadata']['name']}:{each['spec']['iteration']}"
        if between(salt, unit, 0, each["spec"]["percent"]):
            return "held_out"
    if layer and not any(between(f"layer:{document['metadata']['namespace']}/{layer['name']}", unit, s["from"], s["to"]) for s in layer["slices"]):
        return "outside_slices"
    if not by_cells:
        return pick(f"{spec.get('salt', 'experiment:' + name)}:{spec['iteration']}", spec["arms"], unit)
    cells, prefix = context.get(spec["allocation"]["attribute"]), spec["allocation"].get("key", document["metadata"]["name"]) + "="
    own = [c for c in (cells if isinstance(cells, list) else [cells]) if isinstance(c, str) and c.startswith(prefix)]
    arm = own[0][len(prefix) :] if own else None
    return arm if arm in [each["name"] for each in spec["arms"]] else "no_cell"


def decide(objective, models, revision, context, override):
    """The decision for a context, as Signalbox has it; LookupError for an override of a version that there is not."""
    spec = objective["spec"]
    name = f"{objective['metadata']['namespace']}/{objective['metadata']['name']}"
    named = [spec["default"], *spec["shadow"]]
    for rule in spec["rules"]:
        named += rule["split"]["variants"] if "split" in rule else [rule["serve"]]
    used = {target["model"] for target in named}
    versions = {
        f"{model['metadata']['name']}@{each['version']}": each.get("parameters", {})
        for model in models
        for each in model["spec"]["versions"]
        if model["metadata"]["name"] in used
    }

    def decision(target, rule, variant, reason):
        key, default = (f"{name}/{each['model']}@{each['version']}" for each in (target, spec["default"]))
        shadows = [{**each, "routingKey": f"{name}/{each['model']}@{each['version']}"} for each in spec["shadow"]]
        parameters = versions[f"{target['model']}@{target['version']}"] | target.get("parameters", {})
        made = {"objective": name, "rule": rule, "variant": variant, "model": target["model"], "version": target["version"]}
        made |= {"parameters": parameters, "routingKey": key, "revision": revision, "ttlMs": spec["policy"]["ttlMs"]}
        made |= {"shadows": [each for each in shadows if each["routingKey"] != key], "reason": reason}
        return made | {"fallbackKeys": [] if key == default else [default]}

    if override:
        target = {"model": spec["default"]["model"], **override}
        if f"{target['model']}@{target['version']}" not in versions:
            raise LookupError("override_unknown_version")
        return decision(target, "override", None, "override")
    missing = False
    for rule in (rule for rule in spec["rules"] if matches(rule.get("when", {}), context)):
        if "serve" in rule:
            return decision(rule["serve"], rule["name"], None, "unit_missing" if missing else "rule")
        unit, arms = unit_of(context, spec["unit"]), rule["split"]["variants"]
        if unit is not None:
            arm = pick(rule["split"].get("salt", f"{name}/{rule['name']}"), arms, unit)
            target = next(each for each in arms if each["name"] == arm)
            return decision(target, rule["name"], arm, "unit_missing" if missing else "rule")
        missing = True
    return decision(spec["default"], "default", None, "unit_missing" if missing else "default")
