"""What may not differ when a run is resumed, and folders that hold no run: refused, and nothing is changed."""

import json
from pathlib import Path

import pytest

import baselines
from baselines import run
from baselines.common.errors import UserError
from tests.helpers import contents, point_reach, refused
from tests.runs.helpers import words


@pytest.mark.parametrize(
    ("differs", "line"),
    [("--hidden=16", "hidden=8, not 16"), ("--seed=1", "seed=0, not 1"), ("--num_env=3", "num_env=2, not 3"),
     ("--env=FetchReach-v1", "env=tests.environments:PointReach-v0, not FetchReach-v1"),
     ("--vec_env=async", "vec_env=sync, not async"), ("--preset=demos", "preset=None, not demos"),
     ("--n_batches=5", "n_batches=2, not 5"),
     ("--demo_file=demos.npz", "demo_file=None, not {cwd}/demos.npz"),
     ("--load_path=elsewhere", "load_path=None, not {cwd}/elsewhere"),
     ("--clip_return=false", "clip_return=True, not False"), ("--gamma=0.9", f"gamma={1 - 1 / 30}, not 0.9"),
     ("--log_path=elsewhere", "error: --resume=log writes its logs there, not to"),
     ("--hidden=many", "error: hidden: expected a whole number, got 'many'"),
     ("--n_epochs=2", "has already trained 3 epochs, more than 2")],
)  # fmt: skip
def test_what_differs_from_the_run_to_resume_is_refused_by_name(differs, line, log, cwd, capsys):
    line = (
        line.format(cwd=cwd) if " " in line.partition(", not")[0] else f"it was started with {line.format(cwd=cwd)}\n"
    )
    assert line.format(cwd=cwd) in refused(capsys, "--resume=log", differs)


def test_the_policy_of_a_run_that_saved_none_can_be_saved_later(log, capsys):
    Path("taken_by_others").mkdir()
    Path("taken_by_others/best.safetensors").write_text("of another run")
    assert "holds policies of another run" in refused(capsys, "--resume=log", "--save_path=taken_by_others")
    run.main(["--resume=log", "--save_path=saved"])
    out = capsys.readouterr().out
    assert "continues after epoch 3 of 3" in out and "policies: saved/latest.safetensors\n" in out
    assert "python -m baselines.evaluate --load_path=saved/latest.safetensors" in out
    baselines.load_policy("saved")


@pytest.mark.parametrize("name", ["discount", "nonsense"])
def test_what_is_no_setting_is_refused_from_python_too(name, log):
    before = contents(log)
    with pytest.raises(UserError, match=name):
        baselines.train(env=point_reach(2), resume="log", **{name: None})
    assert contents(log) == before


@pytest.mark.parametrize(
    ("changes", "line"),
    [(None, "cannot resume log: config.json: No such file"),
     ({"format": "baselines run 2"}, "cannot resume log: config.json: baselines 0.4.0 wrote it; to resume it, install"),
     ({"format": None}, "cannot resume log: config.json: expected format 'baselines run 3', got None"),
     ({"schedule": None}, "cannot resume log: config.json: "), ({"seed": None}, "seed, num_env or config is missing"),
     ({"workers": 2}, "cannot resume log: it was started with workers=2, not 1")],
)  # fmt: skip
def test_a_folder_without_a_run_that_can_be_resumed_is_refused(changes, line, log, capsys):
    document = json.loads(Path("log/config.json").read_text())
    Path("log/config.json").unlink()
    if changes:
        Path("log/config.json").write_text(json.dumps({**document, "crc32": None, **changes}))
    assert line in refused(capsys, "--resume=log", "--n_epochs=20")  # which also sees to it that nothing is changed


def test_a_run_that_kept_no_state_is_not_begun_again_over_its_logs(capsys, without_updates):
    run.main(words("sync", "--n_epochs=2", "--log_path=log", "--checkpoint_interval=0", "--save_path=saved"))
    assert "logged 2 epochs but has no checkpoint" in refused(capsys, "--resume=log", "--n_epochs=3")


def test_states_of_a_run_are_in_the_way_of_a_new_one(log, capsys):
    for file in [f for f in Path("log").iterdir() if f.is_file()]:
        file.unlink()
    assert "holds files of another run" in refused(capsys, *words("sync", "--n_epochs=1", "--log_path=log"))
