"""The files of an experiment's results, from runs that these tests write."""

import csv
import json

import pytest

from baselines.results import drawing
from benchmarks import curves, experiments, reproduce
from benchmarks.experiments import SB3, Arm, Experiment, returns
from benchmarks.result_files import write_results
from benchmarks.runs import Run, write_json
from benchmarks.tables import head_of
from tests.commands.doors import command_refused

ENV = "--env=FetchPush-v1"
A, B = Arm(6000, (ENV, "--polyak=0.9")), Arm(6000, (ENV, "--alg=SAC"), module=SB3)
SUCCESS = {0: [0.9, 0.9, 0.9], 1: [0.0, 0.6, 0.9], 2: [1.0, 1.0, 0.7]}
MACHINE = {"processor": "a fast one", "cores": 2, "python": "3.11.7", "numpy": "2.4.6"}


def write_run(runs, arm, seed, success, jobs=1, latest=0.9, best=0.95, rc=0, commit="abc1234"):
    run = Run(runs, arm, seed)
    run.log.mkdir(parents=True)
    rows = [f"{i},{2000 * (i + 1)},{30 * (i + 1)},{rate}" for i, rate in enumerate(success)]
    columns = "epoch,total/timesteps,total/seconds,test/success_rate"
    (run.log / "progress.csv").write_text("\n".join([columns, *rows, ""]))
    if arm.module != SB3:
        write_json(run.log / "config.json", {"config": {"polyak": 0.9, "demo_file": "/home/me/runs/demos.npz"}})
        write_json(run.folder / "best.json", {"success_rate": best})
    write_json(run.folder / "latest.json", {"success_rate": latest})
    mark = {"rc": rc, "command": ["python"], "seconds": 120.0, "parts": 1, "jobs": jobs}
    write_json(run.folder / "run.json", {**mark, **MACHINE, "commit": commit})


@pytest.fixture
def tiny(cwd, monkeypatch):
    """An experiment of two arms and four seeds, of which 3 + 1 runs have finished."""
    tiny = Experiment("Two arms", {"a": A, "b": B}, (0, 1, 2, 3), 1, "something")
    monkeypatch.setattr(experiments, "EXPERIMENTS", {"tiny": tiny})
    for module in ("reproduce", "tables"):
        monkeypatch.setattr(f"benchmarks.{module}.EXPERIMENTS", {"tiny": tiny})
    for seed, success in SUCCESS.items():
        write_run(cwd / "runs", A, seed, success, latest=0.9 + seed / 100, commit=f"abc123{seed} abc9999")
    write_run(cwd / "runs", A, 3, [0.5], rc=143)
    write_run(cwd / "runs", B, 0, [0.0, 0.1, 0.2], jobs=2)
    return tiny


def results(tiny, cwd, runs=None):
    assert write_results("tiny", tiny, runs or cwd / "runs", cwd / "results")
    return cwd / "results" / "tiny"


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_curves_have_each_evaluation_of_the_finished_runs_and_each_run_is_a_row(tiny, cwd):
    assert not write_results("tiny", tiny, cwd / "nowhere", cwd / "results") and not (cwd / "results").exists()
    rows = rows_of(results(tiny, cwd) / "curves.csv")
    assert [(row["arm"], row["seed"]) for row in rows] == [(a, s) for a, s in ("a0", "a1", "a2", "b0") for _ in "123"]
    assert rows[4] == {"arm": "a", "seed": "1", "steps": "4000", "seconds": "60.0", "success_rate": "0.6"}

    rows = rows_of(cwd / "results/tiny/runs.csv")
    assert rows[0] == {
        "arm": "a", "seed": "0", "steps to 0.5": "6000", "steps to 0.9": "6000", "steps to 0.95": "inf",
        "minutes to 0.5": "1.5", "minutes to 0.9": "1.5", "minutes to 0.95": "inf", "share below 0.9 after it": "0",
        "lowest after 0.9": "0.9", "success of latest": "0.9", "success of best": "0.95", "minutes": "2", "jobs": "1",
        "commit": "abc1230 abc9999",
    }  # fmt: skip
    assert (rows[1]["steps to 0.5"], rows[1]["steps to 0.9"], rows[1]["lowest after 0.9"]) == ("6000", "inf", "nan")
    assert (rows[2]["share below 0.9 after it"], rows[2]["lowest after 0.9"]) == ("0.5", "0.7")
    assert (rows[3]["arm"], rows[3]["success of best"], rows[3]["jobs"]) == ("b", "nan", "2")


