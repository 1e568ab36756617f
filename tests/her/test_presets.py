"""What the presets bring to each task, and what wins over them."""

import pytest

from baselines import run
from baselines.common.errors import UserError
from baselines.her.experiment.config import PRESETS, HERConfig
from baselines.her.policy import acting_networks
from baselines.runs.algorithms import Preset, find
from tests.helpers import document, goal_spec
from tests.her.effects import FETCH_PUSH, SMALL

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


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_task_has_its_own_settings_over_the_presets_and_the_defaults_elsewhere(task, preset):
    given = {"demo_file": "demos.npz"} if preset == "demos" else {}
    own = {name: value for pattern, settings in PRESETS[preset].tasks.items()
           if task.startswith(pattern.removesuffix("*")) for name, value in settings.items()}  # fmt: skip
    n_cycles = {"n_cycles": 10} if task == "FetchReach-v1" else {}
    expected = HERConfig(**{**n_cycles, **PRESETS[preset].settings, **own, **given})
    assert config_of(task, given, preset) == expected.for_env(TASKS[task])
    if preset == "demos":
        names = ("demo_batch_size", "prm_loss_weight", "aux_loss_weight")
        cloning = {name: PRESETS["demos"].settings[name] for name in names} | given
        assert all(getattr(expected, name) == value for name, value in cloning.items())
        assert expected.bc_loss and not expected.q_filter


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


def test_the_command_line_wins_over_a_presets_settings_for_the_task(cwd, untrained):
    run.main([*FETCH_PUSH, *SMALL, "--num_timesteps=0", "--preset=single", "--log_path=log", "--guide_eps=0.1",
              "--replay_priority=none"])  # fmt: skip
    config = document("log")["config"]
    assert (config["guide"], config["guide_eps"], config["replay_priority"]) == ("auto", 0.1, "none")
    assert (config["priority_clip"], config["random_hold"]) == (0.5, 5)
    assert config_of("FetchPush-v1", {"relay_effector": "0:3"}).guide == "relay", "it takes the place of auto"


def test_a_loaded_policy_wins_over_a_presets_settings_for_the_task():
    loaded = HERConfig(relative_goals=False).document()
    config = config_of("FetchPush-v1", {}, "single", loaded)
    assert (config.relative_goals, config.guide) == (False, "auto")
    with pytest.raises(UserError, match="--relative_goals=True does not fit the loaded policy"):
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
