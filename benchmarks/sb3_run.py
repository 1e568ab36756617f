"""One run of Stable-Baselines3's DDPG or SAC with HER on our environments, for `benchmarks.reproduce`:

    python -m benchmarks.sb3_run --alg=DDPG --env=FetchPush-v1 --num_timesteps=2e5 --log_path=DIR

Every 4,000 steps 104 episodes are played without noise, as ours are. It cannot be resumed: it begins again.
"""

import contextlib
import csv
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from baselines import api
from baselines.common.cmd_util import errors_end_the_process, parse_all
from baselines.common.evaluation import evaluate_in
from baselines.common.quiet import import_tensorflow
from baselines.common.seeding import Streams
from baselines.common.settings import Settings, setting
from baselines.common.storage.files import check_writable, replace_file
from baselines.common.vec_env import BACK_ENDS, make_vec_env
from baselines.common.vec_env.base import evaluation_size
from benchmarks.processes import cores

EPOCH, EPISODES, LAST_EPISODES = 4000, 104, 1000
NEEDS_FOLDER = {"log_path": "expected --log_path=DIR, a folder for progress.csv, got none"}
COLUMNS = ("epoch", "total/timesteps", "total/seconds", "test/success_rate")


@dataclass(frozen=True)
class SB3Options(Settings):
    """The command line."""

    alg: str = setting("DDPG", "algorithm", choices=("DDPG", "SAC"))
    env: str = setting("FetchPush-v1", "environment")
    num_timesteps: int = setting(200_000, "environment steps, rounded down to whole epochs of 4,000", EPOCH, 10**12)
    seed: int = setting(0, "seed of everything random", 0, 1 << 31)
    vec_env: str = setting("auto", "what steps the environments of evaluations", choices=BACK_ENDS)
    log_path: str | None = setting(None, "folder for progress.csv", path=True, default_text="")
    json: str | None = setting(None, "file for an evaluation of the last policy", path=True, default_text="")


def main(argv: list[str] | None = None) -> None:
    """Train as the command line says."""
    with errors_end_the_process():
        options = parse_all(SB3Options, argv, "benchmarks.sb3_run", __doc__, NEEDS_FOLDER)
        if options is None:
            return
        check_writable(options.log_path)
        import_tensorflow()  # takes seconds: after the options
        from benchmarks import peers

        peers.check_sb3("sb3_run")
        schedule = {"train_freq": peers.EVERY, "gradient_steps": peers.UPDATES}
        train(peers.make_sb3(options.alg, options.env, peers.NUM_ENV, "EnvPool", options.seed, **schedule), options)


class Greedy:
    """What is evaluated: a model of SB3, without noise."""

    def __init__(self, model):
        self._model = model

    def act(self, observation):
        return self._model.predict(observation, deterministic=True)[0]


def train(model, options: SB3Options) -> None:
    """A row of progress.csv for each epoch, then the evaluation of the last policy."""
    start = time.perf_counter()
    with rows_to(Path(str(options.log_path))) as write, evaluations(model, options) as success_of:
        for epoch in range(options.num_timesteps // EPOCH):
            model.learn(EPOCH, reset_num_timesteps=False)
            success, seconds = success_of(epoch), time.perf_counter() - start
            write([epoch, (epoch + 1) * EPOCH, f"{seconds:.3f}", f"{success:.10g}"])
            print(f"epoch {epoch}: success rate {success:.3f} after {seconds:.0f} s", flush=True)
    if options.json:
        found = api.evaluate(Greedy(model), options.env, LAST_EPISODES, num_env=50, vec_env=options.vec_env)
        with replace_file(options.json) as document:
            document.write(json.dumps(found.document(), indent=2).encode() + b"\n")


@contextlib.contextmanager
def rows_to(folder: Path) -> Iterator[Callable[[list], None]]:
    """A new progress.csv, whose rows are there as soon as they are written."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "progress.csv").open("w", newline="", buffering=1) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        yield writer.writerow


@contextlib.contextmanager
def evaluations(model, options: SB3Options) -> Iterator[Callable[[int], float]]:
    """epoch -> success rate: the same episodes as those of our runs with this seed."""
    num_env = evaluation_size(EPISODES, 16)
    seeds_for = Streams(options.seed, 0).seeds_for("test", num_env)
    with contextlib.closing(make_vec_env(options.env, num_env, seeds_for(0), options.vec_env, len(cores()))) as env:

        def success_of(epoch: int) -> float:
            env.reseed(seeds_for(epoch))
            return evaluate_in(Greedy(model), env, EPISODES).success_rate

        yield success_of


if __name__ == "__main__":
    main()
