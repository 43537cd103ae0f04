"""Checks the golden vectors with nothing but Python's own library: the contract of docs/bucketing.md, written twice.

    python3 selection/vectors/verify.py

Prints a line for each file and exits with 1 when a vector disagrees.
"""

import json
import math
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
MASK = 0xFFFFFFFF


def rotl(value, bits):
    return ((value << bits) | (value >> (32 - bits))) & MASK


def murmur3(data, seed):
    h = seed
    whole = len(data) - len(data) % 4
    for at in range(0, len(data), 4):
        k = int.from_bytes(data[at : at + 4], "little") * 0xCC9E2D51 & MASK
        h ^= rotl(k, 15) * 0x1B873593 & MASK
        if at < whole:
            h = (rotl(h, 13) * 5 + 0xE6546B64) & MASK
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & MASK
    h = (h ^ h >> 13) * 0xC2B2AE35 & MASK
    return h ^ h >> 16


def utf8(text):
    return re.sub("[\ud800-\udfff]", "\ufffd", text).encode("utf-8")


def pick(salt, arms, text):
    bucket = murmur3(utf8(f"{salt}:{text}"), 0)
    best, best_score = None, math.inf
    for arm in arms:
        if arm["weight"] > 0:
            u = (murmur3(utf8(arm["name"]), bucket) + 0.5) / 2**32
            score = -math.log(u) / arm["weight"]
            if score < best_score:
                best, best_score = arm["name"], score
    return bucket, best


def load(file):
    return json.loads((HERE / file).read_text(encoding="utf-8"))


def check_hashes(file):
    for case in load(file)["cases"]:
        yield murmur3(utf8(case["text"]), case["seed"]) == case["hash"], case


def check_code_units(file):
    for case in load(file)["cases"]:
        text = b"".join(unit.to_bytes(2, "little") for unit in case["codeUnits"]).decode("utf-16-le", "surrogatepass")
        yield murmur3(utf8(text), case["seed"]) == case["hash"], case


def check_splits(file):
    vectors = load(file)
    for split in vectors["splits"]:
        for unit, bucket, picked in zip(vectors["units"], split["buckets"], split["picked"], strict=True):
            yield pick(split["salt"], split["arms"], unit["text"]) == (bucket, picked), (split["salt"], unit)


def main():
    failed = 0
    for file, check in {
        "murmur3.json": check_hashes,
        "murmur3-lone-surrogates.json": check_code_units,
        "splits.json": check_splits,
    }.items():
        wrong = total = 0
        for ok, case in check(file):
            total += 1
            if not ok:
                wrong += 1
                print(f"{file}: disagrees on {ascii(case)[:200]}")
        failed += wrong
        print(f"{file}: {total - wrong} of {total} vectors hold")
    return 1 if failed or not total else 0


if __name__ == "__main__":
    sys.exit(main())
