"""Policies on disk: what a run keeps, and what comes back."""

import json
import os
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
import tensorflow as tf

import baselines
from baselines import run
from baselines.her.types import GoalEnvSpec
from tests.environments import PointReach
from tests.helpers import POINT_REACH, ROOT, TINY, TINY_SETTINGS
from tests.storage.policies import arrays_in, assert_same


class SecondEpisodeSucceeds(PointReach):
    """Says that it succeeded in its second episode only, whatever happens."""

    episode = 0

    def reset(self, **how):
        self.episode += 1
        return super().reset(**how)

    def step(self, action):
        *answer, info = super().step(action)
        return *answer, {"is_success": self.episode == 2}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An agent, and the folder that its training of three epochs saved to."""
    folder = tmp_path_factory.mktemp("trained") / "policies"
    evaluated = gymnasium.wrappers.TimeLimit(SecondEpisodeSucceeds(), 30)
    settings = dict(TINY_SETTINGS, policy_save_interval=1, max_u=0.5, relative_goals=True)
    agent = baselines.train(env=gymnasium.make("PointReach-v0"), eval_env=evaluated, n_epochs=3, seed=0,
                            save_path=str(folder), **settings)  # fmt: skip
    return agent, folder


def observations(count=20):
    rng = np.random.default_rng(1)
    return {key: rng.uniform(-1, 1, (count, 2)) for key in ("observation", "achieved_goal", "desired_goal")}


def test_a_run_keeps_the_latest_the_best_and_every_nth_policy(trained):
    agent, folder = trained
    assert sorted(os.listdir(folder)) == ["best", "epoch_0", "epoch_1", "epoch_2", "latest"]
    for saved in folder.iterdir():
        assert sorted(os.listdir(saved)) == ["arrays.npz", "policy.json"]
    assert_same(arrays_in(folder / "latest"), agent.policy_state())
    assert_same(arrays_in(folder / "epoch_2"), agent.policy_state())


def test_the_best_policy_is_that_of_the_epoch_with_most_successes(trained):
    kept = {name: arrays_in(trained[1] / name) for name in ("best", "epoch_0", "epoch_1", "epoch_2")}
    assert_same(kept["best"], kept["epoch_1"])
    for other in ("epoch_0", "epoch_2"):
        assert (kept["best"]["main_pi/0_kernel"] != kept[other]["main_pi/0_kernel"]).any()


@pytest.mark.parametrize("part", ["", "latest", "best", "epoch_0"])
def test_a_loaded_agent_has_the_weights_targets_and_normalizers_that_were_saved(part, trained):
    path = str(trained[1] / part)
    agent = baselines.train(env=gymnasium.make("PointReach-v0"), load_path=path, n_epochs=0, seed=9)
    assert_same(agent.policy_state(), arrays_in(trained[1] / (part or "latest")))
    assert (agent.config.hidden, agent.config.max_u, agent.config.relative_goals) == (8, 0.5, True)
    np.testing.assert_array_equal(agent.policy().act(observations()), baselines.load_policy(path).act(observations()))
    assert {name.partition("/")[0] for name in agent.policy_state()} == {
        "main_pi", "main_Q", "target_pi", "target_Q", "o_stats", "g_stats"}  # fmt: skip


def test_the_document_tells_the_environment_and_the_settings(trained):
    policy = baselines.load_policy(str(trained[1]))
    assert policy.sizes == GoalEnvSpec("PointReach-v0", 2, 2, 2, 30)
    assert policy.spec == policy.sizes.env_spec()
    assert policy.config == trained[0].config
    written = json.loads((trained[1] / "latest" / "policy.json").read_text())
    assert (written["format"], written["alg"]) == ("baselines policy 2", "her")


def test_training_continues_from_a_loaded_policy(trained):
    before = trained[0].policy_state()
    agent = baselines.train(env=gymnasium.make("PointReach-v0"), load_path=str(trained[1]), n_epochs=1, seed=9,
                            **dict(TINY_SETTINGS, Q_lr=0, pi_lr=0))  # fmt: skip
    after = agent.policy_state()
    np.testing.assert_array_equal(after["main_Q/0_kernel"], before["main_Q/0_kernel"])
    assert after["o_stats/count"] == before["o_stats/count"] + 2 * 30


def test_the_launcher_saves_and_loads(cwd):
    run.main([POINT_REACH, *TINY, "--num_timesteps=0", "--save_path=deep/policies", "--seed=1", "--log_path=1"])
    run.main([POINT_REACH, "--num_timesteps=0", "--load_path=deep/policies", "--save_path=copy", "--seed=2",
              "--log_path=2"])  # fmt: skip
    assert_same(arrays_in("deep/policies"), arrays_in("copy"))
    assert sorted(os.listdir("copy")) == ["latest"]


def test_a_policy_acts_like_the_networks_of_tensorflow_where_tensorflow_cannot_be_imported(trained, tmp_path):
    agent, folder = trained
    program = """
import json, sys
sys.modules["tensorflow"] = None  # importing it raises ImportError
import numpy as np
import baselines
policy = baselines.load_policy(sys.argv[1])
observed = {key: np.array(rows) for key, rows in json.load(sys.stdin).items()}
single = policy.act({key: rows[0] for key, rows in observed.items()})
print(json.dumps([policy.act(observed).tolist(), single.tolist()]))
"""
    observed = observations()
    done = subprocess.run([sys.executable, "-c", program, str(folder)], env={**os.environ, "PYTHONPATH": str(ROOT)},
                          input=json.dumps({key: rows.tolist() for key, rows in observed.items()}),
                          cwd=tmp_path, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    many, one = json.loads(done.stdout)
    expected = agent.main.pi(*agent.inputs(*(tf.constant(rows, tf.float32) for rows in observed.values())))
    np.testing.assert_allclose(many, expected, atol=1e-5)
    np.testing.assert_allclose(one, many[0], atol=1e-6)
    assert 0 < np.abs(many).max() <= 0.5
