"""What the presets bring to each task, and what wins over them."""

import pytest

from baselines.common.errors import UserError
from baselines.her.experiment.config import HERConfig
from baselines.her.policy import acting_networks
from baselines.runs.algorithms import Preset, find
from tests.helpers import goal_spec

OBJECTS = {"FetchPush-v1": 25, "FetchPushDense-v1": 25, "FetchPickAndPlace-v1": 25, "FetchSlide-v1": 25}  # and sizes
HANDS = {"HandReach-v0": (63, 15), "HandManipulateBlock-v0": (61, 7)}
TASKS = {
    **{name: goal_spec(name, size, 3, 4, 50) for name, size in {**OBJECTS, "FetchReach-v1": 10}.items()},
    **{name: goal_spec(name, size, goal, 20, 100) for name, (size, goal) in HANDS.items()},
    "PointReach-v0": goal_spec("PointReach-v0"),
}


def config_of(task, given=None, preset="single", loaded=None):
    """Return the settings of a run, completed with what follows from the task."""
    return find("her").config(task, given or {}, preset, loaded).for_env(TASKS[task])


@pytest.mark.parametrize("task", TASKS)
def test_single_gives_each_task_its_recipe(task):
    config, default = config_of(task), HERConfig()
    assert acting_networks(config) == "average" and config.target_interval == 1
    assert config.n_batches > default.n_batches and config.random_hold > 1
    assert config.relative_goals == (not task.startswith("FetchSlide"))
    assert (config.replay_actual > 0) == task.startswith("FetchSlide"), "for objects that slide away"
    assert (config.guide, config.relay_effector, config.terminated_value) == ("auto", None, "by_success")
    position = TASKS[task].goal_size == 3 and not task.startswith("FetchSlide")
    assert (config.replay_priority, config.priority_clip) == ("energy" if position else "none", 0.5)
    assert (config.n_critics, config.layer_norm) == ((1, False) if task in HANDS else (2, True))
    fingers = task == "HandReach-v0"  # may move farther with less noise
    assert (config.action_l2 < 0.1 * default.action_l2) == fingers
    assert (config.noise_eps < default.noise_eps) == (fingers or task == "FetchSlide-v1")


# ---- what wins over a preset's settings for a task ----


@pytest.mark.parametrize(
    ("task", "given"),
    [("FetchPush-v1", dict(guide="none", replay_priority="none")), ("FetchPickAndPlace-v1", dict(priority_clip=0.2)),
     ("FetchSlide-v1", dict(random_hold=1.0, replay_actual=0.0, relative_goals=True)),
     ("HandReach-v0", dict(action_l2=1.0, noise_eps=0.2)), ("PointReach-v0", dict(random_hold=2.0, polyak=0.9))],
)  # fmt: skip
def test_what_is_given_wins_over_a_presets_settings_for_the_task(task, given):
    document = config_of(task).document()
    assert all(document[name] != value for name, value in given.items())
    assert config_of(task, given).document() == {**document, **given}
    assert config_of("FetchPush-v1", {"relay_effector": "0:3"}).guide == "relay", "it takes the place of auto"


def test_a_loaded_policy_wins_over_a_preset_and_over_the_environments_own_settings():
    loaded = HERConfig(relative_goals=False).document()
    config = config_of("FetchPush-v1", {}, "single", loaded)
    assert (config.relative_goals, config.guide) == (False, "auto")
    config = config_of("FetchReach-v1", {}, None, {"hidden": 16, "n_cycles": 3, "polyak": 0.5})
    assert (config.hidden, config.n_cycles, config.polyak) == (16, 10, 0.95), "only what is of a policy is taken over"
    with pytest.raises(UserError, match="--relative_goals=True does not fit the loaded policy, which has"):
        config_of("FetchPush-v1", {"relative_goals": True}, "single", loaded)


def test_the_later_of_two_patterns_that_fit_a_task_wins():
    preset = Preset(dict(hidden=1, layers=1), tasks={"Fetch*": dict(hidden=2, n_cycles=2), "FetchPush": dict(hidden=3),
                                                     "*Reach": dict(n_cycles=4)})  # fmt: skip
    assert preset.settings_for("FetchPush") == dict(hidden=3, layers=1, n_cycles=2)
    assert preset.settings_for("FetchReach") == dict(hidden=2, layers=1, n_cycles=4)
    assert preset.settings_for("fetchPush") == preset.settings_for("MyFetchPush") == dict(hidden=1, layers=1)
    assert preset.settings == dict(hidden=1, layers=1), "and the preset is as it was"
    for name in ("gymnasium_robotics:FetchPush-v4", "FetchPush-v77", "some.module:FetchPushDense-v0"):
        assert find("her").config(name, {}, "single") == find("her").config("FetchPush-v1", {}, "single")
