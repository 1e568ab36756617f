"""Files of OpenAI Baselines: in any pickle protocol and container, and what does not fit."""

import collections
import io
import pickle

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.her.demonstrations import openai, read_demonstrations
from tests.her.demonstrations.files import SPEC, objects, openai_bytes, openai_lists

SHAPES = {"observation": [31, 2], "achieved_goal": [31, 2], "desired_goal": [30, 2], "action": [30, 2]}
OBSERVATIONS = {
    "dict": dict,
    "OrderedDict": collections.OrderedDict,
    "lists": lambda o: {k: v.tolist() for k, v in o.items()},
    "tuples": lambda o: {k: tuple(v.tolist()) for k, v in o.items()},
    "scalars": lambda o: {k: [np.float32(x) for x in v] for k, v in o.items()},
    "deques": lambda o: {k: collections.deque(v.tolist(), maxlen=2) for k, v in o.items()},
    "objects": lambda o: {k: v.astype(object) for k, v in o.items()},
    "other byte order": lambda o: {k: v.astype(">f8") for k, v in o.items()},
}


ROWS = {"lists": list, "deques": collections.deque, "tuples": tuple, "objects": lambda row: objects([row])[0]}


def check_equal(arrays, episodes):
    for name in ("observation", "achieved_goal", "desired_goal", "action", "length", "success"):
        np.testing.assert_array_equal(arrays[name if name in arrays else "is_success"], getattr(episodes, name))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_files_load_as_numpy_wrote_them_whatever_the_protocol(tmp_path, episodes, protocol):
    path = tmp_path / "theirs.npz"
    path.write_bytes(openai_bytes(episodes, protocol))
    check_equal(read_demonstrations(str(path), SPEC)._asdict(), episodes)
    np.savez_compressed(path, **{k: np.array(v) for k, v in openai_lists(episodes).items()})
    check_equal(read_demonstrations(str(path), SPEC)._asdict(), episodes)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_episodes_load_from_many_containers_as_from_lists_and_dicts(episodes, observation, row, protocol):
    lists = openai_lists(episodes)
    lists["obs"] = [[OBSERVATIONS[observation](o) for o in one] for one in lists["obs"]]
    lists = {k: [ROWS[row](one) for one in v] for k, v in lists.items()}
    check_equal(openai.convert(io.BytesIO(openai_bytes(episodes, protocol, **lists)), SHAPES, None), episodes)


@pytest.mark.parametrize("flag", [True, 1.0, 1, np.bool_(True), np.float64(1), np.array(1.0), np.array([True]), [1.0]])
def test_any_number_marks_success_beside_other_things_in_info(episodes, flag):
    others = ["a word", None, {1}, b"", b"x", np.datetime64("2020-01-01"), np.array(["a", "b"]), np.str_("a"), 1.5]
    info = {"is_success": flag, **{str(i): x for i, x in enumerate(others)}, "complex": np.array([1j])}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        file = io.BytesIO(openai_bytes(episodes, protocol, info=[[info] * 30] * 4))
        assert openai.convert(file, SHAPES, None)["is_success"].all()


def test_short_episodes_are_filled_up_and_a_file_without_info_has_no_success(episodes):
    lists = {k: [row[: len(row) - 10] for row in v[:2]] + v[2:] for k, v in openai_lists(episodes).items()}
    del lists["info"]
    content = openai_bytes(episodes, **lists, info=[[]] * 4)
    arrays = openai.convert(io.BytesIO(content), SHAPES, 3)
    assert arrays["length"].tolist() == [20, 20, 30] and not arrays["is_success"].any()
    assert arrays["observation"][0, 20].any() and not arrays["observation"][0, 21:].any()


def test_pickles_of_python_2_and_of_both_places_of_numpy_load():
    old = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\ntcnumpy\ndtype\n" \
          b"(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x00\\x00\\x80?\\x00\\x00\\x00@'\ntb."  # fmt: skip
    for program in (old, old.replace(b"numpy.core", b"numpy._core")):
        assert openai._Unpickler(io.BytesIO(program), encoding="latin1").load() == [1, 2]


FOLDED = [0.0] * 250
for _ in range(4):
    FOLDED = [FOLDED] * 250
OBSERVED = {key: np.zeros(2) for key in ("observation", "achieved_goal", "desired_goal")}


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(obs=[[OBSERVED] * 30] * 4), "0 has 30 observations for 30 actions, .*: append the observation after the"),
        (dict(obs=[[OBSERVED] * 3] * 4), "episode 0 has 3 observations for 30 actions, expected 31$"),
        (dict(obs=[[OBSERVED] * 31]), r"its arrays acs, obs, info have \[4, 1, 4\] episodes"),
        (dict(obs=[[{"observation": np.zeros(2)}] * 31] * 4), "entry of achieved_goal that is no vector of 2 numbers"),
        (dict(obs=[[{**OBSERVED, "observation": FOLDED}] * 31] * 4), "entry of observation that is no vector"),
        (dict(obs=[[{**OBSERVED, "observation": [10**40, 0]}] * 31] * 4), "infinity in observation"),
        (dict(acs=[[np.zeros(2)] * 31] * 4), "episode 0 has 31 actions, expected 1 to 30"),
        (dict(acs=[[np.zeros(3)] * 30] * 4), "episode 0 has an entry of action that is no vector of 2 numbers"),
        (dict(info=[[{"is_success": FOLDED}] * 30] * 4), "it is damaged"),
        (dict(info=[[{"is_success": SPEC}] * 30] * 4), "it asks for baselines.common.specs.EnvSpec"),
    ],
)
def test_what_does_not_fit_is_refused_by_episode_and_field(tmp_path, episodes, changes, message):
    path = tmp_path / "theirs.npz"
    path.write_bytes(openai_bytes(episodes, **changes))
    with pytest.raises(UserError, match=message):
        read_demonstrations(str(path), SPEC)
