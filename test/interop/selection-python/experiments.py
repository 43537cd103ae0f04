"""Who falls into which arm of an experiment, after docs/selection.md and docs/bucketing.md, with murmur3 from mmh3.

    python experiments.py FOLDER

Holds it to the golden vectors in the folder, and exits with 1 when a vector disagrees.
"""

import json
import math
import pathlib
import re
import sys
from datetime import datetime

import mmh3


def murmur3(text, seed=0):
    return mmh3.hash(re.sub("[\ud800-\udfff]", "\ufffd", text).encode(), seed, signed=False)


def pick(salt, arms, unit):
    bucket = murmur3(f"{salt}:{unit}")

    def score(arm):
        return -math.log((murmur3(arm["name"], bucket) + 0.5) / 2**32) / arm["weight"]

    return min((arm for arm in arms if arm["weight"] > 0), key=score)["name"]


def between(salt, unit, low, high):
    """Whether a unit is in a slice, from and to in percent."""
    position = murmur3(f"{salt}:{unit}") * 100
    return low * 2**32 <= position < high * 2**32


def unit_of(context, attribute):
    value = context.get(attribute)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(int(value)) if value == int(value) and abs(value) < 1e21 else repr(value)
    return value if isinstance(value, str) and value else None


def matches(condition, context):
    """Equality and `not`, which is all that these experiments ask for; conditions.py has the other operators."""
    for key, wanted in condition.items():
        found = context.get(key)
        if key == "not":
            holds = not matches(wanted, context)
        elif isinstance(wanted, (str, bool)):
            holds = type(found) is type(wanted) and found == wanted
        else:
            raise ValueError(f"{key}: {wanted} is not an equality; conditions.py has the other operators")
        if not holds:
            return False
    return True


def is_running(spec, now):
    start, end = (spec.get(field) and datetime.fromisoformat(spec[field]) for field in ("start", "end"))
    return not (start and now < start) and not (end and now >= end)


def is_held_out(holdout, unit):
    metadata, spec = holdout["metadata"], holdout["spec"]
    salt = f"holdout:{metadata['namespace']}/{metadata['name']}:{spec['iteration']}"
    return between(salt, unit, 0, spec["percent"])


def cell_arm(cells, prefix, arms):
    """The arm that the first cell with the prefix names, if there is such an arm."""
    texts = [cell for cell in (cells if isinstance(cells, list) else [cells]) if isinstance(cell, str)]
    named = next((cell.removeprefix(prefix) for cell in texts if cell.startswith(prefix)), None)
    return named if named in [arm["name"] for arm in arms] else "no_cell"


def arm_of(experiment, holdouts, context, now):
    """The name of the arm that an experiment puts a context into, or why it does not take it."""
    metadata, spec = experiment["metadata"], experiment["spec"]
    namespace, name = metadata["namespace"], metadata["name"]
    if not is_running(spec, now):
        return "not_running"
    if not matches(spec.get("when", {}), context):
        return "not_matched"
    allocation, layer, unit = spec["allocation"], spec.get("layer"), unit_of(context, spec["unit"])
    holdouts = [each for each in holdouts if each["spec"]["unit"] == spec["unit"]]
    if unit is None and (holdouts or layer or allocation["by"] == "hash"):
        return "unit_missing"
    if any(is_held_out(each, unit) for each in holdouts):
        return "held_out"
    if layer:
        salt = f"layer:{namespace}/{layer['name']}"
        if not any(between(salt, unit, each["from"], each["to"]) for each in layer["slices"]):
            return "outside_slices"
    if allocation["by"] == "hash":
        salt = spec.get("salt", f"experiment:{namespace}/{name}")
        return pick(f"{salt}:{spec['iteration']}", spec["arms"], unit)
    return cell_arm(context.get(allocation["attribute"]), allocation.get("key", name) + "=", spec["arms"])


vectors = json.loads(pathlib.Path(sys.argv[1], "experiments.json").read_text(encoding="utf-8"))
documents = {document["metadata"]["name"]: document for document in vectors["experiments"]}
total, wrong = 0, []
for run in vectors["runs"]:
    now = datetime.fromisoformat(run["now"])
    for context, outcome in zip(vectors["contexts"], run["outcomes"], strict=True):
        found = arm_of(documents[run["experiment"]], vectors["holdouts"], context, now)
        total += 1
        if found != outcome:
            wrong.append((run["experiment"], context, outcome, found))
print(f"experiments: {total - len(wrong)} of {total} vectors hold")
for case in wrong[:10]:
    print(f"  disagrees on {ascii(case)[:300]}")
sys.exit(bool(wrong) or not total)
