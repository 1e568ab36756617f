"""Several seeds of one run (--seeds): a folder for each below the experiment's, which the same command continues."""

import contextlib
import csv
import dataclasses
import hashlib
import math
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from baselines.common.cli import command_line, show
from baselines.common.cores import cores
from baselines.common.errors import Interrupted, TrainingError, UserError, counted
from baselines.common.mpi import Communicator
from baselines.common.old_names import LOG_FOLDER_VARIABLE
from baselines.common.processes import Children, check_jobs, each
from baselines.common.settings import FREE, Settings, names_of, setting
from baselines.common.signals import handlers
from baselines.runs.algorithms import find
from baselines.runs.checkpoints import FOLDER, checkpoint_file, checkpoint_numbers
from baselines.runs.launch import launch
from baselines.runs.options import Options
from baselines.runs.record import check_resumed, read_record, resumed_config, resumed_options
from baselines.runs.schedule import plan
from baselines.runs.state import Progress
from baselines.storage import check_writable, read_document

_SCORES = ("test/success_rate", "test/mean_return")  # the first that is known tells how good a run is


@dataclasses.dataclass(frozen=True)
class SeedsOptions(Settings):
    """Options for several seeds."""

    seeds: str | None = setting(None, "seeds to train with, instead of --seed: 0,1,2", group="several seeds")
    n_seeds: int | None = setting(None, "number of seeds to train with: 0, 1, ...", 1, 10_000)
    jobs: int = setting(1, "seeds that train at the same time, each on its share of the cores", 1, 10_000)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seeds is not None and self.n_seeds:
            raise UserError("give either --seeds or --n_seeds, not both")
        if self.jobs > 1 and not self.chosen:
            raise UserError(f"--jobs={self.jobs} is for several seeds: add --seeds=0,1,2")

    @property
    def chosen(self) -> list[int]:
        """The seeds, none where there is only --seed. Raises UserError."""
        if self.seeds is None:
            return list(range(self.n_seeds or 0))
        if not re.fullmatch(r"\d{1,18}(,\d{1,18})*", self.seeds):
            raise UserError(f"--seeds: expected whole numbers such as 0,1,2, got '{self.seeds}'")
        return list(dict.fromkeys(map(int, self.seeds.split(","))))


def train_seeds(
    several: SeedsOptions, given: dict[str, Any], settings: Mapping[str, object], comm: Communicator, command: str
) -> None:
    """Train with each seed, or continue where an earlier `command` stopped.

    Seeds train in processes of their own; workers of mpirun train them one after the other. Raises UserError,
    TrainingError where a seed failed, and Interrupted.
    """
    for name in ("seed", "resume"):
        if name in given:
            raise UserError(f"--seeds and --{name}: give only one; the same command continues stopped seeds")
    if given.get("checkpoint_interval") == 0:
        raise UserError("--checkpoint_interval=0: several seeds need checkpoints, from which they are continued")
    if comm.size > 1 and several.jobs > 1:
        raise UserError("--jobs: workers of mpirun train one seed after the other, leave it out")
    check_jobs(several.jobs)
    flags = Options(**given)  # wrong input is refused before anything begins
    find(flags.alg).config(flags.env, settings, flags.preset, flags=names_of(Options))
    given = {**given, **({"save_path": flags.save_path} if flags.save_path else {})}
    folder = flags.log_path or os.environ.get(LOG_FOLDER_VARIABLE) or _folder(given, settings)
    check_writable(folder)
    runs = [_Run(seed, os.path.join(folder, f"seed-{seed}"), given, settings) for seed in several.chosen]
    left = comm.all_gather([run for run in runs if not run.finished()])[0]
    tell = show if comm.rank == 0 else lambda text: None
    tell(f"{counted(len(runs), 'seed')} in {folder}, {len(runs) - len(left)} of them finished")
    try:
        if comm.size == 1:
            _train_in_processes(left, several.jobs)
        for run in left if comm.size > 1 else ():
            launch(run.flags(), settings, comm)
    except Interrupted as stopped:
        raise Interrupted(f"stopped; to continue: {command}", stopped.exit_code - 128) from None
    for run in runs:
        tell(f"seed {run.seed}: {run.progress()[2]}")
    tell(f"curves:\n  python -m baselines.plot {folder} --output=curves.png")


