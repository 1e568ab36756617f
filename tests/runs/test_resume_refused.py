"""What may not differ when a run is resumed, and folders that hold no run: refused, and nothing is changed."""

import json
import re
from pathlib import Path

import pytest

import baselines
from baselines import run
from baselines.common.errors import UserError
from tests.helpers import contents, point_reach, refused, timeless
from tests.runs.helpers import words

# config.json of a run of FetchReach-v1 that version 0.1.0 wrote.
VERSION_0_1_0 = {
    "alg": "her", "version": "0.1.0", "env": "FetchReach-v1", "num_env": 1, "workers": 1, "seed": 0,
    "config": {
        "hidden": 256, "layers": 3, "max_u": 1.0, "Q_lr": 0.001, "pi_lr": 0.001, "polyak": 0.95, "gamma": 0.98,
        "clip_return": True, "clip_pos_returns": True, "action_l2": 1.0, "batch_size": 256, "buffer_size": 1000000,
        "n_cycles": 10, "n_batches": 40, "n_test_rollouts": 10, "target_interval": 0, "test_with_polyak": False,
        "policy_save_interval": 5, "simulated_workers": 1, "random_eps": 0.3, "noise_eps": 0.2,
        "replay_strategy": "future", "replay_k": 4.0, "replay_priority": "none", "priority_floor": 0.02,
        "priority_clip": 0.1, "relative_goals": False, "bc_loss": False, "q_filter": False, "num_demo": 100,
        "demo_batch_size": 128, "prm_loss_weight": 0.001, "aux_loss_weight": 0.0078, "clip_obs": 200.0,
        "norm_eps": 0.01, "norm_clip": 5.0,
    },
    "schedule": {"n_epochs": 10, "n_cycles": 10, "steps_per_cycle": 50},
}  # fmt: skip


# ---- what differs from the run ----


@pytest.mark.parametrize(
    "differs",
    ["--hidden=16", "--seed=1", "--num_env=3", "--env=FetchReach-v1", "--vec_env=async", "--preset=demos",
     "--save_path=elsewhere", "--log_path=elsewhere", "--n_batches=5", "--demo_file=demos.npz", "--load_path=elsewhere",
     "--clip_return=false", "--gamma=0.9"],
)  # fmt: skip
def test_what_differs_from_the_run_to_resume_is_refused_by_name(differs, log, capsys):
    line = refused(capsys, "--resume=log", differs)
    assert differs.partition("=")[0].strip("-") in line and "log" in line


@pytest.mark.parametrize(
    ("differs", "line"),
    [
        ("--seed=1", "seed 1 against 0 there"),
        ("--hidden=16", "hidden 16 against 8 there"),
        ("--demo_file=demos.npz", "demo_file {cwd}/demos.npz against None there"),
    ],
)
def test_the_line_says_what_it_is_now_and_what_it_was(differs, line, log, cwd, capsys):
    said = refused(capsys, "--resume=log", differs)
    assert said == f"error: --resume=log continues its run as it began: {line.format(cwd=cwd)}\n"


def test_a_value_that_is_none_is_refused_as_ever(log, capsys):
    assert "hidden: expected a whole number, got 'many'" in refused(capsys, "--resume=log", "--hidden=many")


@pytest.mark.parametrize("name", ["discount", "nonsense"])
def test_what_is_no_setting_is_refused_from_python_too(name, log):
    before = contents(log)
    with pytest.raises(UserError, match=name):
        baselines.train(env=point_reach(2), resume="log", **{name: None})
    assert contents(log) == before


def test_fewer_epochs_than_there_were_train_nothing_more(log, capsys):
    before = timeless(log)
    line = refused(capsys, "--resume=log", "--n_epochs=2")
    assert "3" in line and "2" in line
    assert timeless(log) == before


def test_a_number_of_workers_that_differs_is_refused(log, capsys):
    config = json.loads(Path("log/config.json").read_text())
    Path("log/config.json").write_text(json.dumps({**config, "workers": 2}))
    assert "workers 1 against 2" in refused(capsys, "--resume=log")


# ---- folders that hold no run that can be resumed ----


@pytest.mark.parametrize("missing", ["config.json", "all", "the format", "the schedule", "the seed"])
def test_a_folder_that_holds_no_run_is_refused(missing, log, capsys):
    Path("empty").mkdir()
    document = json.loads(Path("log/config.json").read_text())
    Path("log/config.json").unlink()
    if missing.startswith("the "):
        del document[missing.removeprefix("the ")]
        Path("log/config.json").write_text(json.dumps(document))
    folder = "empty" if missing == "all" else "log"
    assert folder in refused(capsys, f"--resume={folder}")


@pytest.mark.parametrize("more", [[], ["--n_epochs=20"], ["--seed=0", "--env=FetchReach-v1"]])
def test_a_run_of_version_0_1_0_is_refused_and_the_version_that_can_resume_it_named(more, capsys):
    files = {
        "config.json": json.dumps(VERSION_0_1_0, indent=2),
        "command.json": json.dumps({"words": ["--num_timesteps=5000", "--seed=0", "--env=FetchReach-v1"]}),
        "log.txt": "environments: 1 x FetchReach-v1\n",
        "progress.csv": "epoch,test/success_rate\n0,0.5\n",
        "progress.json": '{"epoch": 0}\n',
    }
    Path("old/checkpoint").mkdir(parents=True)
    for name, text in files.items():
        Path("old", name).write_text(text)
    Path("old/checkpoint/99-rank0.safetensors").write_bytes(b"state")
    line = refused(capsys, "--resume=old", *more)  # which also sees to it that nothing is changed
    assert re.search(r"config\.json was written by version 0\.1\.0\. Version 0\.1\.0 can resume its own runs", line)


def test_a_config_json_of_no_version_is_said_to_be_of_none(log, capsys):
    Path("log/config.json").write_text('{"alg": "her"}')
    assert "config.json was written by no version of baselines" in refused(capsys, "--resume=log")


def test_a_run_that_kept_no_state_is_not_begun_again_over_its_logs(capsys, without_updates):
    run.main(words("sync", "--n_epochs=2", "--log_path=log", "--checkpoint_interval=0", "--save_path=saved"))
    before = contents("log") | contents("saved")
    assert "logged 2 epochs but holds no checkpoint" in refused(capsys, "--resume=log", "--n_epochs=3")
    assert contents("log") | contents("saved") == before


def test_states_of_a_run_are_in_the_way_of_a_new_one(log, capsys):
    for file in [f for f in Path("log").iterdir() if f.is_file()]:
        file.unlink()
    assert "holds files of another run" in refused(capsys, *words("sync", "--n_epochs=1", "--log_path=log"))
