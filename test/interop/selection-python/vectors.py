"""Holds selection.py to Signalbox's golden vectors.

    python vectors.py FOLDER

Prints a line for each file, and exits with 1 when a vector disagrees.
"""

import base64
import datetime
import json
import pathlib
import sys

from selection import decide, experiment_arm, matches, murmur3, pick

FOLDER = pathlib.Path(sys.argv[1])


def load(file):
    return json.loads((FOLDER / file).read_text(encoding="utf-8"))


def hashes():
    yield from ((murmur3(case["text"], case["seed"]) == case["hash"], case) for case in load("murmur3.json")["cases"])


def splits():
    vectors = load("splits.json")
    for split in vectors["splits"]:
        for unit, picked in zip(vectors["units"], split["picked"], strict=True):
            yield pick(split["salt"], split["arms"], unit["text"]) == picked, (split["salt"], unit)


def conditions():
    for case in load("conditions.json")["cases"]:
        yield matches(case["condition"], case["context"]) == case["matches"], case


def experiments():
    vectors = load("experiments.json")
    documents = {document["metadata"]["name"]: document for document in vectors["experiments"]}
    for run in vectors["runs"]:
        now = datetime.datetime.fromisoformat(run["now"])
        for context, outcome in zip(vectors["contexts"], run["outcomes"], strict=True):
            found = experiment_arm(documents[run["experiment"]], vectors["holdouts"], context, now)
            yield found == outcome, (run["experiment"], context, outcome, found)


def audience():
    vectors = load("audience.json")
    data = base64.b64decode(vectors["digests"])
    members = {int.from_bytes(data[at : at + 6], "big") for at in range(0, len(data), 6)}
    for case in vectors["cases"]:
        high = murmur3(case["text"])
        digest = (high << 16) + (murmur3(case["text"], high) >> 16)
        yield (digest, digest in members) == (case["digest"], case["member"]), case


def decisions():
    vectors = load("decisions.json")
    *models, objective = vectors["documents"]
    for case in vectors["cases"]:
        try:
            made = decide(objective, models, vectors["revision"], case["context"], case.get("override"))
        except LookupError as error:
            made = str(error)
        yield made == case.get("decision", case.get("error")), (case, made)


failed = 0
for check in (hashes, splits, conditions, experiments, audience, decisions):
    results = list(check())
    wrong = [case for ok, case in results if not ok]
    failed += len(wrong) + (not results)
    print(f"{check.__name__}: {len(results) - len(wrong)} of {len(results)} vectors hold")
    for case in wrong[:10]:
        print(f"  disagrees on {ascii(case)[:300]}")
sys.exit(1 if failed else 0)
