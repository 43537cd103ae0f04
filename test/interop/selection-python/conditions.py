"""Conditions after docs/selection.md, with the versions that ranges are made of from semver.

    python conditions.py FOLDER

Holds it to the golden vectors in the folder, prints a line for each file, and exits with 1 when a vector disagrees.
"""

import json
import pathlib
import re
import sys

from semver import Version

PART = r"(?:0|[1-9][0-9]*|[xX*])"
SHORTENED = rf"v?({PART}(?:\.{PART}){{0,2}}(?:-[0-9A-Za-z.-]+)?)(?:\+[0-9A-Za-z.-]+)?"
BOUND = re.compile(rf"(\^|~>?|[<>]=?|=|)\s*{SHORTENED}")
SPAN = re.compile(rf"\s*{SHORTENED}\s+-\s+{SHORTENED}\s*")


def take_apart(text):
    """The numbers that are given, up to the first wildcard, and the pre-release."""
    core, _, prerelease = text.partition("-")
    numbers = [None if part in "xX*" else int(part) for part in core.split(".")]
    return numbers[: (numbers + [None]).index(None)], prerelease or None


def lowest(numbers, prerelease="0"):
    return Version(*(numbers + [0, 0, 0])[:3], prerelease)


def after(numbers, count):
    """The lowest version above all that begin with so many of the numbers."""
    return lowest([*numbers[: count - 1], numbers[count - 1] + 1])


def bounds(operator, text):
    numbers, prerelease = take_apart(text)
    if not numbers:
        return [("<", lowest([]))] if operator in ("<", ">") else []
    is_whole = len(numbers) == 3
    low = lowest(numbers, prerelease) if is_whole else lowest(numbers)
    if operator.startswith("~"):
        return [(">=", low), ("<", after(numbers, min(len(numbers), 2)))]
    if operator == "^":
        first = next((index for index, number in enumerate(numbers) if number > 0), len(numbers) - 1)
        return [(">=", low), ("<", after(numbers, first + 1))]
    if is_whole:
        return [(operator or "=", low)]
    above = after(numbers, len(numbers))
    shortened = {">": [(">=", above)], "<=": [("<", above)], ">=": [(">=", low)], "<": [("<", low)]}
    return shortened.get(operator, [(">=", low), ("<", above)])


def span(first, last):
    """From one version to another; whole ones without a pre-release count with theirs."""
    (low, low_pre), (high, high_pre) = take_apart(first), take_apart(last)
    end = [("<=", lowest(high, high_pre))] if high_pre else [("<", after(high, len(high)))] if high else []
    return [(">=", lowest(low, low_pre or "0")), *end]


def in_range(text, wanted):
    try:
        version = Version.parse(re.sub("^v", "", text.strip()))
    except ValueError:
        return False
    for alternative in wanted.split("||"):
        whole = SPAN.fullmatch(alternative)
        ends = span(*whole.groups()) if whole else [end for each in BOUND.findall(alternative) for end in bounds(*each)]
        if all(version.match(f"{'==' if operator == '=' else operator}{bound}") for operator, bound in ends):
            return True
    return False


def kind(value):
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return "number" if is_number else type(value).__name__


def same(a, b):
    return kind(a) == kind(b) and a == b


# What an operator needs the attribute to be, and its test of attribute and operand.
OPERATORS = {
    "eq": ("str number bool", same),
    "ne": ("str number bool", lambda found, wanted: kind(found) == kind(wanted) and found != wanted),
    "in": ("str number bool", lambda found, wanted: any(same(found, each) for each in wanted)),
    "notIn": (
        "str number bool",
        lambda found, wanted: kind(found) in map(kind, wanted) and not any(same(found, each) for each in wanted),
    ),
    "lt": ("number", lambda found, wanted: found < wanted),
    "lte": ("number", lambda found, wanted: found <= wanted),
    "gt": ("number", lambda found, wanted: found > wanted),
    "gte": ("number", lambda found, wanted: found >= wanted),
    "startsWith": ("str", str.startswith),
    "endsWith": ("str", str.endswith),
    "semver": ("str", in_range),
    "matches": ("str", lambda found, wanted: re.search(wanted, found) is not None),
}


def holds(operator, wanted, found):
    if operator == "exists":
        return (found is not None) == wanted
    if operator == "contains":
        if isinstance(found, list):
            return any(same(each, wanted) for each in found)
        return isinstance(found, str) and isinstance(wanted, str) and wanted in found
    kinds, test = OPERATORS[operator]
    return kind(found) in kinds.split() and test(found, wanted)


def matches(condition, context):
    def test(key, value):
        if key == "and":
            return all(matches(part, context) for part in value)
        if key == "or":
            return any(matches(part, context) for part in value)
        if key == "not":
            return not matches(value, context)
        operators = value if isinstance(value, dict) else {"eq": value}
        return all(holds(operator, wanted, context.get(key)) for operator, wanted in operators.items())

    return all(test(key, value) for key, value in condition.items())


cases = json.loads(pathlib.Path(sys.argv[1], "conditions.json").read_text(encoding="utf-8"))["cases"]
wrong = [case for case in cases if matches(case["condition"], case["context"]) != case["matches"]]
print(f"conditions: {len(cases) - len(wrong)} of {len(cases)} vectors hold")
for case in wrong[:10]:
    print(f"  disagrees on {ascii(case)[:300]}")
sys.exit(bool(wrong) or not cases)
