"""What may not differ when a run is resumed, and folders that hold no run: refused, and nothing is changed."""

import json
from pathlib import Path

import pytest

import baselines
from baselines import run
from baselines.common.errors import UserError
from tests.helpers import contents, point_reach, refused, timeless
from tests.runs.helpers import words

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
        ("--seed=1", "seed=0, not 1"),
        ("--hidden=16", "hidden=8, not 16"),
        ("--demo_file=demos.npz", "demo_file=None, not {cwd}/demos.npz"),
    ],
)
def test_the_line_says_what_it_is_now_and_what_it_was(differs, line, log, cwd, capsys):
    said = refused(capsys, "--resume=log", differs)
    assert said == f"error: cannot resume log: it was started with {line.format(cwd=cwd)}\n"


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
    assert "workers=2, not 1" in refused(capsys, "--resume=log")


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


@pytest.mark.parametrize(
    ("format", "line"),
    [("baselines run 2", "cannot resume log: config.json: baselines 0.4.0 wrote it"),
     (None, "cannot resume log: config.json: expected format 'baselines run 3', got None")],
)  # fmt: skip
def test_a_run_of_another_version_is_refused_and_the_version_that_can_resume_it_named(format, line, log, capsys):
    document = json.loads(Path("log/config.json").read_text())
    Path("log/config.json").write_text(json.dumps({**document, "format": format}))
    assert line in refused(capsys, "--resume=log", "--n_epochs=20")  # which also sees to it that nothing is changed


def test_a_run_that_kept_no_state_is_not_begun_again_over_its_logs(capsys, without_updates):
    run.main(words("sync", "--n_epochs=2", "--log_path=log", "--checkpoint_interval=0", "--save_path=saved"))
    before = contents("log") | contents("saved")
    assert "logged 2 epochs but has no checkpoint" in refused(capsys, "--resume=log", "--n_epochs=3")
    assert contents("log") | contents("saved") == before


def test_states_of_a_run_are_in_the_way_of_a_new_one(log, capsys):
    for file in [f for f in Path("log").iterdir() if f.is_file()]:
        file.unlink()
    assert "holds files of another run" in refused(capsys, *words("sync", "--n_epochs=1", "--log_path=log"))
