"""Training, as the command line or Python asks for it: everything is looked at before anything is made or written."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from baselines.common.algorithms import Algorithm, find, read_policy
from baselines.common.errors import UserError
from baselines.common.logger import Logger
from baselines.common.mpi import Communicator
from baselines.common.policies import Agent
from baselines.common.runs.checkpoints import read_newest
from baselines.common.runs.folder import Record, check_save_path, new_run_folder, read_record, record_of
from baselines.common.runs.options import Options
from baselines.common.runs.resume import check_same, check_same_settings, resumed_config, resumed_options
from baselines.common.runs.run import Run
from baselines.common.seeding import env_seeds, new_seed
from baselines.common.settings import Settings, names_of
from baselines.common.specs import check_same_sizes
from baselines.common.vec_env import Video, as_vec_env, make_vec_env
from baselines.common.vec_env.base import VecEnv


def launch(
    given: Mapping[str, Any],
    settings: Mapping[str, object],
    comm: Communicator,
    *,
    env: object = None,
    eval_env: object = None,
    callback: Callable[[dict[str, float]], object] | None = None,
    new_folder: bool = False,
    defaults: Mapping[str, str] | None = None,
    after: Callable[[Agent, Run], None] = lambda agent, run: None,
) -> Agent:
    """Train, and return the agent. Raises UserError, TrainingError, and Interrupted where a signal stopped it in order.

    `given` are fields of `Options` and `settings` those of the algorithm; `defaults` are of the caller. `env` is the
    user's own environment, in place of a name. `new_folder` logs below runs/ where no log_path is given. `after` is
    called with the log still open.
    """
    record = read_record(str(given["resume"])) if given.get("resume") else None
    options = resumed_options(record, given) if record else Options(**{**(defaults or {}), **given})
    algorithm = find(options.alg)
    loaded = read_policy(options.load_path, algorithm) if options.load_path and not record else None
    if record:
        recorded, config = resumed_config(record, algorithm.Config, settings)
    else:
        document = loaded.document().get("config") if loaded else None
        config = algorithm.config(options.env, settings, options.preset, document, tuple(names_of(Options)))
    if options.save_path and not record and comm.rank == 0:
        check_save_path(options.save_path)
    options = _complete(options, algorithm, comm, new_folder)
    logger = Logger(options.log_path, quiet=comm.rank > 0, resume=record is not None)
    with contextlib.ExitStack() as stack:
        stack.callback(logger.close)
        vec_env = _environment(options, env, comm, stack)
        options = dataclasses.replace(options, env=vec_env.spec.env_id if env is not None else options.env)
        config = config.for_env(vec_env.spec)
        run = _run(options, config, vec_env, comm, logger, stack)
        run.callback = callback
        if eval_env is not None:
            run.eval_env = as_vec_env(eval_env, lambda n: run.seeds_for("test", n)(0))
            check_same_sizes("the policy", vec_env.spec, run.eval_env.spec)
        if record:
            check_same_settings(record.folder, recorded, config, settings)
            _check_same_run(record, options, vec_env, comm)
            run.resumed = record.schedule
            run.saved = read_newest(record.folder, options.checkpoint_interval, comm, logger)
            if options.load_path and not run.saved:
                loaded = read_policy(options.load_path, algorithm)
        if loaded:
            check_same_sizes(f"the policy in {options.load_path}", loaded.spec, vec_env.spec)
            run.initial_policy = loaded
        agent = algorithm.learn(vec_env, config, run)
        if not isinstance(agent, Agent):
            raise UserError(
                f"--alg={options.alg}: its learn must return a baselines.common.policies.Agent, got {agent!r}"
            )
        after(agent, run)
    return agent


def _complete(options: Options, algorithm: Algorithm, comm: Communicator, new_folder: bool) -> Options:
    """With what nobody said: the seed, the number of environments, the log folder."""
    seed = new_seed(comm) if options.seed is None else options.seed
    num_env = options.num_env or algorithm.preset(options.preset).num_env
    log_path = options.log_path
    if new_folder and log_path is None:
        # All ranks take rank 0's: the clock may go on between them.
        log_path = comm.all_gather(new_run_folder(options.alg, options.env, seed))[0]
    return dataclasses.replace(options, seed=seed, num_env=num_env, log_path=log_path)


def _environment(options: Options, env: object, comm: Communicator, stack: contextlib.ExitStack) -> VecEnv:
    """The user's own, or environments by name, which are closed at the end."""
    assert options.seed is not None and options.num_env is not None
    seeds_for = functools.partial(env_seeds, options.seed, comm.rank, "train")
    if env is not None:
        return as_vec_env(env, seeds_for)
    video = None
    if options.save_video_interval and comm.rank == 0:
        folder = os.path.join(options.log_path or ".", "videos")
        video = Video(folder, options.save_video_interval, options.save_video_length)
    seeds, cores = seeds_for(options.num_env), comm.share_of_cores()
    made = make_vec_env(options.env, options.num_env, seeds, options.vec_env, cores, video, options.step_timeout)
    stack.callback(made.close)
    return made


def _run(
    options: Options, config: Settings, env: VecEnv, comm: Communicator, logger: Logger, stack: contextlib.ExitStack
) -> Run:
    options = dataclasses.replace(options, num_env=env.num_env)
    return Run(options, env, comm, logger, lambda schedule: record_of(options, config, schedule, comm.size), stack)


def _check_same_run(record: Record, options: Options, env: VecEnv, comm: Communicator) -> None:
    check_same(record.folder, "env", record.options.env, options.env)
    check_same(record.folder, "num_env", record.options.num_env, env.num_env)
    check_same(record.folder, "workers", record.workers, comm.size)
