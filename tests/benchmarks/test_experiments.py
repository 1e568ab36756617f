"""Experiments: every flag exists, equal arms share their runs, and commands are right."""

import functools
import sys
from pathlib import Path

import pytest

from baselines.common.cli import parse
from baselines.envs import make_vec_env
from baselines.envs.arguments import EnvArguments
from baselines.her.experiment.data_generation import fetch_data_generation
from baselines.run import LauncherOptions
from baselines.runs.algorithms import find
from baselines.runs.options import Options
from benchmarks import reproduce
from benchmarks.experiments import EXPERIMENTS, SB3, USERS, Arm, Experiment, but, merged, ours
from benchmarks.outcomes import runs_of
from benchmarks.runs import GENERATOR, Run, evaluation_command, training_command
from benchmarks.sb3_run import SB3Options
from tests.commands.doors import command_refused

ARMS = {f"{name}, {label}": arm for name, e in EXPERIMENTS.items() for label, arm in e.arms.items()}
OURS = {name: arm for name, arm in ARMS.items() if arm.module != SB3}


@functools.cache
def spec_of(env, max_episode_steps):
    made = make_vec_env(env, 1, [0], arguments=EnvArguments({}, max_episode_steps))
    made.close()
    return made.spec


@pytest.mark.parametrize("arm", OURS.values(), ids=OURS)
def test_the_launcher_and_the_algorithm_take_every_flag_of_our_arms(arm):
    command = training_command(Run(Path("nowhere"), arm, 0))
    assert command[:3] == [sys.executable, "-m", "baselines.run"]
    given, settings, wants_help = parse(command[3:], LauncherOptions)
    options = Options(**{"alg": "her", **given})
    algorithm = find(options.alg)
    assert not wants_help and options.num_timesteps == arm.num_timesteps
    spec = spec_of(arm.env, options.max_episode_steps)
    algorithm.config(options.env, settings, options.preset).for_env(spec)
    num_env = options.num_env or algorithm.preset(options.preset).num_env
    if options.alg == "her":
        slow = arm in [its for e in USERS.values() for its in e.arms.values()]
        assert settings["n_test_rollouts"] * num_env in ((48, 56, 104) if slow else (104, 114))
    else:
        assert settings["n_test_episodes"] == (104 if "Fetch" in arm.env else 20)


@pytest.mark.parametrize("arm", [arm for arm in ARMS.values() if arm.module == SB3])
def test_the_peers_take_every_flag_of_theirs(arm):
    command = training_command(Run(Path("nowhere"), arm, 3))
    given, others, _ = parse(command[3:], SB3Options)
    assert command[2] == SB3 and others == {}
    options = SB3Options(**given)
    assert (options.seed, options.num_timesteps) == (3, arm.num_timesteps)


def test_arms_of_one_name_are_equal_and_others_have_folders_of_their_own():
    keys = {arm: arm.key for arm in ARMS.values()}
    assert len(set(keys.values())) == len(keys)
    contrast = EXPERIMENTS["contrast"].arms
    assert contrast["with 100 demonstrations"] == EXPERIMENTS["demonstrations"].arms["100 demonstrations"]
    assert (
        contrast["without"] == EXPERIMENTS["fetch-pick-and-place"].arms["single"] == EXPERIMENTS["ablation"].arms["all"]
    )


def test_a_key_changes_with_the_command_and_not_with_the_order_of_its_flags():
    arm = Arm(1000, ("--env=my.module:Task-v0", "--hidden=8"))
    assert arm.key == Arm(1000, arm.flags[::-1]).key and arm.key.startswith("my.module-Task-v0-")
    others = [Arm(2000, arm.flags), but(arm, "--hidden=16"), Arm(1000, arm.flags, 10), Arm(1000, arm.flags, module=SB3)]
    assert len({arm.key, *(other.key for other in others)}) == 5


def test_the_last_of_two_flags_wins_as_it_does_for_the_launcher():
    assert merged("--a=1", "--b=2", "--a=3") == ("--a=3", "--b=2")
    assert "--n_cycles=10" in ours(1e6, "FetchSlide-v1", "--n_cycles=10").flags


def test_the_command_of_an_arm():
    run = Run(Path("runs"), Arm(60_000, ("--env=FetchPush-v1", "--preset=single"), demonstrations=10), 4)
    folder = f"runs/{run.arm.key}/seed-4"
    assert training_command(run)[3:] == [
        "--env=FetchPush-v1", "--preset=single", "--num_timesteps=60000", "--seed=4", f"--log_path={folder}/log",
        "--demo_file=runs/demonstrations/FetchPush-v1-10.npz", "--num_demo=10", f"--save_path={folder}/policy",
    ]  # fmt: skip
    assert evaluation_command(run, "best")[2:] == [
        "baselines.evaluate", "--episodes=1000", "--num_env=50", "--env=FetchPush-v1", "--vec_env=auto",
        f"--load_path={folder}/policy/best", f"--json={folder}/best.json",
    ]  # fmt: skip


