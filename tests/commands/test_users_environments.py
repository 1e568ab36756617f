"""Environments that others wrote are trained, saved and evaluated for a few cycles; and the one that docs shows."""

import importlib
import re

import numpy as np
import pytest

import baselines
from baselines import run
from benchmarks.experiments import USERS
from tests.helpers import ROOT, TINY, TINY_SETTINGS, rows

evaluate = importlib.import_module("baselines.evaluate")
# Their libraries warn of what is theirs to mend.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.slow
@pytest.mark.parametrize("arm", [experiment.arms["single"] for experiment in USERS.values()], ids=USERS)
def test_a_few_cycles_of_each(arm, cwd, capsys):
    named = [f"--env={arm.env}", "--max_episode_steps=20"]
    # The settings of the figures, but as few and as small as possible.
    ours = {f"--{name}" for name in (*TINY_SETTINGS, "env", "max_episode_steps", "num_env", "vec_env")}
    flags = [flag for flag in arm.flags if flag.partition("=")[0] not in ours]
    run.main([*named, *flags, *TINY, "--num_env=2", "--vec_env=sync", "--seed=0", "--num_timesteps=160",
              "--log_path=log", "--save_path=saved"])  # fmt: skip
    logged = rows("log")
    assert len(logged) >= 2 and all(np.isfinite(float(row["loss/critic"])) for row in logged)
    assert 0 < int(logged[-1]["total/timesteps"]) < 200  # the last cycle may go beyond 160
    evaluate.main([*named, "--load_path=saved", "--episodes=4", "--num_env=2", "--vec_env=sync"])
    assert "success rate" in capsys.readouterr().out


@pytest.mark.slow
def test_panda_reach_is_learnt():
    seen = []
    baselines.train(env="panda_gym:PandaReach-v3", preset="single", num_env=2, vec_env="sync", n_epochs=6, n_cycles=2,
                    n_test_rollouts=10, seed=0, callback=seen.append)  # fmt: skip
    assert seen[-1]["test/success_rate"] > 0.9


@pytest.mark.slow
def test_the_environment_that_docs_shows_is_learnt_and_short(cwd, monkeypatch):
    text = (ROOT / "docs/environments.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(block.splitlines()) <= 40
    (cwd / "shown_in_docs.py").write_text(block)
    monkeypatch.syspath_prepend(cwd)
    seen = []
    baselines.train(env="shown_in_docs:MyPoint-v0", vec_env="sync", seed=0, n_epochs=15, n_cycles=10, hidden=64,
                    layers=2, batch_size=128, polyak=0.8, action_l2=0.1, n_test_rollouts=40,
                    callback=seen.append)  # fmt: skip
    assert seen[-1]["test/success_rate"] > 0.9