@dataclasses.dataclass(frozen=True)
class _Run:
    """The run of one seed."""

    seed: int
    folder: str
    given: Mapping[str, Any]  # to all seeds
    settings: Mapping[str, object]

    def flags(self) -> dict[str, Any]:
        """Return the flags that begin the run, or continue it."""
        continues = os.path.exists(os.path.join(self.folder, "config.json"))
        own = {**self.given, "seed": self.seed, "resume" if continues else "log_path": self.folder}
        if "save_path" in own:
            own["save_path"] = os.path.join(own["save_path"], f"seed-{self.seed}")
        return {name: value for name, value in own.items() if name != "log_path" or not continues}

    def finished(self) -> bool:
        """Return True where the state after the last epoch is saved. Raises UserError for a run of other flags."""
        flags = self.flags()
        if "resume" not in flags:
            return False
        record = read_record(self.folder)
        before, options = record.schedule, resumed_options(record, flags)
        config = resumed_config(record, find(options.alg).Config, self.settings)
        check_resumed(record, options, config, self.settings, record.workers)
        now = plan(options, before.n_cycles, before.steps_per_cycle, before)
        folder = os.path.join(self.folder, FOLDER)
        with contextlib.suppress(UserError, LookupError, ValueError, TypeError):  # no state, or a damaged one
            newest = checkpoint_numbers(folder, 0)[-1]
            files = [checkpoint_file(folder, newest, rank) for rank in range(record.workers)]
            done = [Progress.from_document(read_document(file)["progress"]) for file in files]
            return not done[0].cycle and now.share(done[0], sum(one.steps for one in done) / len(done)) >= 1
        return False

    def progress(self) -> tuple[int, int | None, str]:
        """Return the epochs so far, the epochs in all, and a word about the last one."""
        with contextlib.suppress(OSError, ValueError, IndexError, UserError):  # a row may be half-written
            with open(os.path.join(self.folder, "progress.csv"), newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            scores = {key.removeprefix("test/").replace("_", " "): float(rows[-1].get(key) or "nan") for key in _SCORES}
            said = next((f"{name} {value:.3g}" for name, value in scores.items() if not math.isnan(value)), "")
            return len(rows), read_record(self.folder).schedule.n_epochs, said
        return 0, None, "not begun"


def _folder(given: Mapping[str, Any], settings: Mapping[str, object]) -> str:
    """Return the folder of these flags and settings, which later runs of the command find again."""
    free = {*names_of(Options, on_resume=FREE)}
    fixed = sorted((n, str(v)) for n, v in {**given, **settings}.items() if n not in free)
    name = re.sub(r"[^\w.-]+", "-", "-".join(filter(None, (given["alg"], given["env"], given.get("preset")))))
    return os.path.join("runs", f"{name}-{hashlib.sha256(repr(fixed).encode()).hexdigest()[:8]}")


def _train_in_processes(runs: list[_Run], jobs: int) -> None:
    """Train, and show the progress of all. Raises UserError, TrainingError and Interrupted."""
    children, failed = Children(), list[str]()
    at_once = max(1, min(jobs, len(runs)))
    shares = [cores()[i::at_once] for i in range(at_once)]
    looks, seen = "{desc}: {n_fmt} of {total_fmt} epochs |{bar}|{postfix}", sys.stderr.isatty()

    def say(text: str) -> None:
        tqdm.write(text)  # above the bars
        sys.stdout.flush()

    def draw() -> None:
        for bar, run in zip(bars, runs, strict=True):
            bar.n, bar.total, said = run.progress()
            bar.set_postfix_str(said)

    def train(run: _Run) -> str:
        """Return the error of a run, empty where it has ended well."""
        output, flags = Path(outputs, str(run.seed)), run.flags()
        say(f"seed {run.seed}: {'continues' if 'resume' in flags else 'begins'}, in {run.folder}")
        code = children.run([sys.executable, *command_line("baselines.run", flags, run.settings)[1:]], output)
        children.check()
        return _error_of(code, output.read_text(errors="replace"))

    with tempfile.TemporaryDirectory() as outputs, handlers(children.stop), contextlib.ExitStack() as stack:
        bars = [tqdm(desc=f"seed {run.seed}", position=i, bar_format=looks, disable=not seen, dynamic_ncols=True)
                for i, run in enumerate(runs)]  # fmt: skip
        for bar in bars:
            stack.enter_context(bar)
        for run, error in stack.enter_context(contextlib.closing(each(runs, train, children, shares, draw))):
            failed += [f"seed {run.seed}: {error}"] if error else []
            say(f"seed {run.seed}: {f'failed: {error}' if error else f'finished, {run.progress()[2]}'}")
    if failed:
        raise TrainingError(f"{len(failed)} of {len(runs)} seeds failed ({failed[0]}); the same command tries again")


def _error_of(code: int, output: str) -> str:
    """Return why a run's process failed, empty where it did not. Raises UserError where its input was wrong."""
    if "Traceback" in output:
        tqdm.write(output[output.index("Traceback") :], file=sys.stderr)
    errors = [line.removeprefix("error: ") for line in output.splitlines() if line.startswith("error: ")]
    why = errors[-1] if errors else f"its process ended with exit code {code}"
    if code == 2:
        raise UserError(why)
    return why if code else ""