def test_a_run_that_has_begun_is_resumed_and_a_peers_is_not(tmp_path):
    ours_and_theirs = [Run(tmp_path, Arm(4000, ("--env=FetchPush-v1",), module=m), 0) for m in ("baselines.run", SB3)]
    for run in ours_and_theirs:
        run.log.mkdir(parents=True)
        (run.log / "config.json").write_text("{}")
    mine, peers = map(training_command, ours_and_theirs)
    assert mine[2:] == ["baselines.run", f"--resume={ours_and_theirs[0].log}"]
    assert f"--json={ours_and_theirs[1].folder}/latest.json" in peers and "--resume" not in " ".join(peers)


def test_demonstrations_are_made_once(tmp_path):
    asked = []

    class Children:
        def run(self, command, output):
            asked.append(command)
            Path(command[-1].removeprefix("--output=")).touch()
            return 0

    arm = EXPERIMENTS["demonstrations-10"].arms["10 demonstrations"]
    for each in (arm, arm, Arm(1000, arm.flags)):
        reproduce.make_demonstrations(tmp_path, each, Children())
    (command,) = asked
    assert command[2] == GENERATOR
    given, others, _ = parse(command[3:], fetch_data_generation.GenerationOptions)
    assert others == {} and fetch_data_generation.GenerationOptions(**given).num_episodes == 10
    noisy = EXPERIMENTS["q-filter"].arms["filtered"]
    reproduce.make_demonstrations(tmp_path, noisy, Children())  # a file of its own
    made = fetch_data_generation.GenerationOptions(**parse(asked[1][3:], fetch_data_generation.GenerationOptions)[0])
    assert made.keep_failures and made.noise == noisy.noise > 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["fetch-push", "contrats"], "unknown experiment 'contrats'; nearest: contrast"),
        ([], "expected the NAME of an experiment (--list shows all), or --all in its place"),
        (["fetch-reach", "--seeds=0,1234"], "got 1234"),
        (["fetch-push", "--seeds=a"], "expected whole numbers such as 0,1, got 'a'"),
        (["fetch-push", "--jobs=1000"], "a core for each, got 1000"),
        (["fetch-push", "--job=1"], "unrecognized arguments: --job=1"),
        (["fetch-push", "--results=taken/below"], "cannot write to folder taken/below"),
        (["--all", "fetch-push"], "or --all in its place"),
        (["--all", "--seeds=0"], "--all chooses the seeds itself: leave out --seeds"),
        *((["--all", f"--hours={odd}"], f"expected a number above 0, got '{odd}'") for odd in ("0", "nan", "two")),
    ],
)
def test_a_wrong_command_line_is_one_line_and_leaves_nothing_behind(words, expected, cwd, capsys):
    assert expected in command_refused(capsys, reproduce.main, *words)


def test_the_list_has_every_experiment(cwd, capsys):
    reproduce.main(["--list"])
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "what", "it", "shows", "arms", "x", "seeds", "steps", "minutes", "done"]
    assert [line.split()[0] for line in lines] == list(EXPERIMENTS)
    reach = EXPERIMENTS["fetch-reach"]
    runs = len(reach.arms) * len(reach.seeds)
    assert lines[0].endswith(f" 0 of {runs}") and f" {len(reach.arms)} x {len(reach.seeds)} " in lines[0]
    reproduce.main(["fetch-pick-and-place", "--list"])
    assert len(capsys.readouterr().out.splitlines()) == 2


A, B = Arm(1000, ("--env=A-v0",)), Arm(1000, ("--env=B-v0",))
BOTH = Experiment("", {"with": A, "without": B}, (0, 1), 1, "")


def test_runs_that_two_experiments_share_are_planned_once(monkeypatch):
    monkeypatch.setitem(EXPERIMENTS, "both", BOTH)
    monkeypatch.setitem(EXPERIMENTS, "one", Experiment("", {"any": A}, (0, 1, 2), 1, ""))
    runs = Path("runs")
    once = [Run(runs, A, 0), Run(runs, A, 1), Run(runs, A, 2), Run(runs, B, 0), Run(runs, B, 1)]
    assert reproduce.plan(["one", "both"], runs, None) == once
    assert reproduce.plan(["one", "both", "one"], runs, (1,)) == [once[1], once[4]]


def test_arms_keep_pace():
    labels = [(label, run.seed) for label, run in runs_of(BOTH, Path("runs"), (0, 1))]
    assert labels == [("with", 0), ("without", 0), ("with", 1), ("without", 1)]
