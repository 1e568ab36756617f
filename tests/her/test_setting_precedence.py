"""Which of several values of a setting wins: the command line, a loaded policy, a preset, the environment's own."""

import dataclasses
import os

import pytest

from baselines import run
from baselines.common.errors import UserError
from baselines.common.settings import names_of
from baselines.her.experiment.config import HERConfig
from baselines.her.policy import acting_networks
from baselines.runs.algorithms import Preset, find
from tests.helpers import HORIZON, POINT_REACH, document, goal_spec, refused
from tests.her.effects import EFFECTS, SMALL

DEFAULTS = {**dataclasses.asdict(HERConfig()), "gamma": 1 - 1 / HORIZON}
OF_POLICY = names_of(HERConfig, of_policy=True)
TOGETHER = [name for name in OF_POLICY if name != "test_with_polyak"]  # which contradicts average_actor
NOTHING = ("--num_timesteps=0", "--vec_env=sync")  # processes and EnvPool start slowly


def make_config(*arguments):
    return find("her").config(*arguments)


@pytest.mark.parametrize(
    ("env_id", "n_cycles"),
    [("FetchReach-v1", 10), ("FetchReach-v4", 10), ("FetchReach-v77", 10), ("some.module:FetchReach-v0", 10),
     ("FetchReachDense-v1", 50), ("FetchPush-v1", 50), ("MyFetchReach-v1", 50), ("PointReach-v0", 50)],
)  # fmt: skip
def test_fetch_reach_has_10_cycles_in_every_version_and_others_have_50(env_id, n_cycles):
    assert make_config(env_id, {}).n_cycles == n_cycles
    assert make_config(env_id, {"n_cycles": 7}).n_cycles == 7
    assert make_config(env_id, {"n_cycles": 50}).n_cycles == 50
    assert dataclasses.replace(make_config(env_id, {}), n_cycles=50) == HERConfig()


@pytest.mark.parametrize(("given", "n_cycles"), [([], 10), (["--n_cycles=7"], 7), (["--n_cycles=50"], 50)])
def test_the_command_line_wins_over_a_preset_and_both_over_the_environment(given, n_cycles, untrained, demos):
    run.main(["--env=FetchReach-v1", *NOTHING, "--log_path=log", *SMALL, *given])
    assert document("log")["config"]["n_cycles"] == document("log")["schedule"]["n_cycles"] == n_cycles
    run.main([POINT_REACH, *NOTHING, "--log_path=log2", "--preset=demos", "--demo_file=demos.npz", *given])
    config = document("log2")["config"]
    assert (config["n_cycles"], config["n_batches"], config["demo_batch_size"]) == (n_cycles, 120, 64)
    own = find("her")._replace(ENV_DEFAULTS={"FetchReach": {"n_cycles": 5, "hidden": 8}})
    config = own.config("FetchReach-v1", {}, "demos")
    assert (config.n_cycles, config.hidden) == (10, 8)


@pytest.mark.parametrize(
    ("preset", "num_env", "settings"),
    [
        ("single", 8, dict(target_interval=1, polyak=0.995, average_actor=0.999, n_batches=240, n_cycles=10,
                           random_hold=5, relative_goals=True, n_critics=2, layer_norm=True, guide="auto",
                           terminated_value="by_success", replay_priority="none", priority_clip=0.5)),
        # 19 workers, each with 2 environments, batches of 256 and a buffer of 1e6.
        ("paper19", 38, dict(batch_size=19 * 256, buffer_size=19 * 10**6, simulated_workers=19)),
    ],
)  # fmt: skip
def test_presets_of_one_process_bring_their_environments(preset, num_env, settings, cwd, untrained):
    argv = [POINT_REACH, "--num_timesteps=0", "--vec_env=sync", f"--preset={preset}"]
    run.main([*argv, "--log_path=log"])
    found = document("log")
    assert found["num_env"] == num_env
    assert found["config"] == {**DEFAULTS, **settings}
    unresolved = {"replay_priority": "auto"} if preset == "single" else {}  # without an environment
    assert make_config("PointReach-v0", {}, preset) == HERConfig(**{**settings, **unresolved})
    run.main([*argv, "--log_path=log2", "--num_env=3"])
    assert document("log2")["num_env"] == 3


