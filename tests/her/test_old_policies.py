"""Policies that version 0.1.0 saved: config.json beside arrays.npz, of format 'baselines.her policy 1'."""

import json
import os

import gymnasium
import numpy as np
import pytest

import baselines
from baselines import play
from baselines.common.errors import UserError
from baselines.common.mpi import Communicator
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.policy import Policy
from baselines.her.types import GoalEnvSpec
from baselines.policies.numpy_networks import NetworkPolicy
from baselines.policies.policy import save_policy
from tests.helpers import TINY_SETTINGS

SPEC = GoalEnvSpec("PointReach-v0", 2, 2, 2, 30)
ENVIRONMENT = {"env_id": "PointReach-v0", "observation_size": 2, "goal_size": 2, "action_size": 2, "horizon": 30}
# Every setting of version 0.1.0.
SETTINGS = {
    "hidden": 8, "layers": 1, "max_u": 0.5, "Q_lr": 0.001, "pi_lr": 0.001, "polyak": 0.95, "gamma": None,
    "clip_return": True, "clip_pos_returns": True, "action_l2": 1.0, "batch_size": 256, "buffer_size": 1000000,
    "n_cycles": 50, "n_batches": 40, "n_test_rollouts": 10, "target_interval": 0, "test_with_polyak": False,
    "policy_save_interval": 5, "simulated_workers": 1, "random_eps": 0.3, "noise_eps": 0.2, "replay_strategy": "future",
    "replay_k": 4.0, "replay_priority": "none", "priority_floor": 0.02, "priority_clip": 0.1, "relative_goals": True,
    "bc_loss": False, "q_filter": False, "num_demo": 100, "demo_batch_size": 128, "prm_loss_weight": 0.001,
    "aux_loss_weight": 0.0078, "clip_obs": 200.0, "norm_eps": 0.02, "norm_clip": 5.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def agent():
    """An agent after some observations, which no test may change."""
    rng = np.random.default_rng(0)
    config = HERConfig(hidden=8, layers=1, max_u=0.5, relative_goals=True, norm_eps=0.02)
    agent = DDPG(SPEC, config, rng, Communicator())
    for stats in (agent.o_stats, agent.g_stats):
        stats.update(rng.normal(size=(50, 2)))
    agent.load_policy_state(agent.policy_state())  # the graph takes over the statistics
    return agent


def write_old(folder, arrays, **settings):
    """What version 0.1.0 wrote."""
    folder.mkdir(parents=True)
    document = {"format": "baselines.her policy 1", "environment": ENVIRONMENT, "config": {**SETTINGS, **settings}}
    (folder / "config.json").write_text(json.dumps(document, indent=2))
    np.savez(folder / "arrays.npz", allow_pickle=False, **arrays)


@pytest.fixture
def old(tmp_path, agent):
    """The folder of policies of a run."""
    write_old(tmp_path / "policies" / "latest", agent.policy_state())
    return tmp_path / "policies"


def observations():
    rng = np.random.default_rng(1)
    return {key: rng.uniform(-1, 1, (20, 2)) for key in ("observation", "achieved_goal", "desired_goal")}


@pytest.mark.parametrize("part", ["", "latest"])
def test_an_old_policy_acts_as_it_did(part, old, agent):
    policy, seen = baselines.load_policy(str(old / part)), observations()
    actions = policy.act(seen)
    np.testing.assert_allclose(actions, agent.main.pi(*agent.inputs(*map(np.float32, seen.values()))), atol=1e-6)
    assert 0 < np.abs(actions).max() <= 0.5
    assert policy.spec == SPEC.env_spec()
    assert policy.config == agent.config


def test_the_old_way_of_loading_one_works_and_knows_its_own(old, tmp_path):
    seen = observations()
    np.testing.assert_array_equal(Policy.load(str(old)).act(seen), baselines.load_policy(str(old)).act(seen))
    network = NetworkPolicy(SPEC.env_spec(), [(np.zeros((6, 2)), np.zeros(2))])
    save_policy(str(tmp_path / "network"), network)
    with pytest.raises(UserError, match="holds a policy of --alg=network, not of HER"):
        Policy.load(str(tmp_path / "network"))
    with pytest.raises(UserError, match="no policy at nowhere"):
        Policy.load("nowhere")


def test_training_begins_from_an_old_policy_and_saves_a_new_one(old, agent, tmp_path):
    new, before = tmp_path / "new", agent.policy_state()
    trained = baselines.train(env=gymnasium.make("PointReach-v0"), load_path=str(old), save_path=str(new), n_epochs=1,
                              seed=0, **dict(TINY_SETTINGS, Q_lr=0, pi_lr=0))  # fmt: skip
    after = trained.policy_state()
    for name in ("main_pi/0_kernel", "main_Q/1_bias"):
        np.testing.assert_array_equal(after[name], before[name])
    assert after["o_stats/count"] == before["o_stats/count"] + 2 * 30
    config = trained.config
    assert (config.max_u, config.relative_goals, config.norm_eps, config.n_cycles) == (0.5, True, 0.02, 2)
    assert sorted(os.listdir(new / "latest")) == ["arrays.npz", "policy.json"]
    seen = observations()
    np.testing.assert_array_equal(baselines.load_policy(str(new)).act(seen), trained.policy().act(seen))


def test_an_old_policy_that_learnt_from_demonstrations_loads_too(tmp_path, agent):
    write_old(tmp_path / "policy", agent.policy_state(), bc_loss=True, q_filter=True)
    policy, seen = baselines.load_policy(str(tmp_path / "policy")), observations()
    np.testing.assert_array_equal(policy.act(seen), agent.policy().act(seen))
    trained = baselines.train(env=gymnasium.make("PointReach-v0"), load_path=str(tmp_path / "policy"), n_epochs=0)
    assert not trained.config.bc_loss, "the cloning loss is of that run, not of the policy"


def test_an_old_policy_is_played(old, capsys):
    play.main([f"--load_path={old}", "--env=tests.environments:PointReach-v0", "--episodes=2",
               f"--record_demos={old}.npz", "--keep_failures"])  # fmt: skip
    assert "played 2 episodes: success rate" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(config={**SETTINGS, "hidden": 9}), "array 'main_pi/0_kernel': expected float32"),
        (dict(config={**SETTINGS, "hiden": 8}), "unknown setting 'hiden'"),
        (dict(environment={**ENVIRONMENT, "action_size": 3}), r"expected float32 \[8, 3\], got float32 \[8, 2\]"),
        (dict(format="baselines.her policy 2"), "expected format 'baselines policy 2'"),
        (dict(format="baselines.nobody policy 1"), "it is of 'nobody', whose code would be run"),
    ],
)
def test_an_old_document_that_does_not_fit_is_refused(change, message, old):
    file = old / "latest" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(UserError, match=message):
        baselines.load_policy(str(old))


def test_where_there_are_both_documents_the_new_one_counts(old, agent):
    baselines.policies.policy.save_policy(str(old / "latest"), agent.policy())
    (old / "latest" / "config.json").write_text("the document of a run that was logged to this folder")
    assert baselines.load_policy(str(old)).config == agent.config
