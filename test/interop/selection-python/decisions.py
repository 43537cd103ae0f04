"""Rules and overrides to whole decisions, after docs/selection.md and docs/bucketing.md, with murmur3 from mmh3.

    python decisions.py FOLDER

Holds it to the golden vectors in the folder, prints a line for each file, and exits with 1 when a vector disagrees.
"""

import json
import math
import pathlib
import re
import sys

import mmh3


def murmur3(text, seed=0):
    return mmh3.hash(re.sub("[\ud800-\udfff]", "\ufffd", text).encode(), seed, signed=False)


def pick(salt, arms, unit):
    bucket = murmur3(f"{salt}:{unit}")

    def score(arm):
        return -math.log((murmur3(arm["name"], bucket) + 0.5) / 2**32) / arm["weight"]

    return min((arm for arm in arms if arm["weight"] > 0), key=score)


def unit_of(context, attribute):
    value = context.get(attribute)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(int(value)) if value == int(value) and abs(value) < 1e21 else repr(value)
    return value if isinstance(value, str) and value else None


# The operators of these rules, whose operands are texts and booleans; conditions.py has them all.
OPERATORS = {
    "eq": lambda found, wanted: type(found) is type(wanted) and found == wanted,
    "in": lambda found, wanted: isinstance(found, str) and found in wanted,
    "endsWith": lambda found, wanted: isinstance(found, str) and found.endswith(wanted),
}


def matches(condition, context):
    return all(
        OPERATORS[operator](context.get(attribute), wanted)
        for attribute, value in condition.items()
        for operator, wanted in (value if isinstance(value, dict) else {"eq": value}).items()
    )


def version_of(target):
    return f"{target['model']}@{target['version']}"


def targets_of(spec):
    """The model versions that an objective names."""
    served = [rule["serve"] for rule in spec["rules"] if "serve" in rule]
    split = [arm for rule in spec["rules"] if "split" in rule for arm in rule["split"]["variants"]]
    return [spec["default"], *spec["shadow"], *served, *split]


def choose(name, spec, known, context, override):
    """The target, rule, variant and reason; ValueError for an override of a version that there is not."""
    if override:
        target = {"model": spec["default"]["model"], **override}
        if version_of(target) not in known:
            raise ValueError("override_unknown_version")
        return target, "override", None, "override"
    reason = "rule"
    for rule in spec["rules"]:
        if not matches(rule.get("when", {}), context):
            continue
        if "serve" in rule:
            return rule["serve"], rule["name"], None, reason
        unit, split = unit_of(context, spec["unit"]), rule["split"]
        if unit is not None:
            arm = pick(split.get("salt", f"{name}/{rule['name']}"), split["variants"], unit)
            return arm, rule["name"], arm["name"], reason
        reason = "unit_missing"
    return spec["default"], "default", None, "default" if reason == "rule" else reason


def decide(objective, models, revision, context, override):
    spec = objective["spec"]
    name = f"{objective['metadata']['namespace']}/{objective['metadata']['name']}"
    used = {target["model"] for target in targets_of(spec)}
    parameters = {
        f"{model['metadata']['name']}@{each['version']}": each.get("parameters", {})
        for model in models
        for each in model["spec"]["versions"]
        if model["metadata"]["name"] in used
    }
    target, rule, variant, reason = choose(name, spec, parameters, context, override)
    key, default = f"{name}/{version_of(target)}", f"{name}/{version_of(spec['default'])}"
    shadows = [{**each, "routingKey": f"{name}/{version_of(each)}"} for each in spec["shadow"]]
    return {
        "objective": name,
        "rule": rule,
        "variant": variant,
        "model": target["model"],
        "version": target["version"],
        "parameters": parameters[version_of(target)] | target.get("parameters", {}),
        "routingKey": key,
        "revision": revision,
        "shadows": [each for each in shadows if each["routingKey"] != key],
        "ttlMs": spec["policy"]["ttlMs"],
        "fallbackKeys": [] if key == default else [default],
        "reason": reason,
    }


def outcome(vectors, case):
    *models, objective = vectors["documents"]
    try:
        return {"decision": decide(objective, models, vectors["revision"], case["context"], case.get("override"))}
    except ValueError as error:
        return {"error": str(error)}


vectors = json.loads(pathlib.Path(sys.argv[1], "decisions.json").read_text(encoding="utf-8"))
found = [(case, outcome(vectors, case)) for case in vectors["cases"]]
wrong = [(case, made) for case, made in found if any(case.get(key) != value for key, value in made.items())]
print(f"decisions: {len(found) - len(wrong)} of {len(found)} vectors hold")
for each in wrong[:10]:
    print(f"  disagrees on {ascii(each)[:300]}")
sys.exit(bool(wrong) or not found)
