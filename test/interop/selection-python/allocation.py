"""Hashes, splits and audiences, after docs/bucketing.md, with murmur3 from mmh3.

    python allocation.py FOLDER

Holds them to the golden vectors in the folder, prints a line for each file, and exits with 1 when a vector disagrees.
"""

import base64
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

    return min((arm for arm in arms if arm["weight"] > 0), key=score)["name"]


def hashes(vectors):
    for case in vectors["cases"]:
        yield murmur3(case["text"], case["seed"]) == case["hash"], case


def splits(vectors):
    for split in vectors["splits"]:
        for unit, picked in zip(vectors["units"], split["picked"], strict=True):
            yield pick(split["salt"], split["arms"], unit["text"]) == picked, (split["salt"], unit)


def audience(vectors):
    data = base64.b64decode(vectors["digests"])
    members = {int.from_bytes(data[at : at + 6], "big") for at in range(0, len(data), 6)}
    for case in vectors["cases"]:
        high = murmur3(case["text"])
        digest = (high << 16) + (murmur3(case["text"], high) >> 16)
        yield (digest, digest in members) == (case["digest"], case["member"]), case


failed = False
for check, file in ((hashes, "murmur3"), (splits, "splits"), (audience, "audience")):
    results = list(check(json.loads(pathlib.Path(sys.argv[1], f"{file}.json").read_text(encoding="utf-8"))))
    wrong = [case for ok, case in results if not ok]
    failed = failed or bool(wrong) or not results
    print(f"{check.__name__}: {len(results) - len(wrong)} of {len(results)} vectors hold")
    for case in wrong[:10]:
        print(f"  disagrees on {ascii(case)[:300]}")
sys.exit(failed)
