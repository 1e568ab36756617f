"""Faults at random: `python -m benchmarks.faults --minutes=60`.

Each attempt draws a command, a fault and a moment from its seed. It disturbs the command, lets it go on (`--resume`, or
the same command again) and compares everything that it left, except for times, with what the undisturbed command left.
The attempt is "held" if both are the same, or if the command said in one line what is wrong and changed no file that
was there. It is "missed" if the command ended before the fault came. Attempts are added to FOLDER/attempts.csv, and
FOLDER/table.md counts them. The option --seed=N repeats one and shows its output; --leaks measures memory instead.
"""

import argparse
import contextlib
import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from baselines.runs.checkpoints import checkpoint_file, checkpoint_numbers
from baselines.storage import read_arrays
from benchmarks.faulty import CALLS, DISK, digest
from benchmarks.measure import commit_of_code
from tests.helpers import TIMED, mpirun_command, rows, timeless
from tests.runs.forks import Forks

HANG = 300  # seconds after which a command counts as hanging
SILENT = 10  # --worker_timeout of the run of which a rank is stopped
STOP, WORKER, FULL = "SIGSTOP of a rank", "SIGKILL of a worker process", "full disk"
SIGNALS = {"SIGKILL": 9, "SIGTERM": 15, "SIGHUP": 1, STOP: signal.SIGSTOP, WORKER: 9}
DISKS, DAMAGE = ("ENOSPC", "EIO", "short write"), ("flipped bit", "truncated file", "deleted file")
EPOCHS = 4  # of each run
FIELDS = ("seed", "commit", "command", "fault", "moment", "outcome", "why", "seconds")


@dataclass(frozen=True)
class Command:
    """A command: how often it is drawn, which files may be damaged, and the fault that only it knows."""

    words: str
    weight: float = 1.0
    damaged: str = ""
    own: str = ""
    ranks: int = 1
    processes: int = 1

    @property
    def faults(self) -> list[str]:
        """Return all faults that it is exposed to."""
        full = [FULL] if os.geteuid() == 0 else []  # only root can mount a small disk
        disturbed = ["SIGKILL", "SIGTERM", "SIGHUP", *DISKS, *full] + [self.own] * bool(self.own)
        return disturbed * (not self.words.startswith("read")) + list(DAMAGE) * bool(self.damaged)

    @property
    def trains(self) -> bool:
        """Return True for a run, which goes on with --resume."""
        return self.words.startswith("baselines.run")


_POINT, _POLICY = "--env=tests.environments:PointReach-v0", "--load_path=policy"
_LOGS = f"--seed=0 --n_epochs={EPOCHS} --n_cycles=3 --log_path=log --save_path=policies"
_TINY = f"{_POINT} --num_env=2 --n_batches=2 --batch_size=16 --hidden=8 --layers=1 --n_test_rollouts=1"
_HER, _DEMOS = f"baselines.run {_TINY} {_LOGS}", "--demo_file=demos.npz --demo_batch_size=4"
_PPO = "--alg=ppo2 --env=CartPole-v1 --nsteps=64 --nminibatches=2 --num_hidden=8 --n_test_episodes=1"
_TUNE = "--n_trials=4 --timesteps=360 --n_cycles=3 --tuned=polyak --storage=sqlite:///study.db --log_path=trials"
COMMANDS = {
    "HER": Command(f"{_HER} --vec_env=sync", 2, "log/**/*"),
    "HER with demonstrations": Command(f"{_HER} --vec_env=sync {_DEMOS}", 2, "log/**/*"),
    "HER --vec_env=async": Command(f"{_HER} --vec_env=async", 1, "", WORKER),
    "mpirun -np 2, HER": Command(f"{_HER} --vec_env=sync --worker_timeout={SILENT}", 2, "log/**/*", STOP, ranks=2),
    "PPO": Command(f"baselines.run {_PPO} {_LOGS}", 2, "log/**/*"),
    "tune, two processes": Command(f"baselines.tune {_TINY} {_TUNE}", processes=2),
    "evaluate --json": Command(f"baselines.evaluate {_POLICY} {_POINT} --num_env=2 --episodes=4 --json=figures.json"),
    "play --video": Command(f"baselines.play {_POLICY} {_POINT} --episodes=1 --video=video.mp4", 0.5),
    "export": Command(f"baselines.export {_POLICY} --format=onnx --output=policy.onnx", 1, "policy/*"),
    "save": Command("save policy saved", 1, "policy/*"),
    "read a policy": Command("read policy policy", 2, "policy/*"),
    "read a state": Command("read state log", 2, "log/checkpoint/*"),
    "read demonstrations": Command("read demonstrations demos.npz", 2, "demos.npz"),
}


