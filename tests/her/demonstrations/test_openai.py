"""Files of OpenAI Baselines' demonstrations."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from baselines.common.errors import UserError
from baselines.her.demonstrations import read_demonstrations
from tests.her.demonstrations.files import SPEC, object_rows, openai_lists, write_openai


def test_files_of_openai_baselines_load(tmp_path, episodes):
    path = write_openai(tmp_path / "theirs.npz", episodes)
    read = read_demonstrations(path, SPEC)
    for name in ("observation", "achieved_goal", "desired_goal", "action", "length", "success"):
        np.testing.assert_array_equal(getattr(read, name), getattr(episodes, name))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_files_of_openai_baselines_load_whatever_the_pickle_protocol(tmp_path, episodes, protocol):
    path = str(tmp_path / "theirs.npz")
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in openai_lists(episodes).items():
            array = np.array(value, object)
            header = io.BytesIO()
            description = {"descr": "|O", "fortran_order": False, "shape": array.shape}
            np.lib.format.write_array_header_1_0(header, description)
            archive.writestr(f"{name}.npy", header.getvalue() + pickle.dumps(array, protocol=protocol))
    np.testing.assert_array_equal(read_demonstrations(path, SPEC).action, episodes.action)


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(obs=[[{"observation": np.zeros(2)}]]), "episode 0 has 1 observations for 30 actions"),
        (dict(obs=[[{"observation": np.zeros(2)}] * 31]), "episode 0 is damaged.*achieved_goal"),
        (dict(acs=[[np.zeros(2)] * 31]), "episode 0 has 31 actions, expected 1 to 30"),
        (dict(acs=[[np.zeros(3)] * 30]), "episode 0 has an entry of action that is no vector of 2 numbers"),
        (dict(acs=[]), "no episodes"),
    ],
)
def test_odd_files_of_openai_baselines_are_refused(tmp_path, episodes, changes, message):
    with pytest.raises(UserError, match=message):
        read_demonstrations(write_openai(tmp_path / "odd.npz", episodes, **changes), SPEC)


def test_lists_that_share_lists_are_not_unfolded(tmp_path, episodes):
    folded = [0.0] * 250
    for _ in range(3):
        folded = [folded] * 250
    observed = [{"observation": folded, "achieved_goal": np.zeros(2), "desired_goal": np.zeros(2)}] * 31
    path = write_openai(tmp_path / "folded.npz", episodes, obs=object_rows([observed]))
    with pytest.raises(UserError, match="episode 0 has an entry of observation that is no vector of 2 numbers"):
        read_demonstrations(path, SPEC)
