"""What Hypothesis makes up: the same cases every time, however slow a machine."""

import copy
import json
import string

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

settings.register_profile("ours", deadline=None, derandomize=True)
settings.load_profile("ours")

SEED = st.integers(0, 2**32)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.one_of(arrays_of.integer_dtypes(), arrays_of.floating_dtypes(sizes=(16, 32, 64)), st.just(np.dtype(bool)))
ARRAYS = arrays_of.arrays(NUMBERS, arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
NAMES = st.text(string.ascii_letters + string.digits + "_/", min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**200), 2**200) | FINITE | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PLAIN = st.recursive(
    st.booleans() | st.integers(-(2**70), 2**70) | FINITE | st.text() | ARRAYS,
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)

# What JSON documents, rows and words are spoilt with.
ODD = [None, True, -1, 0, 1e308, float("nan"), float("inf"), 10**12, 10**400, "", "a", "../../etc", "__import__('os')",
       "\x00", "\x1b[31m", "é" * 50, [], {}, [1, [2]], {"a": {"b": 1}}, "1e9", "None", "-0", "9" * 400]  # fmt: skip


@st.composite
def spoilt(draw, document):
    """The JSON document with one to three of its values, at any depth, replaced, removed, renamed or copied."""
    document = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 3))):
        place = document
        while keys := list(place) if isinstance(place, dict) else list(range(len(place))):
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], (dict, list)) and place[key] and draw(st.integers(0, 2)):
                place = place[key]
                continue
            kind = draw(st.integers(0, 3))
            if kind == 0:
                del place[key]
            elif kind == 1 and isinstance(place, dict):
                place[key + draw(st.sampled_from(["x", "\x1b"]))] = place.pop(key)
            else:
                place[key] = copy.deepcopy(draw(st.sampled_from(ODD) | JSON))
            break
    return document


@st.composite
def damaged(draw, data):
    """The bytes cut off, or some of them changed or repeated."""
    data = bytearray(data)
    for at in draw(st.lists(st.integers(0, max(0, len(data) - 1)), max_size=3)):
        change = draw(st.integers(-1, 255))
        if change < 0:
            data[at:at] = data[at : at + draw(st.integers(1, 40))]
        else:
            data[at : at + 1] = bytes([change])
    return bytes(data[: draw(st.sampled_from([None, None, draw(st.integers(0, len(data)))]))])