@pytest.mark.parametrize(
    ("words", "named"),
    [(["--replay_priority=energy"], ["PointReach-v0 have 2 numbers", "--replay_priority=movement"]),
     (["--demo_file=demos.npz", "--bc_loss=False"], ["--bc_loss=False"]),
     (["--preset=single", "--test_with_polyak=True"], ["test_with_polyak", "add --average_actor=0"]),
     (["--demo_file=demos.npz", "--batch_size=64"], ["demo_batch_size: expected less than batch_size, 64, got 128"]),
     (["--terminated_value=by_success", "--clip_return=False"], ["by_success needs the bounds of clip_return"]),
     (["--preset=demos"], ["demo_file"])],
)  # fmt: skip
def test_settings_that_contradict_each_other_or_the_task_are_refused(words, named, demos, capsys):
    line = refused(capsys, POINT_REACH, *words)
    assert all(word in line for word in named)


def test_cloning_is_where_demonstrations_are_and_nowhere_else():
    assert make_config("PointReach-v0", {}).bc_loss is False
    assert make_config("PointReach-v0", {"bc_loss": None, "demo_file": "demos.npz"}).bc_loss is True
    assert make_config("PointReach-v0", {"demo_file": "demos.npz"}).demo_rows == 128
    assert make_config("PointReach-v0", {}).demo_rows == 0


def test_gamma_follows_from_the_horizon_unless_it_is_given_and_the_last_of_repeated_settings_wins(cwd, untrained):
    assert make_config("PointReach-v0", {}).gamma is None
    assert make_config("PointReach-v0", {"gamma": 0.5}).for_env(goal_spec()).gamma == 0.5
    for number, words in enumerate(([], ["--gamma=None"], ["--hidden=4", "--hidden", "8", "--hidden=16"])):
        run.main([POINT_REACH, "--num_timesteps=0", f"--log_path=log{number}", *words])
        assert document(f"log{number}")["config"] == {**DEFAULTS, **({"hidden": 16} if number == 2 else {})}


# ---- a policy that training begins with ----


@pytest.fixture(scope="module")
def odd_policy(tmp_path_factory):
    """A saved policy with no default among the settings that come with a policy, nor for polyak."""
    folder = tmp_path_factory.mktemp("odd")
    settings = [f"--{name}={EFFECTS[name].value}" for name in (*TOGETHER, "polyak")]
    run.main([POINT_REACH, "--num_timesteps=0", f"--save_path={folder}/odd", f"--log_path={folder}/log", *settings])
    return [f"--load_path={folder}/odd", POINT_REACH, "--num_timesteps=0"]


def test_a_loaded_policy_brings_the_settings_that_give_its_numbers_their_meaning(odd_policy, cwd):
    run.main([*odd_policy, "--log_path=log"])
    found = document("log")["config"]
    assert {name: found[name] for name in TOGETHER} == {name: EFFECTS[name].value for name in TOGETHER}
    assert found["polyak"] == HERConfig().polyak


@pytest.mark.parametrize("name", TOGETHER)
def test_a_setting_that_contradicts_the_loaded_policy_is_refused(name, odd_policy, cwd, capsys):
    line = refused(capsys, *odd_policy, f"--{name}={getattr(HERConfig(), name)}")
    assert f"--{name}={getattr(HERConfig(), name)}" in line
    assert f"{name}={EFFECTS[name].value}" in line
    run.main([*odd_policy, f"--{name}={EFFECTS[name].value}", "--log_path=log"])  # the policy's own is welcome
    assert os.path.exists("log/config.json")


def test_settings_that_belong_to_a_policy_are_all_that_its_numbers_depend_on():
    which_networks_act = {"test_with_polyak", "average_actor"}
    inputs = {"relative_goals", "clip_obs", "norm_eps", "norm_clip"}
    assert set(OF_POLICY) == {"hidden", "layers", "n_critics", "layer_norm", "max_u"} | inputs | which_networks_act


# ---- presets for single tasks ----


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
