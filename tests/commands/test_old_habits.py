"""What users of OpenAI Baselines type and have in their shells: obeyed, or answered in one line."""

import os
from pathlib import Path

import pytest

from baselines import evaluate, play, run
from baselines.her.experiment import play as old_play
from baselines.her.experiment import plot as old_plot
from baselines.her.experiment import train as old_train
from tests.commands.doors import command_refused, save
from tests.helpers import POINT_REACH, TINY, document, refused, write_package

pytestmark = pytest.mark.usefixtures("cwd")
REGISTERS = """
import gymnasium
gymnasium.register("Extra-v0", "tests.environments:PointReach", max_episode_steps=30)
"""


def test_the_log_folder_of_the_shell_is_obeyed_and_said(untrained, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_LOGDIR", "mine")
    run.main([POINT_REACH, *TINY])
    assert "OPENAI_LOGDIR is set: logs go there" in Path("mine/log.txt").read_text()
    assert "OPENAI_LOGDIR" in capsys.readouterr().out and not os.path.exists("runs")
    line = refused(capsys, POINT_REACH, *TINY)
    assert line.startswith("error: OPENAI_LOGDIR is set: mine holds files of another run; choose another --log_path")
    run.main([POINT_REACH, *TINY, "--log_path=other"])
    assert "OPENAI_LOGDIR" not in Path("other/log.txt").read_text()
    monkeypatch.setenv("OPENAI_LOGDIR", "")
    run.main([POINT_REACH, *TINY])
    assert os.path.isdir("runs")


@pytest.mark.parametrize(
    ("word", "answer"),
    [("--num_cpu=19", "mpirun -np N"), ("--gamestate=Level1", "leave it out"), ("--logdir=x", "--log_path"),
     ("--reward_scale=0.1", "gymnasium.wrappers.TransformReward"), ("--rollout_batch_size=2", "--num_env"),
     ("--network_class=a:B", "--layers"), ("--save_interval=5", "--policy_save_interval"),
     ("--render", "baselines.play"), ("--network=cnn", "mlp")],
)  # fmt: skip
def test_flags_that_there_are_not_are_answered_with_what_to_use(word, answer, capsys):
    assert answer in refused(capsys, POINT_REACH, *TINY, word)


def test_an_extra_import_comes_before_the_environment_is_made_and_is_kept_for_a_resumed_run(modules, untrained, capsys):
    write_package(modules, "extra_robots", envs=REGISTERS)
    run.main(["--extra_import=extra_robots.envs", "--env=Extra-v0", *TINY, "--log_path=mine"])
    assert document("mine")["env"] == "extra_robots.envs:Extra-v0"
    run.main(["--extra_import=extra_robots.envs", POINT_REACH, *TINY, "--log_path=other"])
    assert document("other")["env"] == POINT_REACH.removeprefix("--env=")
    save("policy")
    evaluate.main(["--load_path=policy", "--extra-import=extra_robots.envs", "--env=Extra-v0", "--episodes", "2",
                   "--vec_env=sync"])  # fmt: skip
    assert "success rate    1.000" in capsys.readouterr().out


@pytest.mark.parametrize(("text", "said"), [("raise SystemExit(0)", "SystemExit"), (None, "ModuleNotFoundError")])
def test_an_extra_import_that_fails_is_refused(text, said, modules, capsys):
    name = f"failing_{said}"
    if text:
        write_package(modules, name, envs=text)
    line = refused(capsys, POINT_REACH, f"--extra_import={name}.envs")
    assert f"--extra_import={name}.envs: cannot import module '{name}.envs' ({said}: " in line
    assert "give its name, package.module" in refused(capsys, POINT_REACH, "--extra_import=envs.py")


@pytest.mark.parametrize(
    ("main", "words", "answer"),
    [(old_train.main, ["--num_cpu", "19"], "mpirun -np N python -m baselines.run"),
     (old_train.main, ["--logdir"], "--logdir needs a value"),
     (play.main, ["policy.safetensors"], "give a policy as --load_path=policy.safetensors"),
     (old_play.main, ["best.pkl"], "cannot read best.pkl: it is not a .safetensors file of baselines")],
)  # fmt: skip
def test_old_words_that_cannot_be_taken_are_refused_in_one_line(main, words, answer, capsys):
    save("policy")
    Path("best.pkl").write_bytes(b"\x80\x03cbaselines.her.ddpg\nDDPG\nq\x00.")
    assert answer in command_refused(capsys, main, *words, POINT_REACH)


@pytest.mark.parametrize("words", [["--logdir=old", "--num_cpu=1"], ["--logdir", "old", "--num_cpu", "1"]])
def test_the_old_doors_train_keep_policies_and_play_as_they_did(words, untrained, capsys):
    old_train.main([POINT_REACH, *TINY, "--n_epochs=0", *words])
    assert document("old")["alg"] == "her" and os.path.exists("old/latest.safetensors")
    render = [] if "old" in words else ["--render", "1"]
    old_play.main(["--seed", "1", "old", POINT_REACH, "--n_test_rollouts=2", "--record_demos=demos.npz", *render,
                   "--keep_failures"])  # fmt: skip
    assert "played 2 episodes" in capsys.readouterr().out


def test_the_old_door_of_plotting_takes_a_folder_of_runs(capsys):
    for seed in range(2):
        os.makedirs(f"runs/{seed}")
        with open(f"runs/{seed}/progress.csv", "w") as file:
            file.write("epoch,total/timesteps,test/success_rate\n0,100,0.5\n")
    old_plot.main(["runs"])
    assert capsys.readouterr().out == "wrote runs/curves.png\n" and os.path.exists("runs/curves.png")
    os.mkdir("empty")
    for words, said in (
        (["empty"], "has no progress.csv"),
        (["nowhere"], "a folder of runs, got 'nowhere'"),
        (["runs", "--smooth=2"], "expected at least 2"),
        (["runs", "--y=test/loss"], "has no column 'test/loss'; it has epoch, total/timesteps, test/success_rate"),
        ([], "RUNS"),
    ):
        assert said in command_refused(capsys, old_plot.main, *words)
