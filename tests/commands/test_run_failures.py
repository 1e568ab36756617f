"""Runs that fail while they train, and that seeds decide all numbers."""

import os

import numpy as np
import pytest

from baselines import run
from tests.helpers import POINT_REACH, TINY, refused, timeless


def launch(log, *argv):
    run.main([*argv, f"--log_path={log}", *TINY])
    return timeless(log)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_and_a_different_seed_others(cwd):
    argv = ["--env=FetchReach-v1", "--num_env=2", "--n_epochs=1", "--vec_env=envpool"]
    first = launch("first", *argv, "--seed=1")
    assert len(first) == 1
    assert launch("again", *argv, "--seed=1") == first
    assert launch("other", *argv, "--seed=2") != first


def test_an_environment_that_ends_early_is_trained_on(cwd, eagerly):
    argv = ["--env=tests.environments:PointReach-end-v0", "--vec_env=sync", "--num_env=2", "--n_epochs=1"]
    (row,) = launch("log", *argv)
    assert float(row["total/timesteps"]) == 2 * 2 * 5
    assert float(row["train/episode"]) == 4
    assert np.isfinite([float(value) for value in row.values()]).all()


def test_a_loss_that_is_not_finite_ends_the_run_with_its_name_and_a_remedy(cwd, capsys, eagerly):
    argv = [POINT_REACH, *TINY, "--n_epochs=3", "--Q_lr=1e30", "--pi_lr=1e30", "--save_path=policies"]
    line = refused(capsys, *argv, code=1)
    assert "loss/" in line and "update" in line
    assert "--Q_lr" in line and "--pi_lr" in line
    assert not os.path.exists("policies"), "weights that are lost are not kept"
