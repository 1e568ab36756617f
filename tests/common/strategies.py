"""What Hypothesis makes up: the same cases every time, however slow a machine."""

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
