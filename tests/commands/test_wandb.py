"""--wandb_project: what Weights & Biases gets of a run, without network; and that it never ends one."""

import importlib.util
import json
import struct
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import wandb
from wandb.proto import wandb_internal_pb2

import baselines
from baselines import run
from baselines.runs.wandb_logger import WandB
from tests.helpers import POINT_REACH, TINY, document, point_reach, refused, rows
from tests.runs.helpers import stop_after

pytestmark = [pytest.mark.usefixtures("cwd"), pytest.mark.filterwarnings("default")]  # those of W&B are its own
COMMON = [POINT_REACH, *TINY, "--seed=3"]


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """W&B as it begins in a new process, without network and keys."""
    for name in ("WANDB_API_KEY", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_MODE", "offline")
    wandb.teardown()
    yield
    wandb.teardown()


def records(path):
    """What is in W&B's file: LevelDB's log of Record messages, in blocks of 32 kB, after 7 bytes."""
    data, at, whole = Path(path).read_bytes(), 7, b""
    while at + 7 <= len(data):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + 7])
        whole += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # all of it, or its end
            yield wandb_internal_pb2.Record.FromString(whole)
            whole = b""


def runs(log):
    """The ids of the runs in a log folder, in their order, and their records."""
    return [
        (r[0].run.run_id, r)
        for r in ([*records(p)][1:] for p in sorted(Path(log).glob("wandb/offline-run-*/run-*.wandb")))
    ]


def history(found):
    """Rows of metrics."""
    read = [{".".join(item.nested_key): json.loads(item.value_json) for item in r.history.item}
            for r in found if r.HasField("history")]  # fmt: skip
    return [{k: v for k, v in row.items() if k not in ("_runtime", "_timestamp", "_wandb")} for row in read]


@pytest.mark.slow
def test_a_run_without_network_and_its_continuation_are_one_run_of_wandb(offline, capsys):
    run.main([*COMMON, "--n_epochs=2", "--wandb_project=reach", "--save_video_interval=2", "--log_path=log"])
    printed = capsys.readouterr()
    assert "wandb" not in printed.err and printed.out.count("W&B") == 1
    assert "W&B: no upload; later: wandb sync log/wandb/offline-run-" in printed.out.replace(str(Path.cwd()) + "/", "")
    run.main(["--resume=log", "--n_epochs=3"])

    (first, found), (second, later) = runs("log")
    assert first == second == json.loads(Path("log/wandb.json").read_text())["id"]
    assert found[0].run.project == "reach" and found[0].run.display_name == "log"
    config = {item.key: json.loads(item.value_json) for item in found[0].run.config.update}
    expected = {**document("log")["config"], "seed": 3, "num_env": 1, "env": POINT_REACH.removeprefix("--env=")}
    assert config == {**config, **expected} and found[-1].exit.exit_code == 0

    shown = [*history(found), *history(later)]
    assert [row.pop("_step") for row in shown] == [60, 120, 180]
    video = {key: shown[1].pop(f"video.{key}") for key in ("_type", "caption", "path", "sha256", "size")}
    assert video["_type"] == "video-file" and video["caption"] == "epoch 1"
    (copy,) = Path("log").glob(f"wandb/offline-run-*/files/{video['path']}")
    assert copy.read_bytes() == Path("log/videos/epoch-1.mp4").read_bytes()
    for row, line in zip(shown, rows("log"), strict=True):
        assert row.keys() == line.keys()
        np.testing.assert_allclose([*row.values()], [float(line[key]) for key in row], rtol=1e-6)


def test_from_python_wandb_keeps_its_files_where_it_does_by_default(offline):
    baselines.train(env=point_reach(), n_epochs=1, hidden=8, layers=1, n_cycles=1, n_batches=1, n_test_rollouts=1,
                    wandb_project="reach")  # fmt: skip
    assert len(list(Path("wandb").glob("offline-run-*"))) == 1


def test_without_a_key_nobody_is_asked_for_one_and_training_goes_on(offline, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_MODE", "online")
    run.main([*COMMON, "--n_epochs=1", "--wandb_project=reach", "--log_path=log"])
    said = capsys.readouterr()
    assert said.out.count("warning: W&B no longer shows this run") == 1 and "API key" in said.out
    assert "wandb login" in said.out and said.err == "" and len(rows("log")) == 1


def test_a_run_that_is_stopped_says_so_to_wandb(offline, monkeypatch):
    stop_after(monkeypatch, cycles=3)
    with pytest.raises(SystemExit) as ended:
        run.main([*COMMON, "--n_epochs=9", "--wandb_project=reach", "--log_path=log"])
    assert ended.value.code == 143
    end = time.monotonic() + 20
    while not any(Path("log").glob("wandb/offline-run-*/run-*.wandb")) or not all(
        len([*records(path)]) > 1 for path in Path("log").glob("wandb/offline-run-*/run-*.wandb")
    ):
        assert time.monotonic() < end, "W&B's own process has not written the run"
        time.sleep(0.1)
    ((_, found),) = runs("log")
    assert len(history(found)) == len(rows("log")) == 1 and found[-1].exit.exit_code == 1


def failing(what):
    """A `wandb` of which one function raises."""
    fake = mock.MagicMock(url="https://wandb.example/run")
    fake.init.return_value = fake
    getattr(fake, what).side_effect = TimeoutError("the network\nis down")
    return fake


@pytest.mark.parametrize("what", ["setup", "init", "log", "Video", "finish", "none"])
def test_wandb_that_fails_is_one_warning(what, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", failing(what))
    said, warned = [], []
    shown = WandB("reach", None, said.append, warned.append)
    shown.start({"seed": 1}, new=True)
    shown.dump({"epoch": 0}, 60)
    shown.video("epoch-0.mp4", b"", 0, 60)
    shown.dump({"epoch": 1}, 120)
    shown.close(failed=False)
    assert len(warned) == (what != "none") and all("(TimeoutError: the network is down)" in line for line in warned)
    assert said == ([] if what in ("setup", "init") else ["W&B: https://wandb.example/run"])


def test_the_users_own_variables_win(monkeypatch):
    fake = failing("none")
    monkeypatch.setitem(sys.modules, "wandb", fake)
    for name in ("NAME", "DIR", "RESUME", "RUN_ID", "INIT_TIMEOUT"):
        monkeypatch.setenv(f"WANDB_{name}", "7")
    WandB("reach", "log", print, pytest.fail).start({"seed": 1}, new=True)
    assert fake.init.call_args.kwargs == dict(
        project="reach", id="7", config={"seed": 1}, reinit="create_new", settings=fake.Settings()
    )
    assert "init_timeout" not in fake.Settings.call_args_list[1].kwargs and not Path("log").exists()


def test_a_run_whose_wandb_fails_trains_on(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", failing("log"))
    monkeypatch.setattr("baselines.runs.launch.check_installed", lambda: None)
    run.main([*COMMON, "--n_epochs=2", "--wandb_project=reach", "--log_path=log"])
    assert capsys.readouterr().out.count("warning: W&B") == 1 and len(rows("log")) == 2


def test_without_wandb_one_line_says_how_to_install_it(monkeypatch, capsys):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "wandb" else real(name, *more))
    line = refused(capsys, *COMMON, "--n_epochs=1", "--wandb_project=reach")
    assert "pip install 'baselines-her[wandb]'" in line
