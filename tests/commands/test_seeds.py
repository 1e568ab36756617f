"""--seeds, --n_seeds and --jobs: a folder for each seed, which the same command continues."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from baselines import run
from baselines.seeds import SeedsOptions
from tests.helpers import POINT_REACH, ROOT, TINY, contents, document, mpirun, refused, timeless, write_package

# An algorithm that imports no TensorFlow, and whose success is random; it fails with the seed 7.
RANDOM = """
import dataclasses, os, time
from baselines.algorithm import Settings, TrainingError, setting
from examples.cross_entropy import CrossEntropy

@dataclasses.dataclass(frozen=True)
class Config(Settings):
    pause: float = setting(0.0, "seconds that each epoch sleeps", 0, 9)

def learn(env, config, run):
    agent, rng = CrossEntropy(env.spec), run.rng("success")
    run.plan(1, env.num_env * env.spec.horizon)
    run.register(agent)
    run.logger.sinks.clear()  # TensorBoard
    for epoch in run.epochs():
        for _ in run.cycles():
            time.sleep(config.pause)
        if run.seed == 7:
            raise TrainingError("the loss is nan")
        if run.seed == 8:
            os.kill(os.getpid(), 9)  # as the system does where memory is short
        row = {"test/success_rate": rng.uniform(), "total/timesteps": (epoch + 1) * 30}
        run.end_epoch(row, row["test/success_rate"])
    return agent
"""
WORDS = ["--alg=random_of_seeds.algorithm", POINT_REACH, "--vec_env=sync"]


@pytest.fixture
def random(cwd, modules, monkeypatch):
    """The algorithm, for this process and those that it starts."""
    write_package(modules, "random_of_seeds", algorithm=RANDOM)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{modules}")


def test_each_seed_has_a_folder_and_the_same_command_continues_it(random, capsys):
    words = [*WORDS, "--n_epochs=2", "--n_seeds=2", "--save_path=policies"]
    run.main(words)
    (folder,) = Path("runs").iterdir()
    out, err = capsys.readouterr()
    assert f"2 seeds in {folder}, 0 of them finished\n" in out and not err
    assert f"seed 1: begins, in {folder}/seed-1\n" in out and f"python -m baselines.plot {folder}" in out
    assert sorted(os.listdir("policies/seed-1")) == ["best.safetensors", "latest.safetensors"]
    text = (folder / "seed-1/log.txt").read_text().replace(" --save_path=policies/seed-1", "")
    assert f"--seed=1 --log_path={folder}/seed-1" in text
    before = contents(folder)
    run.main(words)
    assert "2 of them finished" in capsys.readouterr().out and contents(folder) == before
    assert "seed-0: it was started with pause=0.0, not 1.0" in refused(
        capsys, *words, "--pause=1", f"--log_path={folder}"
    )
    run.main([*WORDS, "--n_epochs=3", "--seeds=1,2", "--save_path=policies"])  # longer, and one seed more
    out = capsys.readouterr().out
    assert "seed 1: continues" in out and "seed 2: begins" in out and "seed 0" not in out
    for seed in (1, 2):
        run.main([*WORDS, "--n_epochs=3", f"--seed={seed}", f"--log_path=single-{seed}"])
        assert timeless(folder / f"seed-{seed}") == timeless(f"single-{seed}")
    assert document(folder / "seed-1")["save_path"] == os.path.abspath("policies/seed-1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_seeds_that_are_stopped_say_how_to_go_on_and_do(number, random, capsys):
    jobs = min(2, len(os.sched_getaffinity(0)))
    words = [*WORDS, "--n_epochs=4", "--seeds=0,1,2", f"--jobs={jobs}", "--log_path=log"]
    process = subprocess.Popen([sys.executable, "-m", "baselines.run", *words, "--pause=0.3"], stderr=subprocess.PIPE)
    while not Path("log/seed-0/progress.csv").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number and not Path("log/seed-2").exists()
    assert said.decode() == f"stopped; to continue: python -m baselines.run {' '.join(words)} --pause=0.3\n"
    assert 0 < len(timeless("log/seed-0")) < 4
    run.main([*words, "--pause=0.3"])
    assert "seed 0: continues" in capsys.readouterr().out
    run.main([*WORDS, "--n_epochs=4", "--seed=0", "--log_path=whole"])
    assert timeless("log/seed-0") == timeless("whole") and len(timeless("log/seed-2")) == 4


def test_a_seed_that_fails_does_not_end_the_others(random, capsys):
    with pytest.raises(SystemExit) as ended:
        run.main([*WORDS, "--n_epochs=1", "--seeds=7,8,1", "--log_path=log"])
    out, err = capsys.readouterr()
    assert ended.value.code == 1 and len(timeless("log/seed-1")) == 1 and "seed 7: failed: the loss is nan\n" in out
    assert "seed 8: failed: its process ended with exit code -9\n" in out
    assert err == "error: 2 of 3 seeds failed (seed 7: the loss is nan); the same command tries again\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds=0,x"], "--seeds: expected whole numbers such as 0,1,2, got '0,x'"),
        (["--seeds=0", "--n_seeds=1"], "give either --seeds or --n_seeds"),
        (["--seeds=0", "--seed=1"], "--seeds and --seed: give only one"),
        (["--jobs=2"], "add --seeds=0,1,2"),
        (["--seeds=0", "--jobs=999"], "--jobs: expected 1 to"),
        (["--seeds=0", "--play"], "--play"),
        (["--seeds=0", "--checkpoint_interval=0"], "--checkpoint_interval=0"),
        (["--seeds=0", "--polyak=2"], "polyak: expected 0 to 1"),
        (["--seeds=0", "--tau=0.1"], "use --polyak (which is 1 - tau)"),
        (["--seeds=0", "--log_path=taken/log"], "cannot write"),
        (["--seeds=0", "--load_path=nowhere"], "nowhere"),  # which the seed's own process finds
    ],
)
def test_wrong_seeds_are_refused_in_one_line(words, said, cwd, capsys):
    assert said in refused(capsys, POINT_REACH, *TINY, *words)


def test_seeds_are_read_once_each():
    assert SeedsOptions(seeds="3,1,3").chosen == [3, 1] and SeedsOptions(n_seeds=3).chosen == [0, 1, 2]
    assert SeedsOptions().chosen == []


@pytest.mark.slow
def test_workers_of_mpirun_train_one_seed_after_the_other(random):
    words = ["baselines.run", *WORDS, "--n_epochs=2", "--n_seeds=2", "--log_path=log"]
    for said in ("0 of them finished", "2 of them finished"):
        done = mpirun(2, *words)
        assert done.returncode == 0 and said in done.stdout, done.stdout + done.stderr
    assert document("log/seed-1")["workers"] == 2 and len(timeless("log/seed-1")) == 2


@pytest.mark.slow
def test_a_run_keeps_to_its_cores_when_tensorflow_is_imported(cwd):
    core = min(os.sched_getaffinity(0))
    code = f"""
import os
from baselines.learning.quiet import import_tensorflow
os.sched_setaffinity(0, {{{core}}})
import_tensorflow()
print(os.sched_getaffinity(0))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == f"{{{core}}}\n", done.stderr
