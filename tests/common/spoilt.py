"""Broken and hostile input, made from what is sound."""

import copy
import json

# What JSON documents and words are spoilt with.
ODD = [None, True, -1, 0, 1e308, float("nan"), float("inf"), 10**12, 10**400, "", "a", "../../etc", "__import__('os')",
       "\x00", "é" * 50, [], {}, [1, [2]], {"a": {"b": 1}}, "1e9", "None", "-0", "9" * 400]  # fmt: skip


def spoilt(document, rng):
    """The JSON document with one to three of its values, at any depth, replaced, removed, renamed or copied."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.integers(1, 4)):
        place = document
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = keys[rng.integers(len(keys))]
            if isinstance(place[key], (dict, list)) and place[key] and rng.random() < 0.7:
                place = place[key]
                continue
            kind = rng.integers(4)
            if kind == 0:
                del place[key]
            elif kind == 1 and isinstance(place, dict):
                place[str(key) + "x"] = place.pop(key)
            else:
                place[key] = copy.deepcopy(ODD[rng.integers(len(ODD))])
            break
    return document