class Ended(NamedTuple):
    """How a command ended: its exit code (None: it hung), output and seconds, and what was done to it."""

    code: int | None
    output: str
    seconds: float
    moment: str

    def fell(self) -> str:
        """Return why it may not end so, nothing where it may."""
        if self.code is None:
            return f"hung for {HANG} s"
        fell = "Traceback" in self.output or "Fatal Python error" in self.output
        return f"traceback: {self.output.strip().splitlines()[-1]}" if fell else ""


class Reference(NamedTuple):
    """An undisturbed command: how it ended, what it left, its calls to the disk, the room that it took there."""

    ended: Ended
    left: dict[str, object]
    calls: int
    room: int


class Bench:
    """Runs commands in the folder `now`; it is always the same one, because files hold its path."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now, self.start = folder, folder / "now", folder / "start"
        self.forks = Forks(folder, "benchmarks.faulty")
        self.references: dict[str, Reference] = {}
        self.start.mkdir()
        self.fresh(self.start)
        record = f"--load_path=policies {_POINT} --record_demos=demos.npz --keep_failures --episodes=4"
        for command in (COMMANDS["HER"], Command(f"baselines.play {record}")):
            ended = self.run(command)
            assert ended.code == 0, ended.output
        shutil.copytree(self.now / "policies", self.start / "policy", ignore=lambda *_: ["best.safetensors"])
        shutil.copy(self.now / "policies" / "best.safetensors", self.start / "saved.safetensors")
        shutil.copy(self.now / "demos.npz", self.start)
        (self.start / "figures.json").write_text("{}")

    def fresh(self, source: Path, size: int = 0) -> None:
        """Let `now` be a copy of a folder, on a disk of its own of `size` bytes if that is not 0."""
        if os.path.ismount(self.now):
            subprocess.run(["umount", "-l", self.now], check=True)
        shutil.rmtree(self.now, ignore_errors=True)
        self.now.mkdir()
        if size:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.now], check=True)
        shutil.copytree(source, self.now, dirs_exist_ok=True)

    def run(self, command: Command, words: str = "", disturb: Callable[..., Any] | None = None, **extra: str) -> Ended:
        """Run a command to its end; `disturb(process, seconds, output)` is called until it returns what it did."""
        launcher = mpirun_command(command.ranks)[:3] if command.ranks > 1 else []
        argv, path = [*launcher, *self.forks.command, *(words or command.words).split()], self.folder / "output"
        begin, seconds, moment, code, started = time.monotonic(), 0.0, "", None, []
        with path.open("w") as file:
            for environment in ({**self.forks.environment, **extra}, self.forks.environment)[: command.processes]:
                started.append(subprocess.Popen(argv, cwd=self.now, stdout=file, stderr=file, env=environment))
        while code is None and seconds < HANG:
            time.sleep(0.01)
            seconds = time.monotonic() - begin
            if all(process.poll() is not None for process in started):
                code = max((process.returncode for process in started), key=abs)
            elif disturb and not moment:
                moment = disturb(started[0], seconds, path.read_text(errors="replace")) or ""
        for process in started:
            process.kill()
            process.wait()
        while alive := self.forks.runs():
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        return Ended(code, path.read_text(errors="replace"), seconds, moment)

    def begin_of(self, name: str, damaged: bool) -> Path:
        """Return the folder to begin with: for damage to logs, that of a run which was stopped in its third epoch."""
        if not (damaged and COMMANDS[name].damaged.startswith("log")):
            return self.start
        name = name if COMMANDS[name].trains else "HER"
        if not (middle := self.folder / name).exists():
            self.fresh(self.start)
            self.run(COMMANDS[name], disturb=lambda _, __, out: epochs_in(out) >= 2 and self.kill("SIGTERM", 0))
            assert epochs_in((self.folder / "output").read_text()) < EPOCHS, "it was stopped too late"
            shutil.copytree(self.now, middle)
        return middle

    def reference(self, name: str) -> Reference:
        """Return the undisturbed command."""
        if name not in self.references:
            self.fresh(self.begin_of(name, damaged=not COMMANDS[name].trains))
            room = self.room()
            ended = self.run(COMMANDS[name], **{CALLS: str(self.folder / "calls")})
            assert ended.code == 0 and not ended.fell(), ended.output
            calls = int((self.folder / "calls").read_text())
            self.references[name] = Reference(ended, self.left(), calls, self.room() - room)
        return self.references[name]

    def room(self) -> int:
        """Return the bytes that `now` takes on a disk of pages."""
        return sum(4096 + -(-p.stat().st_size // 4096) * 4096 for p in self.now.rglob("*"))

    def contents(self) -> dict[str, bytes]:
        """Return the bytes of all files."""
        return {str(p.relative_to(self.now)): p.read_bytes() for p in self.now.rglob("*") if p.is_file()}

    def left(self) -> dict[str, object]:
        """Return what is compared: contents by name without times, and the newest states."""
        found: dict[str, object] = {}
        for name, data in self.contents().items():
            if name.endswith("progress.csv"):
                found[name] = timeless((self.now / name).parent)
            elif name.endswith("progress.json"):
                lines = [json.loads(line) for line in data.splitlines()]
                found[name] = [{k: v for k, v in line.items() if not TIMED.fullmatch(k)} for line in lines]
            elif not re.search(r"log\.txt|config\.json|tfevents|checkpoint/|(^|/)\.", name):
                found[name] = data
        folder = str(self.now / "log" / "checkpoint")
        for rank in range(2):
            for number in checkpoint_numbers(folder, rank)[-1:]:
                found[f"state of rank {rank}"] = digest(*read_arrays(checkpoint_file(folder, number, rank)))
        return found

    # ---- an attempt ----

    def attempt(self, seed: int) -> tuple[dict[str, object], Ended]:
        """Return the row of an attempt, and how its command ended."""
        rng = random.Random(seed)
        name = rng.choices(list(COMMANDS), [command.weight for command in COMMANDS.values()])[0]
        command, fault = COMMANDS[name], rng.choice(COMMANDS[name].faults)
        try:
            reference, begin = self.reference(name), self.begin_of(name, fault in DAMAGE)
        except AssertionError as error:  # not even undisturbed
            row = dict(command=name, fault="none", moment="", outcome="lost", why=str(error)[:500])
            return row, Ended(1, str(error), 0.0, "")
        self.fresh(begin)
        kept = {n: data for n, data in self.contents().items() if n not in ("figures.json", "saved.safetensors")}
        moment, words, disturb, environment = "", "", None, {}
        if fault in DAMAGE:
            moment, words = self.damage(command, fault, rng), "baselines.run --resume=log" if command.trains else ""
            kept = self.contents()
        elif fault in DISKS:
            number, lasts = rng.randint(1, max(1, reference.calls)), rng.random() < 0.5
            moment = f"call {number}{' and all later ones' * lasts}"
            environment = {DISK: f"{number}:{fault}:{'lasts' * lasts}"}
        elif fault == FULL:
            size = self.room() + rng.randrange(max(1, reference.room))
            moment = f"{size} bytes"
            self.fresh(begin, size)
        else:
            disturb = self.killing(fault, rng.uniform(0, reference.ended.seconds), rng.random())
        ended = self.run(command, words, disturb, **environment)
        moment = moment or ended.moment
        why = self.judge(name, fault, ended, kept) if moment else ""
        outcome = "lost" if why else "held" if moment else "missed"
        return dict(command=name, fault=fault, moment=moment, outcome=outcome, why=why), ended

    def damage(self, command: Command, fault: str, rng: random.Random) -> str:
        """Damage a file, and return where."""
        path = rng.choice(sorted(p for p in self.now.glob(command.damaged) if p.is_file()))
        data = bytearray(path.read_bytes())
        byte, bit = divmod(rng.randrange(8 * len(data)), 8)
        data[byte] ^= 1 << bit
        path.write_bytes(data[:byte] if fault == "truncated file" else data)
        if fault == "deleted file":
            path.unlink()
        return f"{path.relative_to(self.now)}, byte {byte}"

    def killing(self, fault: str, delay: float, choice: float) -> Callable[..., str]:
        """Return what sends a signal after `delay` seconds; a rank is stopped when it trains."""

        def disturb(process: subprocess.Popen[bytes], seconds: float, output: str) -> str:
            early = seconds < delay if fault != STOP else not epochs_in(output)
            return "" if early else self.kill(fault, choice, process) and f"{seconds:.2f} s"

        return disturb

    def kill(self, fault: str, choice: float, process: subprocess.Popen[bytes] | None = None) -> str:
        """Send a signal to one of the processes; return nothing where none lives."""
        alive = self.forks.runs()
        if fault == WORKER:
            alive = [child for pid in alive for child in _below(pid) if b"forkserver" in _command(child)]
        elif fault != STOP and process and "mpirun" in process.args[0]:
            alive.append(process.pid)
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(alive[int(choice * len(alive))], SIGNALS[fault])
            return fault
        return ""

    # ---- how it ended ----

    def judge(self, name: str, fault: str, ended: Ended, kept: dict[str, bytes]) -> str:
        """Return why the attempt is lost, nothing where it is held."""
        command, spoke = COMMANDS[name], re.search(r"^(error|stopped|interrupted|warning)\b", ended.output, re.M)
        if why := ended.fell():
            return why
        contents = self.contents()
        changed = [n for n, data in kept.items() if contents.get(n) != data]
        if fault in DAMAGE and ended.code:
            return f"changed: {changed}" if changed else "" if spoke else "no line"
        if changed and fault not in DAMAGE:
            return f"changed: {changed}"
        if name.startswith("read"):
            allowed = {self.reference(name).ended.output.strip()}
            if name == "read a state":
                allowed |= {digest(*read_arrays(str(p))) for p in self.begin_of(name, True).glob("log/checkpoint/*")}
            return "" if ended.output.splitlines()[-1] in allowed else "other numbers"
        if ended.code:
            begun = 0 < epochs_in(ended.output) < EPOCHS
            if not spoke and fault != "SIGKILL" and (begun or fault not in SIGNALS):
                return f"no line, exit code {ended.code}"
            if why := self.go_on(command):
                return why
        warnings = [line for line in ended.output.splitlines() if line.startswith("warning")]
        return self.compare(name, warned="" if ended.code else " ".join(warnings))

    def go_on(self, command: Command) -> str:
        """Let a command go on, with room on its disk; return why it could not."""
        if os.path.ismount(self.now):
            subprocess.run(["mount", "-o", "remount,size=1G", self.now], check=True)
        if (self.now / "policy.onnx").exists():
            return ""
        begun = command.trains and (self.now / "log" / "config.json").exists()
        if not begun:
            shutil.rmtree(self.now / "log", ignore_errors=True)
        again = self.run(command, "baselines.run --resume=log" if begun else "")
        return f"going on: {again.fell() or again.output[-300:]}" if again.code != 0 or again.fell() else ""

    def compare(self, name: str, warned: str) -> str:
        """Return what differs from the undisturbed command; warnings may say that a policy, state or log is missing."""
        if name.startswith("tune"):
            return _check_study(self.now)
        left = self.left()
        different = [n for n, x in self.reference(name).left.items() if left.get(n) != x]
        different = [n for n in different if not warned or ("progress" in n and n not in warned)]
        half = [p.name for p in self.now.glob("log/checkpoint/*") if not re.fullmatch(r"\d+-rank\d\.\w+", p.name)]
        return f"different: {different}" if different else f"half-written: {half}" if half else ""


def epochs_in(output: str) -> int:
    """Return how many epochs a run has shown."""
    return output.count("| epoch ")


def _below(pid: int) -> list[int]:
    """Return all processes that a process has started, and those that they have started."""
    with contextlib.suppress(OSError):
        text = " ".join(file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children"))
        return [process for child in text.split() for process in (int(child), *_below(int(child)))]
    return []


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _check_study(folder: Path) -> str:
    """Return what is wrong with a study: its trials are complete, and have the values of their logs."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    trials = optuna.load_study(study_name=None, storage=f"sqlite:///{folder}/study.db").trials
    done = [t for t in trials if t.value is not None or "error" in t.user_attrs]
    for trial in (t for t in done if t.value is not None):
        logged = [float(row["test/success_rate"]) for row in rows(folder / "trials" / f"trial-{trial.number}")]
        if logged != list(trial.intermediate_values.values()):
            return f"trial {trial.number} has other values in its log"
    return "" if len(done) >= 4 else f"only {len(done)} trials"


