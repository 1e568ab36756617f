"""Every setting on the command line changes what it means in the agent, and is written to config.json."""

import dataclasses
import inspect
import os
from types import SimpleNamespace

import numpy as np
import pytest

from baselines import run
from baselines.common.settings import names_of
from baselines.her import train as her_train
from baselines.her.experiment.config import HERConfig
from baselines.runs.options import Options
from tests.helpers import HORIZON, POINT_REACH, document
from tests.her.effects import EFFECTS, SHORT, SMALL
from tests.her.measures import counted, shares_of_relabelled_goals, transitions

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture
def wired(cwd, demos, monkeypatch):
    """Launch as a user would, but hand what `learn` has wired together to a function instead of training with it."""
    train = her_train.train

    def launch(measure, *settings):
        measured = []

        def instead(*arguments, **named):
            names = inspect.signature(train).bind(*arguments, **named).arguments
            measured.append(measure(SimpleNamespace(**names, go=lambda: train(**names))))

        monkeypatch.setattr(her_train, "train", instead)
        launch.log = f"log{len(list(cwd.iterdir()))}"
        paths = [f"--log_path={launch.log}", f"--save_path={launch.log.replace('log', 'policies')}"]
        run.main([POINT_REACH, "--seed=0", "--n_epochs=1", *paths, *settings])
        return measured[0]

    return launch


def test_the_effect_of_every_setting_is_measured():
    assert EFFECTS.keys() == set(names_of(HERConfig)) - {"network"}
    (network,) = (field for field in dataclasses.fields(HERConfig) if field.name == "network")
    assert network.metadata["choices"] == ("mlp",)


@pytest.mark.parametrize("name", EFFECTS)
def test_a_setting_on_the_command_line_changes_what_it_means_and_that_entry_of_config_json(name, wired):
    effect, configs = EFFECTS[name], []
    given = ("--" + name, str(effect.value), *effect.needs)
    for settings, expected in (((), effect.default), (given, effect.changed)):
        measured = wired(effect.measure, *effect.others, *settings)
        assert measured == pytest.approx(expected, abs=effect.tolerance, rel=effect.tolerance)
        configs.append(document(wired.log)["config"])
    before, after = configs
    changed = {key: value for key, value in after.items() if value != before[key]}
    follows = {
        "relay_effector": {"guide": "relay"},
        "demo_file": {"bc_loss": True},
        "bc_loss": {"demo_file": os.path.abspath("demos.npz")},
    }
    value = os.path.abspath(effect.value) if name == "demo_file" else effect.value
    assert changed == {name: value, **follows.get(name, {})}


@pytest.mark.parametrize(("strategy", "shares"), [("none", (0, 0)), ("episode", (0.8, 0.8 / HORIZON))])
def test_the_other_strategies_relabel_with_their_goals(strategy, shares, wired):
    measured = wired(shares_of_relabelled_goals, *SMALL, f"--replay_strategy={strategy}")
    assert measured == pytest.approx(shares, abs=0.03)


@pytest.mark.parametrize(("given", "kept"), [((), [4]), (("=2",), [1, 3]), (("=0",), [])])
def test_policies_are_kept_by_number_every_policy_save_interval(given, kept, wired):
    words = [f"--policy_save_interval{value}" for value in given]
    assert wired(counted("kept"), *SHORT, "--n_epochs=5", *words) == kept


def test_the_flags_of_a_run_are_written_to_config_json(cwd, untrained):
    values = dict(num_env=3, vec_env="sync", seed=5, policy_save_interval=2, checkpoint_interval=7,
                  save_path=os.path.abspath("policies"))  # fmt: skip
    words = [word for name, value in values.items() for word in (f"--{name}", str(value))]
    run.main([*words, POINT_REACH, *SMALL, "--num_timesteps=0", "--log_path=log"])
    found = document("log")
    assert {name: found[name] for name in values} == values
    for name in set(names_of(Options)) - set(values) - {"resume", "log_path", "extra_import", "worker_timeout"}:
        given = {"alg": "her", "env": POINT_REACH.removeprefix("--env="), "num_timesteps": 0.0}
        assert found[name] == given.get(name, getattr(Options(), name)), name


@pytest.mark.parametrize(
    ("settings", "observation", "goal"),
    [((), 100, 100), (("--clip_obs=10",), 10, 10), (("--relative_goals=True",), 100, 70)],
)
def test_normalizers_learn_from_what_the_networks_are_shown(settings, observation, goal, wired):
    def means(wiring):
        batch = transitions(wiring.agent, reward=0, count=9999)
        wiring.agent.update_normalizers(
            batch._replace(
                observation=np.full_like(batch.observation, 100),
                achieved_goal=np.full_like(batch.achieved_goal, 30),
                desired_goal=np.full_like(batch.desired_goal, 100),
            )
        )
        return [float(stats.mean[0]) for stats in (wiring.agent.o_stats, wiring.agent.g_stats)]

    assert wired(means, *SMALL, *settings) == pytest.approx([observation, goal], rel=1e-3)