def test_the_table_has_medians_and_counts_what_is_left_out(tiny, cwd):
    head, _, a, b = (results(tiny, cwd) / "table.md").read_text().splitlines()
    assert [cell.strip() for cell in head.strip("|").split("|")] == head_of(tiny.measure)
    # 0.9: 6000, inf, 6000 (the mean of seed 2 is 0.9). Shares 0 and 0.5, of the two seeds that had 0.9 before.
    assert a == (
        "| FetchPush | a | 3 of 4 | 6,000 (6,000 to 6,000) | 6,000 | never | 1.5 | 1.5 | never | 0.25 | 0.70 "
        "| 0.910 (0.900 to 0.920) | 0.950 (0.950 to 0.950) |"
    )
    # No run of b was alone: its minutes have a star. One seed: the interval is that of 1,000 episodes.
    assert b == (
        "| FetchPush | b | 1 of 4 | never | never | never | never | never | never | - | - "
        "| 0.900 (0.880 to 0.917) | - |"
    )


def test_settings_and_versions_say_how_it_was_done_and_on_what(tiny, cwd):
    folder = results(tiny, cwd)
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["a"] == {
        "key": A.key,
        "command": f"python -m baselines.run {ENV} --polyak=0.9 --num_timesteps=6000 --seed=SEED",
        "demonstrations": 0,
        "config": {"polyak": 0.9, "demo_file": "demos.npz"},
    }
    assert settings["b"]["config"] == {} and settings["b"]["command"].startswith(f"python -m {SB3} ")
    versions = json.loads((folder / "versions.json").read_text())
    assert versions == [{**MACHINE, "commits": ["abc1230", "abc1231", "abc1232", "abc1234", "abc9999"]}]


def test_minutes_are_those_of_runs_that_were_alone_or_have_a_star(tiny, cwd):
    write_run(cwd / "shared", A, 3, [0.9, 0.9, 0.9, 0.9], jobs=2)
    assert " 1.5 | 1.5 | never " in (results(tiny, cwd) / "table.md").read_text()
    assert " | 1.5 (6,000 steps, 3 seeds) | " in (results(tiny, cwd, cwd / "shared") / "table.md").read_text()
    shared = Experiment("", {"a": A}, (3,), 1, "")
    assert " 1.5* | 1.5* | never " in (results(shared, cwd / "elsewhere", cwd / "shared") / "table.md").read_text()


def test_the_figure_has_minutes_where_every_arm_has_a_run_that_was_alone(tiny, cwd, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        curves, "draw", lambda rows, *rest, **look: drawn.append(rows) or drawing.draw(rows, *rest, **look)
    )
    folder = results(tiny, cwd)
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")
    write_run(cwd / "runs", B, 1, [0.1, 0.2, 0.3])
    results(tiny, cwd)
    first, second = ([panel.x_label for panel in rows[0]] for rows in drawn)
    assert first == ["environment steps"] and second == ["environment steps", "minutes (4 of 5 runs)"]
    assert [list(panel.lines) for panel in drawn[1][0]] == [["a, 3 seeds", "b, 2 seeds"]] * 2
    assert [len(runs) for panel in drawn[1][0] for runs in panel.lines.values()] == [3, 2, 3, 1]


def test_the_readme_keeps_what_is_around_the_table(tiny, cwd):
    results(tiny, cwd)
    path = cwd / "results" / "README.md"
    first = path.read_text()
    assert "| [Two arms](#two-arms) | a | 3 of 4 |" in first and "![Two arms](tiny/figure.png)" in first
    path.write_text(first.replace("3 of 4", "2 of 4").replace("# Results", "# Mine"))
    results(tiny, cwd)
    assert path.read_text() == first.replace("# Results", "# Mine")
    assert sorted(p.name for p in (cwd / "results" / "tiny").iterdir()) == [
        "curves.csv", "figure.png", "runs.csv", "settings.json", "table.md", "versions.json"]  # fmt: skip


def test_the_list_counts_finished_runs_and_recorded_ones(tiny, cwd, capsys):
    def done():
        reproduce.main(["tiny", "--list", "--runs=other", "--results=results"])
        return capsys.readouterr().out.split()[-3:]

    assert done() == ["0", "of", "8"]
    results(tiny, cwd)
    assert done() == ["4", "of", "8"]
    write_run(cwd / "other", A, 3, [0.5])
    assert done() == ["5", "of", "8"]
    tiny.arms["a"] = Arm(8000, A.flags)  # the results are of other arms now
    assert done() == ["1", "of", "8"]


