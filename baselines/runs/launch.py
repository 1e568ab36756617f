"""Training, as the command line or Python asks for it. All input is validated before any file is written."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import baselines
from baselines.common.errors import UserError, as_path
from baselines.common.mpi import Communicator, check_same_on_all
from baselines.common.seeding import env_seeds, new_seed
from baselines.common.settings import names_of
from baselines.common.specs import check_same_sizes, other_task
from baselines.common.streams import open_streams
from baselines.envs import as_vec_env, make_vec_env
from baselines.envs.base import VecEnv
from baselines.envs.names import import_extra, import_module_of
from baselines.envs.rendering import check_renders
from baselines.policies.policy import Agent, read_policy
from baselines.runs.algorithms import find
from baselines.runs.checkpoints import read_newest
from baselines.runs.logger import Logger
from baselines.runs.options import Options
from baselines.runs.record import check_resumed, check_save_path, read_record, resumed_config, resumed_options
from baselines.runs.run import Run
from baselines.runs.wandb_logger import check_installed


def launch(
    given: Mapping[str, Any], settings: Mapping[str, object], comm: Communicator, *, env: object = None,
    eval_env: object = None, callback: Callable[[dict[str, float]], object] | None = None, notes: Sequence[str] = (),
    after: Callable[[Agent, Run], None] = lambda agent, run: None,
) -> Agent:  # fmt: skip
    """Train and return the agent.

    `given` are fields of `Options`, `settings` those of the algorithm's Config, and `notes` lines for the log. `env`,
    `eval_env` and `callback` are those of `baselines.train`. `after` is called before the log is closed.

    Raises UserError, TrainingError, and Interrupted if a signal stopped the run in order.
    """
    open_streams()
    check_same_on_all(comm, {"version of baselines": baselines.__version__, **settings, **given})
    if env_id := import_extra(given.get("extra_import"), given.get("env")):
        given = {**given, "env": env_id}
    record = read_record(as_path("resume", given["resume"])) if given.get("resume") is not None else None
    options = resumed_options(record, given) if record else Options(**given)
    comm.limit_waiting(options.worker_timeout)
    algorithm, policy = find(options.alg), None
    if record:
        config = resumed_config(record, algorithm.Config, settings)
    else:
        import_module_of(options.env)  # which may register a name again that has settings of its own
        policy = read_policy(options.load_path) if options.load_path else None
        of_policy = policy.config if policy else None
        config = algorithm.config(options.env, settings, options.preset, of_policy, names_of(Options))
        seed = new_seed(comm) if options.seed is None else options.seed
        num_env = options.num_env or algorithm.preset(options.preset).num_env
        options = dataclasses.replace(options, seed=seed, num_env=num_env)
    before = record.options.save_path if record else None
    if options.save_path and comm.rank == 0 and os.path.abspath(options.save_path) != before:
        check_save_path(options.save_path)
    if options.wandb_project and comm.rank == 0:
        check_installed()
    with contextlib.ExitStack() as stack:
        logger = Logger(options.log_path, comm.rank > 0, record is not None, options.quiet, options.wandb_project)
        stack.push(lambda kind, *_: logger.close(failed=kind is not None))
        vec_env = _environment(options, env, comm, stack)
        env_id = options.env if env is None else vec_env.spec.env_id
        options = dataclasses.replace(options, env=env_id, num_env=vec_env.num_env)
        config = config.for_env(vec_env.spec)
        same = {n: v for n, v in config.document().items() if n not in names_of(type(config), path=True)}
        check_same_on_all(comm, {**same, "num_env": vec_env.num_env, **vec_env.spec.document()})
        tests = None
        if eval_env is not None:
            tests = _own(eval_env, "test", options, comm, stack)
            if not tests.spec.horizon:
                raise UserError("eval_env has no time limit, so that evaluation may never end: wrap it in TimeLimit")
            check_same_sizes("the policy", vec_env.spec, tests.spec)
        saved = None
        if record:
            check_resumed(record, options, config, settings, comm.size)
            saved = read_newest(record.folder, options.checkpoint_interval, comm, logger)
            # The policy that the run began with may be gone; it is needed only where there is no checkpoint yet.
            policy = read_policy(options.load_path) if options.load_path and not saved else None
        if policy:
            what = f"the policy in {options.load_path}"
            check_same_sizes(what, policy.spec, vec_env.spec)
            notes = [*notes, *other_task(what, policy.spec, vec_env.spec)]
        run = Run(options, config, vec_env, comm, logger, stack, policy, tests, callback, notes, record, saved)
        agent = algorithm.learn(vec_env, config, run)
        if not isinstance(agent, Agent):
            raise UserError(f"--alg={options.alg}: learn must return a baselines.algorithm.Agent, got {agent!r}")
        run.close(named=env is None)
        after(agent, run)
    return agent


def _environment(options: Options, env: object, comm: Communicator, stack: contextlib.ExitStack) -> VecEnv:
    """Return the user's own environments, or environments by name, which `stack` closes."""
    if env is not None:
        return _own(env, "train", options, comm, stack)
    assert options.seed is not None and options.num_env is not None
    seeds = env_seeds(options.seed, comm.rank, "train", options.num_env)
    cores, arguments = comm.share_of_cores(), options.env_arguments()
    vec_env = make_vec_env(options.env, options.num_env, seeds, options.vec_env, cores, options.step_timeout, arguments)
    stack.callback(vec_env.close)
    if options.save_video_interval and comm.rank == 0:
        check_renders(options.env, arguments=arguments)
    return vec_env


def _own(env: object, purpose: str, options: Options, comm: Communicator, stack: contextlib.ExitStack) -> VecEnv:
    """Return the user's own environment as a vector; what is made around it is closed by `stack`."""
    assert options.seed is not None
    seeds_for = functools.partial(env_seeds, options.seed, comm.rank, purpose)
    return as_vec_env(env, seeds_for, options.env_arguments().reward_info, stack)
