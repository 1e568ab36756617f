"""What a run of the launcher leaves behind: its folders, its logs, and what it says of itself and of its failures."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from baselines import run
from tests.helpers import POINT_REACH, TINY, document, points_of_tensorboard, refused, rows, timeless

PROGRESS = """epoch test/success_rate test/mean_Q test/episode train/success_rate train/episode stats_o/mean
    stats_o/std stats_g/mean stats_g/std loss/critic loss/actor total/timesteps total/updates total/seconds
    time/rollout time/sample time/compile time/train time/evaluate time/env time/epoch time/overhead fps""".split()


def test_a_run_logs_into_a_new_folder_below_runs(cwd, untrained):
    for _ in range(2):
        run.main([POINT_REACH, *TINY, f"--seed={10**17}"])
    folders = list((cwd / "runs").iterdir())
    assert len(folders) == 2 and sorted(os.listdir()) == ["runs", "taken"]
    for folder in folders:
        assert re.match(rf"her-.*PointReach-v0-.*seed{10**17}", folder.name)
        assert document(folder)["seed"] == 10**17


def test_a_seed_that_nobody_chose_is_printed_and_differs_between_runs(cwd, capsys, untrained):
    seeds = []
    for log, words in ("first", []), ("second", []), ("third", ["--seed=0"]):
        run.main([POINT_REACH, *TINY, f"--log_path={log}", *words])
        seeds.append(document(log)["seed"])
        assert f"seed: {seeds[-1]};" in capsys.readouterr().out
    assert len(set(seeds)) == 3 and seeds[-1] == 0


def test_a_tilde_is_the_home_folder(cwd, tmp_path, monkeypatch, untrained):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    run.main([POINT_REACH, *TINY, "--num_timesteps=0", "--save_path=~/policies", "--log_path=~/log"])
    run.main([POINT_REACH, "--num_timesteps=0", "--load_path=~/policies", "--log_path=log"])
    assert (tmp_path / "home/policies/latest.safetensors").exists()
    assert (tmp_path / "home/log/log.txt").exists()
    assert document("log")["config"]["hidden"] == 8
    assert "~" not in os.listdir()


def test_every_log_has_a_row_for_each_epoch(finished):
    log, _ = finished
    table = rows(log)
    assert [row["epoch"] for row in table] == ["0", "1", "2"]
    assert list(table[0]) == PROGRESS
    lines = [json.loads(line) for line in (log / "progress.json").read_text().splitlines()]
    for row, line in zip(table, lines, strict=True):
        assert list(row) == list(line)
        np.testing.assert_allclose([float(value) for value in row.values()], list(line.values()), rtol=1e-8)
    text = (log / "log.txt").read_text()
    assert re.findall(r"\| epoch +\| +(\d+) \|", text) == ["0", "1", "2"]
    assert "training: 3 epochs x 2 cycles" in text


def test_a_run_ends_with_what_it_reached_and_what_to_do_next(finished):
    log, policies = finished
    text = (log / "log.txt").read_text()
    (last,) = re.findall(r"success rate (\S+) in the last evaluation \(1 episode; 95 percent interval", text)
    assert float(last) == float(rows(log)[-1]["test/success_rate"])
    end = text[text.index("policies: ") :].splitlines()
    own = "--env=tests.environments:PointReach-v0"  # whose module a policy's file is not trusted to name
    assert end == [
        f"policies: {policies}/best.safetensors and {policies}/latest.safetensors",
        "next:",
        f"  python -m baselines.play --load_path={policies}/best.safetensors {own}",
        f"  python -m baselines.evaluate --load_path={policies}/best.safetensors {own}",
        f"  python -m baselines.plot {log} --output=curves.png",
        f"  python -m baselines.run --resume={log} --num_timesteps=360",
    ]
    assert "checkpoint" not in text, "a state that is saved quickly is not mentioned"


def test_the_columns_count_what_was_done_and_tensorboard_has_the_same_numbers(finished):
    expected = {"total/timesteps": [60, 120, 180], "total/updates": [4, 8, 12], "train/episode": [2, 4, 6],
                "test/episode": [1, 2, 3]}  # fmt: skip
    points = points_of_tensorboard(finished[0])
    assert list(points) == PROGRESS
    for key in PROGRESS:
        column = [float(row[key]) for row in rows(finished[0])]
        assert column == expected.get(key, column), key
        assert key != "total/seconds" or 0 < column[0] < column[1] < column[2]
        assert [step for step, _ in points[key]] == [60, 120, 180]
        np.testing.assert_allclose([v for _, v in points[key]], column, rtol=1e-5, err_msg=key)


@pytest.mark.slow
def test_a_real_process_trains_and_saves(cwd):
    command = [sys.executable, "-m", "baselines.run", POINT_REACH, *TINY, "--n_epochs=1", "--log_path=log"]
    done = subprocess.run([*command, "--save_path=p"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == Path("log/log.txt").read_text()
    assert "Traceback" not in done.stderr and "WARNING" not in done.stderr
    assert sorted(os.listdir("p")) == ["best.safetensors", "latest.safetensors"]


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
