"""Version ranges after docs/selection.md, on versions of the package semver."""

import re

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


HOLDS = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
    "=": lambda order: order == 0,
}


def in_range(text, wanted):
    try:
        version = Version.parse(re.sub("^v", "", text.strip()))
    except ValueError:
        return False
    for alternative in wanted.split("||"):
        whole = SPAN.fullmatch(alternative)
        ends = span(*whole.groups()) if whole else [end for each in BOUND.findall(alternative) for end in bounds(*each)]
        if all(HOLDS[operator](version.compare(bound)) for operator, bound in ends):
            return True
    return False
