"""OpenAI Baselines' files whose arrays lie in other containers than plain dicts and lists."""

import collections
import io
import pickle
import pickletools
import zipfile

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.her.demonstrations import read_demonstrations
from baselines.her.demonstrations.safe_unpickle import unpickle
from tests.her.demonstrations.files import SPEC, object_rows, openai_lists, write_openai

Pair = collections.namedtuple("Pair", "x y")
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Dict(dict):
    """A class of somebody's own."""

    @classmethod
    def with_attributes(cls, items):
        made = cls(items)
        vars(made).update(items)
        return made


def defaults(observation):
    made = collections.defaultdict(list)
    made.update(observation)
    return made


OBSERVATIONS = {
    "dict": dict,
    "OrderedDict": lambda o: collections.OrderedDict(sorted(o.items())),
    "defaultdict": defaults,
    "own": Dict,
    "own with attributes": Dict.with_attributes,
    "lists": lambda o: {k: v.tolist() for k, v in o.items()},
    "tuples": lambda o: {k: tuple(v.tolist()) for k, v in o.items()},
    "scalars": lambda o: {k: [np.float32(x) for x in v] for k, v in o.items()},
    "deques": lambda o: {k: collections.deque(v.tolist(), maxlen=2) for k, v in o.items()},
    "named tuples": lambda o: {k: Pair(*v.tolist()) for k, v in o.items()},
    "objects": lambda o: {k: v.astype(object) for k, v in o.items()},
}
ROWS = {
    "lists": list,
    "deques": collections.deque,
    "tuples": tuple,
    "objects": lambda row: object_rows([row])[0],
}


def write(path, protocol, **members):
    """An .npz whose pickles are of this protocol."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in members.items():
            header = io.BytesIO()
            description = {"descr": "|O", "fortran_order": False, "shape": array.shape}
            np.lib.format.write_array_header_1_0(header, description)
            archive.writestr(f"{name}.npy", header.getvalue() + pickle.dumps(array, protocol=protocol))
    return str(path)


def column(rows):
    """An array [N] of objects, which NumPy does not look into."""
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("how", OBSERVATIONS)
def test_observations_load_from_any_container_as_from_plain_dicts(tmp_path, episodes, how, protocol):
    lists = openai_lists(episodes)
    lists["obs"] = [[OBSERVATIONS[how](o) for o in row] for row in lists["obs"]]
    path = write(tmp_path / "d.npz", protocol, **{k: object_rows(v) for k, v in lists.items()})
    read = read_demonstrations(path, SPEC)
    for name in ("observation", "achieved_goal", "desired_goal", "action", "length", "success"):
        np.testing.assert_array_equal(getattr(read, name), getattr(episodes, name))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("how", ROWS)
def test_episodes_load_from_any_container_as_from_plain_lists(tmp_path, episodes, how, protocol):
    lists = {k: column([ROWS[how](row) for row in v]) for k, v in openai_lists(episodes).items()}
    read = read_demonstrations(write(tmp_path / "d.npz", protocol, **lists), SPEC)
    np.testing.assert_array_equal(read.action, episodes.action)
    np.testing.assert_array_equal(read.success, episodes.success)


@pytest.mark.parametrize("flag", [True, 1.0, 1, np.bool_(True), np.float64(1), np.array(1.0), np.array([True]), [1.0]])
def test_success_is_said_by_any_kind_of_number(tmp_path, episodes, flag):
    infos = [[{"is_success": flag, "note": "a word", "words": np.array(["a", "b"])}] * 30] * 4
    assert read_demonstrations(write_openai(tmp_path / "d.npz", episodes, info=infos), SPEC).success.all()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_old_and_new_places_of_numpy_are_the_same(protocol, episodes):
    values = [np.arange(3.0), np.float32(2), np.bool_(True), np.array([{"a": 1}], object), {1, 2}, b"", b"x"]
    program = pickle.dumps(values, protocol)
    places = (b"numpy.core", b"numpy._core")
    assert any(place in program for place in places)
    (known,) = (place for place in places if place in program)
    other = next(place for place in places if place != known)
    if protocol < 4:  # whose names end with a line, so that they may be of any length
        assert repr(unpickled(program.replace(known, other))) == repr(unpickled(program))
    read = unpickled(program)
    assert read[1:3] == [2, True] and read[4] == {1, 2} and read[5:] == [b"", b"x"]
    np.testing.assert_array_equal(read[0], np.arange(3.0))


def unpickled(program):
    return [
        np.asarray(x) if hasattr(x, "__array__") and not isinstance(x, np.generic) else x for x in unpickle(program)
    ]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_object_of_a_class_is_refused_by_its_name(protocol):
    for thing, name in ((SPEC.actions, "Actions"), (slice(1), "slice"), (complex(1, 1), "complex")):
        with pytest.raises(ValueError, match=f"{name}', which demonstrations do not need"):
            unpickle(pickle.dumps([thing], protocol))


def test_a_named_tuple_of_a_class_that_is_not_here_imports_nothing(tmp_path, monkeypatch):
    (tmp_path / "not_imported.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    program = b"\x80\x02cnot_imported\nPair\nK\x01K\x02\x86\x81."
    assert [op.name for op, *_ in pickletools.genops(program)][-2] == "NEWOBJ"
    assert unpickle(program) == (1, 2)
    for called in (b"cnot_imported\nPair\nK\x01\x85R.", b"(cnot_imported\nPair\no.", b"cnot_imported\nPair\n)\x81Nb."):
        with pytest.raises(ValueError, match="'not_imported.Pair', which demonstrations do not need"):
            unpickle(b"\x80\x02" + called)


def test_a_pickle_that_copies_its_content_again_and_again_is_refused():
    copies = b"h\x00h\x01\x85R0" * 10_000
    items = b"(" + b"K\x01" * 10_000 + b"l"
    program = b"\x80\x02ccollections\ndeque\nq\x000" + items + b"q\x010" + copies + b"N."
    with pytest.raises(ValueError, match="more copies of its content"):
        unpickle(program)


def test_lists_that_share_lists_are_not_unfolded_where_success_is_said(tmp_path, episodes):
    folded = [0.0] * 250
    for _ in range(4):
        folded = [folded] * 250
    path = write_openai(tmp_path / "d.npz", episodes, info=object_rows([[{"is_success": folded}] * 30] * 4))
    with pytest.raises(UserError, match="episode 0 is damaged"):
        read_demonstrations(path, SPEC)