def test_results_of_runs_that_are_not_here_stay_and_a_run_that_is_here_replaces_its_own(tiny, cwd):
    folder = results(tiny, cwd)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write_run(cwd / "elsewhere", A, 3, [1.0, 1.0, 1.0], commit="def5678")
    assert write_results("tiny", tiny, cwd / "elsewhere", cwd / "results")
    rows = rows_of(folder / "runs.csv")
    assert [(row["arm"], row["seed"]) for row in rows] == [("a", "0"), ("a", "1"), ("a", "2"), ("a", "3"), ("b", "0")]
    assert [row for row in rows if row["seed"] != "3"] == list(csv.DictReader(before["runs.csv"].decode().splitlines()))
    assert json.loads((folder / "settings.json").read_text()) == json.loads(before["settings.json"])
    (versions,) = json.loads((folder / "versions.json").read_text())
    assert versions["commits"] == ["abc1230", "abc1231", "abc1232", "abc1234", "abc9999", "def5678"]
    write_run(cwd / "elsewhere", A, 0, [0.0, 0.0, 0.0])
    assert write_results("tiny", tiny, cwd / "elsewhere", cwd / "results")
    assert rows_of(folder / "runs.csv")[0]["steps to 0.5"] == "inf"


def test_results_of_an_equal_arm_of_another_experiment_count(tiny, cwd, monkeypatch):
    results(tiny, cwd)
    twin = Experiment("Twin", {"same": A, "own": Arm(8000, A.flags)}, (0, 1), 1, "")
    monkeypatch.setattr("benchmarks.outcomes.EXPERIMENTS", {"tiny": tiny, "twin": twin})
    assert write_results("twin", twin, cwd / "elsewhere", cwd / "results")
    folder = cwd / "results" / "twin"
    assert [(row["arm"], row["seed"]) for row in rows_of(folder / "runs.csv")] == [("same", "0"), ("same", "1")]
    (settings,) = json.loads((folder / "settings.json").read_text()).items()
    assert settings == ("same", json.loads((cwd / "results" / "tiny" / "settings.json").read_text())["a"])


def test_damaged_files_are_one_line(tiny, cwd, capsys):
    (results(tiny, cwd) / "curves.csv").unlink()
    (Run(cwd / "runs", A, 0).folder / "run.json").write_text("{")
    for folder, message in ("--results=results", "expected the files of one write"), ("--runs=runs", "expected JSON"):
        words = ["tiny", "--list", "--runs=other", "--results=other", folder]
        assert message in command_refused(capsys, reproduce.main, *words)


def test_returns_have_a_table_of_their_own_and_are_not_in_the_overview(tiny, cwd, monkeypatch):
    results(tiny, cwd)
    walks = Experiment("Returns", {"a": A}, (0, 1), 1, "more", returns(100, 200))
    for seed, totals in enumerate(([50, 150, 250, 200], [100, 150, 200, 250])):
        run = Run(cwd / "walks", A, seed)
        write_run(cwd / "walks", A, seed, totals)
        text = (run.log / "progress.csv").read_text()
        (run.log / "progress.csv").write_text(text.replace("test/success_rate", "test/mean_return"))
        for name in ("latest", "best"):
            write_json(run.folder / f"{name}.json", {"success_rate": None, "mean_return": 1000.0 + seed})
    for module in ("reproduce", "tables"):
        monkeypatch.setattr(f"benchmarks.{module}.EXPERIMENTS", {"walks": walks, "tiny": tiny})
    for runs in (cwd / "walks", cwd / "elsewhere"):  # the second time from what the first one wrote
        assert write_results("walks", walks, runs, cwd / "results")
        head, _, row = (cwd / "results" / "walks" / "table.md").read_text().splitlines()
        assert head.startswith("| task | arm | seeds | steps to 100 | steps to 200 | minutes to 100 |")
        # The mean of three: 150, 200 for the first, 150, 200 for the second, at 6,000 and 8,000 steps.
        assert row == (
            "| FetchPush | a | 2 of 2 | 6,000 (6,000 to 6,000) | 8,000 (8,000 to 8,000) | 1.5 | 2.0 | 0.00 | 200 "
            "| 1,000 (1,000 to 1,001) | 1,000 (1,000 to 1,001) |"
        )
    text = (cwd / "results" / "README.md").read_text()
    overview, _, sections = text.partition("## Overview")[2].partition("\n## ")
    assert "| [Two arms](#two-arms)" in overview and "#returns" not in overview
    six = "| task | arm | seeds | steps to 200 | minutes to 200 | return at the end |"
    assert six in sections and "| a | 2 of 2 | 8,000 (8,000 to 8,000) | 2.0 | 1,000 (1,000 to 1,001) |" in sections
    assert "(walks/table.md)" in sections
