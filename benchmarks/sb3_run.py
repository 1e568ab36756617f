"""One run of Stable-Baselines3 for `benchmarks.reproduce`: DDPG or SAC with HER on our environments, or PPO.

    python -m benchmarks.sb3_run --alg=DDPG --env=FetchPush-v1 --num_timesteps=2e5 --log_path=DIR

PPO has the settings of our `--preset=single`. Evaluations are as frequent as ours: 104 episodes every 4,000 steps, or
20 at the end of each of our epochs. Such a run cannot be resumed; the same command begins it again.
"""

import contextlib
import csv
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from baselines.common.cli import errors_end_the_process, parse_all
from baselines.common.cores import cores
from baselines.common.seeding import RngStreams, env_seeds
from baselines.common.settings import Settings, setting
from baselines.common.specs import Actions
from baselines.envs import BACK_ENDS, make_vec_env
from baselines.envs.base import evaluation_size
from baselines.envs.gymnasium_env import make_one, spec_of
from baselines.learning.quiet import import_tensorflow
from baselines.policies.evaluation import Evaluation, evaluate_in
from baselines.runs.algorithms import find
from baselines.storage import check_writable, replace_file

EPOCH, EPISODES, LAST_EPISODES, LAST_ENVS = 4000, 104, 1000, 50
PPO_EPISODES, PPO_ENVS = 20, 8
COLUMNS = ("epoch", "total/timesteps", "total/seconds", "test/mean_return", "test/success_rate")


@dataclass(frozen=True)
class SB3Options(Settings):
    """The command line."""

    alg: str = setting("DDPG", "algorithm", choices=("DDPG", "SAC", "PPO"))
    env: str = setting("FetchPush-v1", "environment")
    num_timesteps: int = setting(200_000, "environment steps, rounded down to whole epochs", EPOCH, 10**12)
    seed: int = setting(0, "seed of everything random", 0, 1 << 31)
    vec_env: str = setting("auto", "back end of the environments for evaluation", choices=BACK_ENDS)
    log_path: str = setting(None, "folder for progress.csv", path=True)
    json: str | None = setting(None, "file for an evaluation of the last policy", path=True)


def main(argv: list[str] | None = None) -> None:
    """Train by the command line."""
    with errors_end_the_process():
        options = parse_all(SB3Options, argv, "benchmarks.sb3_run", __doc__)
        check_writable(options.log_path)
        import_tensorflow()  # takes seconds: after the options
        from benchmarks import peers

        peers.check_sb3("sb3_run")
        if options.alg == "PPO":
            config = find("ppo2").config(options.env, {}, "single")
            epoch_steps = config.n_cycles * config.nsteps * PPO_ENVS
            model = peers.make_sb3_ppo(options.env, config, PPO_ENVS, options.seed, options.num_timesteps)
            train(model, options, epoch_steps, PPO_EPISODES)
        else:
            schedule = {"train_freq": peers.EVERY, "gradient_steps": peers.UPDATES}
            model = peers.make_sb3(options.alg, options.env, peers.NUM_ENV, "EnvPool", options.seed, **schedule)
            train(model, options, EPOCH, EPISODES)


class Greedy:
    """A model of SB3 as a policy without noise; it acts in [-1, 1], which is scaled to the environment's units."""

    def __init__(self, model, actions: Actions):
        self._model, self._actions = model, actions

    def act(self, observation):
        shown = observation if len(observation) > 1 else observation["observation"]
        if normalizer := self._model.get_vec_normalize_env():
            shown = normalizer.normalize_obs(shown)
        return self._actions.to_env(self._model.predict(shown, deterministic=True)[0])


def train(model, options: SB3Options, epoch_steps: int, episodes: int) -> None:
    """Write a row of progress.csv for each epoch, then the evaluation of the last policy."""
    greedy, start = Greedy(model, spec_of(make_one(options.env), options.env).actions), time.perf_counter()
    with rows_to(Path(str(options.log_path))) as write, evaluations(greedy, options, episodes) as evaluation_of:
        for epoch in range(options.num_timesteps // epoch_steps):
            model.learn(epoch_steps, reset_num_timesteps=False)
            evaluation, seconds = evaluation_of(epoch), time.perf_counter() - start
            success = math.nan if evaluation.success_rate is None else evaluation.success_rate
            times = (epoch + 1) * epoch_steps, f"{seconds:.3f}"
            write([epoch, *times, f"{evaluation.mean_return:.10g}", f"{success:.10g}"])
            rates = f"return {evaluation.mean_return:.2f}, success rate {success:.3f}"
            print(f"epoch {epoch}: {rates} after {seconds:.0f} s", flush=True)
    if options.json:
        seeds = env_seeds(0, 0, "evaluate", LAST_ENVS)
        with contextlib.closing(make_vec_env(options.env, LAST_ENVS, seeds, options.vec_env, len(cores()))) as env:
            evaluation = evaluate_in(greedy, env, LAST_EPISODES)
        with replace_file(options.json) as document:
            document.write(json.dumps(asdict(evaluation), indent=2).encode() + b"\n")


@contextlib.contextmanager
def rows_to(folder: Path) -> Iterator[Callable[[list], None]]:
    """Begin a new progress.csv; each row is in the file as soon as it is written."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "progress.csv").open("w", newline="", buffering=1) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        yield writer.writerow


@contextlib.contextmanager
def evaluations(greedy: Greedy, options: SB3Options, episodes: int) -> Iterator[Callable[[int], Evaluation]]:
    """Yield a function from epoch to evaluation, with the same episodes as our runs with this seed have."""
    num_env = evaluation_size(episodes, 16)
    seeds_for = RngStreams(options.seed, 0).seeds_for("test", num_env)
    with contextlib.closing(make_vec_env(options.env, num_env, seeds_for(0), options.vec_env, len(cores()))) as env:

        def evaluation_of(epoch: int) -> Evaluation:
            env.reseed(seeds_for(epoch))
            return evaluate_in(greedy, env, episodes)

        yield evaluation_of


if __name__ == "__main__":
    main()
