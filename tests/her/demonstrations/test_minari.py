"""Minari's data sets as demonstrations."""

import dataclasses
import json
import sys

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings

from baselines.common.errors import UserError
from baselines.her.demonstrations import read_demonstrations
from tests.common.strategies import spoilt
from tests.helpers import within_bounds
from tests.her.demonstrations.files import SPEC


@pytest.mark.slow
def test_minari_data_sets_load(tmp_path, monkeypatch, episodes):
    import minari
    from minari.data_collector.episode_buffer import EpisodeBuffer

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    buffers = []
    for i in range(len(episodes.length)):
        T = episodes.length[i]
        goal = np.repeat(episodes.desired_goal[i, :1], T + 1, 0)
        observed = {"observation": episodes.observation[i], "achieved_goal": episodes.achieved_goal[i]}
        observed = {k: list(v.astype(np.float64)) for k, v in {**observed, "desired_goal": goal}.items()}
        success = [False] * T + [bool(episodes.success[i])]
        last = [False] * (T - 1) + [True]
        buffers.append(EpisodeBuffer(
            id=i, observations=observed, actions=list(episodes.action[i]), rewards=list(episodes.reward[i]),
            terminations=[False] * T, truncations=last, infos={"is_success": success},
        ))  # fmt: skip
    with pytest.warns(UserWarning):
        minari.create_dataset_from_buffers(
            "toy/point-v0", buffers, env=gymnasium.make("PointReach-v0"), algorithm_name="a", author="a",
            author_email="a", code_permalink="a",
        )  # fmt: skip
    read = read_demonstrations("minari:toy/point-v0", SPEC)
    for name in ("observation", "action", "desired_goal", "success"):
        np.testing.assert_array_equal(getattr(read, name), getattr(episodes, name))
    with pytest.raises(UserError, match="it was recorded in PointReach-v0, not in FetchReach-v1"):
        read_demonstrations("minari:toy/point-v0", dataclasses.replace(SPEC, env_id="FetchReach-v1"))
    with pytest.raises(UserError, match="nothing-v0"):
        read_demonstrations("minari:toy/nothing-v0", SPEC)

    metadata = tmp_path / "toy/point-v0/data/metadata.json"
    sound, marker = json.loads(metadata.read_text()), tmp_path / "marker"
    # Minari makes the environment, by calling any function, to ask it for spaces that the metadata do not have.
    called = {**json.loads(sound["env_spec"]), "entry_point": "os:system", "kwargs": {"command": f"touch {marker}"}}
    metadata.write_text(
        json.dumps({k: v for k, v in sound.items() if "space" not in k} | {"env_spec": json.dumps(called)})
    )
    with pytest.raises(UserError, match="its metadata have no spaces"):
        read_demonstrations("minari:toy/point-v0", SPEC)
    assert not marker.exists()

    @given(spoilt(sound))
    @settings(max_examples=6)
    def try_spoilt(document):
        metadata.write_text(json.dumps(document))
        with within_bounds():
            read_demonstrations("minari:toy/point-v0", SPEC)

    try_spoilt()


def test_without_minari_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(UserError, match=r"baselines-her\[minari\]"):
        read_demonstrations("minari:anything", SPEC)
