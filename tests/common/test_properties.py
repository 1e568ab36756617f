"""What must hold for any input, tried on inputs that Hypothesis makes up and shrinks."""

import tempfile

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from baselines.common.mpi import Communicator
from baselines.learning.normalizer import Normalizer
from baselines.runs.checkpoints import checkpoint_file, checkpoint_numbers
from baselines.storage import read_arrays, write_arrays
from tests.common.strategies import ARRAYS, JSON, NAMES


@given(arrays_of.arrays(np.float32, (12, 2), elements=st.floats(-100, 100, width=32)), st.sets(st.integers(1, 11)))
def test_statistics_do_not_depend_on_how_the_rows_arrive(rows, cuts):
    at_once, in_parts = (Normalizer(2, 0.01, Communicator()) for _ in range(2))
    at_once.update(rows)
    for part in np.split(rows, sorted(cuts)):
        in_parts.update(part)
    for name, x in at_once.state().items():
        np.testing.assert_allclose(in_parts.state()[name], x, rtol=1e-5, atol=1e-5)
    pooled = np.vstack([np.zeros((1, 2)), rows])  # the zero vector that the count begins with
    np.testing.assert_allclose(at_once.mean, pooled.mean(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(at_once.std, np.maximum(0.01, pooled.std(0)), rtol=1e-3, atol=2e-3)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.dictionaries(NAMES, ARRAYS, max_size=4), st.booleans())
def test_a_state_comes_back_to_the_bit(document, arrays, transposed):
    arrays = {k: x.T if transposed else x for k, x in arrays.items() if k not in ("document", "file")}
    with tempfile.TemporaryDirectory() as folder:
        write_arrays(checkpoint_file(folder, 3, 1), document, arrays)
        assert checkpoint_numbers(folder, 1) == [3] and checkpoint_numbers(folder, 0) == []
        found, loaded = read_arrays(checkpoint_file(folder, 3, 1))
    assert found == document and loaded.keys() == arrays.keys()
    for name, x in arrays.items():
        x = x.astype(x.dtype.newbyteorder("<"))
        assert (loaded[name].dtype, loaded[name].shape) == (x.dtype, x.shape)
        assert loaded[name].tobytes() == x.tobytes()