def table(attempts: list[dict[str, str]]) -> str:
    """Return in Markdown how many were tried, held and lost by fault and by command, and the seeds of the lost ones."""
    lines = []
    for key in ("fault", "command"):
        count = Counter((kind, a["outcome"]) for a in attempts for kind in (a[key], "all"))
        lines += [f"| {key} | tried | held | lost |", "|---|---|---|---|"]
        for kind in [*sorted({a[key] for a in attempts}), "all"]:
            held, lost = count[kind, "held"], count[kind, "lost"]
            lines.append(f"| {kind} | {held + lost} | {held} | {lost} |")
        lines.append("")
    lines += ["- seed {seed}: {command}, {fault}, {moment}: {why}".format(**a) for a in attempts if a["why"]]
    return "\n".join(lines) + "\n"


def measure_leaks(path: Path) -> None:
    """Write memory, open files and threads after each 1,020 steps of a run, and after each of 30 trainings."""
    import baselines

    looks: list[dict[str, object]] = []

    def look(part: str) -> None:
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        files, threads = (len(os.listdir(f"/proc/self/{kind}")) for kind in ("fd", "task"))
        looks.append({"part": part, "MB": round(resident, 1), "files": files, "threads": threads})

    tiny: dict[str, Any] = dict(n_batches=2, batch_size=16, hidden=8, layers=1, n_test_rollouts=1, seed=0, quiet=True)
    tiny |= dict(env="tests.environments:PointReach-v0", num_env=2, vec_env="sync", buffer_size=3000)
    with tempfile.TemporaryDirectory() as folder:
        baselines.train(**tiny, n_cycles=17, n_epochs=50, log_path=f"{folder}/log", callback=lambda _: look("a run"))
        for number in range(30):
            baselines.train(**tiny, n_cycles=2, n_epochs=1, log_path=f"{folder}/{number}")
            look("trainings")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, looks[0])
        writer.writeheader()
        writer.writerows(looks)
    for part in ("a run", "trainings"):
        begin, *_, end = (look for look in looks if look["part"] == part)
        print(f"{part}: first {begin}, last {end}")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__, allow_abbrev=False)
    parser.add_argument("--minutes", type=float, default=10, help="how long to go on (%(default)s)")
    parser.add_argument("--seed", type=int, help="the only attempt to make; nothing is written")
    parser.add_argument("--folder", type=Path, default=Path("runs/faults"), help="of the results (%(default)s)")
    parser.add_argument("--leaks", action="store_true", help="measure memory, files and threads instead")
    given = parser.parse_args()
    end, path, commit = time.monotonic() + 60 * given.minutes, given.folder / "attempts.csv", commit_of_code()
    given.folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the folder and its disk are removed
    if given.leaks:
        return measure_leaks(given.folder / "leaks.csv")
    with path.open("a+", newline="") as file, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file.seek(0)
        known, writer, bench = list(csv.DictReader(file)), csv.DictWriter(file, FIELDS), Bench(Path(folder))
        if file.tell() == 0:
            writer.writeheader()
        try:
            while True:
                seed, begin = len(known) if given.seed is None else given.seed, time.monotonic()
                row, ended = bench.attempt(seed)
                row |= {"seed": seed, "commit": commit, "seconds": f"{time.monotonic() - begin:.1f}"}
                print(*(row[name] for name in FIELDS), sep="  ", flush=True)
                if given.seed is not None:
                    print(ended.output)
                    break
                if row["outcome"] == "lost":
                    (given.folder / f"lost-{seed}.txt").write_text(ended.output)
                known.append({name: str(value) for name, value in row.items()})
                writer.writerow(row)
                file.flush()
                (given.folder / "table.md").write_text(table(known))
                if time.monotonic() > end:
                    break
        finally:
            if os.path.ismount(bench.now):
                subprocess.run(["umount", "-l", bench.now], check=True)
            bench.forks.close()


if __name__ == "__main__":
    main()
