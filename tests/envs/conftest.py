"""Environments that are closed when a test is over."""

import contextlib

import pytest

from baselines.envs import make_vec_env


@pytest.fixture
def make():
    """Makes environments with seeds 0, 1, ... and closes them when the test is over."""
    with contextlib.ExitStack() as opened:

        def made(env_id, num_env=4, back_end="envpool", num_threads=2):
            env = make_vec_env(env_id, num_env, list(range(num_env)), back_end, num_threads)
            return opened.enter_context(contextlib.closing(env))

        yield made
