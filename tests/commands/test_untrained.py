"""What somebody who plays or evaluates the wrong policy is told: one that was never trained, or one of another task."""

from dataclasses import replace

import gymnasium
import pytest

import baselines
from baselines import run
from baselines.evaluate import main as evaluate
from baselines.play import main as play
from tests.commands.doors import POINT_REACH_SIZES, save
from tests.environments import PointReach
from tests.helpers import POINT_REACH, TINY

pytestmark = pytest.mark.usefixtures("cwd", "no_display")
NEVER = "warning: this policy was never trained; to begin with a trained one: --load_path=PATH"
OTHER = "was trained on PointPull-v0, not on tests.environments:PointReach-v0, which has the same sizes"
OTHER_SIZES = replace(POINT_REACH_SIZES, env_id="PointPull-v0")


def test_playing_what_was_never_trained_says_so(capsys):
    run.main([POINT_REACH, *TINY, "--num_timesteps=0", "--play", "--play_episodes=1", "--record_demos=d.npz",
              "--keep_failures"])  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    assert lines.count(NEVER) == 1
    assert lines.index(NEVER) < next(i for i, line in enumerate(lines) if line.startswith("episode 1"))


def test_a_policy_that_was_loaded_or_is_trained_is_not(capsys, eagerly):
    run.main([POINT_REACH, "--num_timesteps=0", f"--load_path={save('policy')}", "--log_path=loaded"])
    run.main([POINT_REACH, *TINY, "--n_epochs=1", "--log_path=log"])
    run.main(["--resume=log", "--n_epochs=1"])
    out = capsys.readouterr().out
    assert "never trained" not in out and "trained on" not in out


def test_commands_that_take_a_policy_of_another_task_name_both(capsys):
    words = [f"--load_path={save('policy', sizes=OTHER_SIZES)}", POINT_REACH]
    evaluate([*words, "--episodes=2", "--vec_env=sync"])
    out, said = capsys.readouterr()
    assert said.splitlines()[0] == f"warning: the policy {OTHER}" and "success rate" in out
    play([*words, "--episodes=1", "--record_demos=d.npz"])
    assert capsys.readouterr().out.splitlines()[0] == f"warning: the policy {OTHER}"
    run.main([*words, "--num_timesteps=0"])
    assert f"warning: the policy in policy {OTHER}" in capsys.readouterr().out.splitlines()


def test_versions_and_kinds_of_reward_of_one_task_and_environments_without_a_name_are_no_other_task(capsys):
    for env_id in ("PointReachDense-v3", "my.module:PointReach-v1"):
        save("policy", sizes=replace(POINT_REACH_SIZES, env_id=env_id))
        evaluate(["--load_path=policy", POINT_REACH, "--episodes=1", "--vec_env=sync"])
    policy = baselines.load_policy(save("policy"))
    baselines.evaluate_policy(policy, gymnasium.wrappers.TimeLimit(PointReach(), 30), 1)
    assert "warning" not in capsys.readouterr().err
