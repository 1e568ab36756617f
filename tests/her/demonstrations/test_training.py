"""Training with demonstrations."""

import contextlib
import io
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import baselines
from baselines import run
from baselines.envs.lockstep import run_episodes
from baselines.her.demonstrations import write_demonstrations
from baselines.her.experiment.config import PRESETS, HERConfig
from baselines.her.replay_buffer import ReplayBuffer, append
from baselines.her.types import Transitions
from tests.helpers import POINT_REACH, TINY_SETTINGS, document, point_reach, straight, train_rows
from tests.her.demonstrations.files import SPEC
from tests.her.numbered import random_transitions


@pytest.fixture(scope="module")
def trained(played, tmp_path_factory):
    """An agent, its rows and what was printed, of two epochs with a file of four demonstrations."""
    path = str(tmp_path_factory.mktemp("demos") / "demos.npz")
    write_demonstrations(path, played, SPEC)
    seen, printed = [], io.StringIO()
    tf.config.run_functions_eagerly(True)
    with contextlib.redirect_stdout(printed):
        agent = baselines.train(env=point_reach(), n_epochs=2, seed=0, callback=seen.append, demo_file=path, q_filter=1,
                                demo_batch_size=4, **TINY_SETTINGS)  # fmt: skip
    tf.config.run_functions_eagerly(False)
    return SimpleNamespace(agent=agent, rows=seen, printed=printed.getvalue())


def test_the_last_rows_of_every_batch_are_demonstrations_relabelled_alike(episodes):
    env = point_reach()
    demonstrations = ReplayBuffer(SPEC, HERConfig(), 1000, env.compute_reward, np.random.default_rng(0))
    demonstrations.store(episodes)
    own = Transitions(*(np.full_like(x, 7) for x in random_transitions(SPEC, (3, 10), np.random.default_rng(0))))
    filled = append(own, demonstrations.sample(3, 4))
    assert filled.observation.shape == (3, 14, 2)
    assert (filled.observation[:, :10] == 7).all()
    known = {tuple(o) for o in episodes.observation.reshape(-1, 2)}
    assert all(tuple(o) in known for o in filled.observation[:, 10:].reshape(-1, 2))
    assert (filled.reward[:, 10:] == env.compute_reward(
        filled.next_achieved_goal[:, 10:].reshape(-1, 2), filled.desired_goal[:, 10:].reshape(-1, 2)
    ).reshape(3, 4)).all()  # fmt: skip


def test_a_demo_file_switches_the_cloning_loss_on(trained):
    assert trained.agent.config.bc_loss and trained.agent.config.demo_rows == 4
    assert len(trained.rows) == 2
    assert all(row["loss/cloning"] >= 0 and 0 <= row["q_filter/passed"] <= 1 for row in trained.rows)
    assert "demonstrations: 4 episodes (the file has no more; num_demo is 100)" in trained.printed


def test_the_preset_clones_without_a_filter_and_the_command_line_wins(tmp_path, file):
    log = tmp_path / "log"
    run.main([POINT_REACH, "--num_timesteps=0", "--vec_env=sync", "--preset=demos", f"--demo_file={file}",
              "--noise_eps=0.3", f"--log_path={log}"])  # fmt: skip
    config = document(log)["config"]
    expected = dict(PRESETS["demos"].settings, bc_loss=True, q_filter=False, num_demo=100, demo_batch_size=64,
                    batch_size=256, noise_eps=0.3, replay_priority="none",
                    prm_loss_weight=0.001, aux_loss_weight=0.0156)  # fmt: skip
    assert {k: config[k] for k in expected} == expected
    assert config["demo_file"] == file and document(log)["num_env"] == 8


@pytest.mark.slow
def test_demonstrations_make_point_reach_learnable_without_hindsight(tmp_path):
    path = str(tmp_path / "demos.npz")
    write_demonstrations(path, run_episodes(point_reach(50), straight), SPEC)
    settings = dict(hidden=64, layers=2, n_cycles=10, n_batches=40, batch_size=128, polyak=0.8, replay_strategy="none")
    rates = {}
    for file in (path, None):
        seen = train_rows(n_epochs=5, demo_file=file, demo_batch_size=32, aux_loss_weight=0.1, **settings)
        rates[file] = seen[-1]["test/success_rate"]
    assert rates[path] > 0.9 and rates[None] < 0.2
